"""A real nginx on loopback, in front of backends that the test starts, stops, or leaves away."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployer import certs
from deployer.model.host import Host, HostVariables
from deployer.outcome import ProbeResult
from deployer.probes import Question
from deployer.transport import Address, Stream
from deployer.transport.streams import connected

NGINX = "/usr/sbin/nginx"

CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; absolute_redirect off; server_tokens off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {{
        listen 127.0.0.1:{http}; server_name abc.test; return 308 https://abc.test:{https}$request_uri;
    }}
    server {{ listen 127.0.0.1:{https} ssl default_server; ssl_reject_handshake on; return 444; }}
    server {{
        listen 127.0.0.1:{https} ssl; server_name abc.test *.abc.test;
        ssl_certificate {folder}/abc.pem; ssl_certificate_key {folder}/abc.key;
        {locations}
    }}
}}
"""

PROXY = """location {path} {{
    proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection; proxy_buffering off;
}}"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Served:
    """A running nginx and the inventory's view of it."""

    host: Host
    folder: Path
    backend: int
    serving: dict[str, bytes]

    async def stream_to(self, port: int) -> Stream:
        return await connected(Address("127.0.0.1", port))

    def trust(self, site: Any) -> bytes | None:  # noqa: ANN401 - as the model types it
        return certs.trust(self.host, site, serving=self.serving)


@contextlib.contextmanager
def served(folder: Path, locations: list[dict[str, Any]], config: str = "") -> Iterator[Served]:
    """Run nginx with `config` for the site abc.test, of which the inventory says `locations`."""
    if not Path(NGINX).exists():
        raise FileNotFoundError(f"{NGINX} is missing: apt-get install nginx")
    http, https, backend = free_port(), free_port(), free_port()
    host = _host(folder, locations, ports=(http, https), backend=backend)
    serving = _certify(host, folder)
    proxies = config.replace("BACKEND", str(backend))
    text = CONFIG.format(folder=folder, http=http, https=https, locations=proxies)
    (folder / "nginx.conf").write_text(text)
    nginx = subprocess.Popen(
        [NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)], stderr=subprocess.DEVNULL
    )
    try:
        _await_port(nginx, https, folder / "error.log")
        yield Served(host, folder, backend, serving)
    finally:
        nginx.terminate()
        nginx.wait()


def _host(folder: Path, locations: list[dict[str, Any]], *, ports: tuple[int, int], backend: int) -> Host:
    site = {
        "name": "abc",
        "server_names": ["abc.test", "*.abc.test"],
        "http_port": ports[0],
        "https_port": ports[1],
        "tls": {"local_ca": {"directory": "ca"}},
        "locations": locations,
    }
    upstreams = {"backend": {"servers": [f"127.0.0.1:{backend}"]}}
    settings = HostVariables.model_validate({"sites": [site], "upstreams": upstreams})
    return Host("edge1", settings=settings, directory=str(folder))


def _certify(host: Host, folder: Path) -> dict[str, bytes]:
    now = datetime.now(UTC)
    (certificate,) = certs.obtain(host, certs.decide(host, {}, now), now)
    (folder / "abc.pem").write_bytes(certificate.fullchain)
    (folder / "abc.key").write_text(certificate.key.reveal())
    return {"abc": certificate.fullchain}


def _await_port(nginx: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if nginx.poll() is not None:
            raise RuntimeError(f"nginx ended: {log.read_text()}")
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise RuntimeError("nginx does not listen")


def said(results: tuple[ProbeResult, ...]) -> dict[tuple[str, str], tuple[str, str]]:
    """Verdict and words by location and kind."""
    return {(each.location, each.kind): (each.verdict.value, each.said) for each in results}


def of_kind(questions: tuple[Question, ...], *kinds: str) -> tuple[Question, ...]:
    return tuple(question for question in questions if question.kind in kinds)
