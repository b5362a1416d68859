"""The servers that are compared: each one's configuration, and the command that runs it."""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from deployer.facts import Facts
from tests.bench.served.scene import Scene, new_port
from tests.pure.local_nginx import place, version
from tests.pure.rich_host import make_host, render_nginx

OURS, NAIVE, TUNED, CADDY, HAPROXY = "deployer", "naive", "tuned", "caddy", "haproxy"
LOOKING = "looking"
"""The tuned nginx without its cache of open files: what that costs, and nothing else, is told by it."""


@dataclass(frozen=True)
class Server:
    """One server.

    Attributes:
        name: As results say it.
        title: As tables say it.
        command: Writes its configuration for a port and returns what runs it.
        cannot: Rows that are not its job.
    """

    name: str
    title: str
    command: Callable[[Scene, int], Sequence[str]]
    cannot: tuple[str, ...] = ()


def _ours(scene: Scene, port: int) -> Sequence[str]:
    more = {"PORT": str(port), "HTTP_PORT": str(new_port()), "RELEASE_PORT": str(new_port())}
    inventory = yaml.safe_load(scene.filled("inventory.yaml", **more))
    host = make_host(inventory["all"]["hosts"]["served"])
    root = scene.folder / "deployer"
    shutil.rmtree(root, ignore_errors=True)
    bundle = render_nginx(host, Facts(nginx_version=version(), ipv6=False))
    return _nginx(place(bundle, root, sites=("served",)))


def _written(name: str) -> Callable[[Scene, int], Sequence[str]]:
    return lambda scene, port: _nginx(scene.write(f"{name}.conf", PORT=str(port)))


def _looking(scene: Scene, port: int) -> Sequence[str]:
    text = scene.filled(f"{TUNED}.conf", PORT=str(port)).replace(f"/{TUNED}", f"/{LOOKING}")
    path = scene.folder / f"{LOOKING}.conf"
    path.write_text(re.sub(r"(?m)^ *open_file_cache.*\n", "", text))
    return _nginx(path)


def _caddy(scene: Scene, port: int) -> Sequence[str]:
    path = scene.write("Caddyfile", PORT=str(port))
    return (
        "env",
        f"XDG_CONFIG_HOME={scene.folder}",
        "caddy",
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        str(path),
    )


def _haproxy(scene: Scene, port: int) -> Sequence[str]:
    return ("haproxy", "-db", "-f", str(scene.write("haproxy.cfg", PORT=str(port))))


def _nginx(configuration: Path) -> Sequence[str]:
    return ("/usr/sbin/nginx", "-c", str(configuration), "-g", "daemon off;")


_ALL_BUT_STATIC = ("resumed", "handshakes", "php", "tomcat", "proxy", "proxy-h2", "messages", "idle")

SERVERS = (
    Server(OURS, "deployer", _ours),
    Server(NAIVE, "nginx, naive", _written(NAIVE)),
    Server(TUNED, "nginx, tuned by hand", _written(TUNED)),
    Server(LOOKING, "the same, looking at files anew", _looking, cannot=_ALL_BUT_STATIC),
    Server(CADDY, "Caddy", _caddy),
    Server(HAPROXY, "HAProxy", _haproxy, cannot=("static", "static-h2", "resumed", "handshakes")),
)
TITLES = {server.name: server.title for server in SERVERS}
