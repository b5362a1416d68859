"""A host with one plain site under the real nginx, rendered for that very nginx."""

import contextlib
import http.client
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import local_nginx
from rich_host import make_host, render_nginx

from deployer.facts import Facts

STATIC = "still here"


@dataclass(frozen=True)
class Front:
    """What a visitor of `abc.test` gets."""

    port: int
    master: "subprocess.Popen[bytes]"

    def ask(
        self, path: str, *, method: str = "GET", body: bytes = b"", timeout: float = 20
    ) -> tuple[int, str]:
        """Status and text of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body=body or None, headers={"Host": "abc.test"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def status(self, path: str, *, method: str = "GET") -> int:
        """Its status alone."""
        return self.ask(path, method=method)[0]

    def shake_hands(self, path: str, *, timeout: float = 20) -> int:
        """The status that a WebSocket's handshake gets."""
        wanted = {"Host": "abc.test", "Connection": "Upgrade", "Upgrade": "websocket"}
        wanted |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=wanted)
            return connection.getresponse().status

    def reload(self) -> None:
        """As after an apply."""
        local_nginx.reload(self.master)


@contextlib.contextmanager
def fronting(
    root: Path,
    locations: Sequence[Mapping[str, Any]],
    *,
    dns: int = 9,
    hosts: Mapping[str, str] | None = None,
    **variables: Any,  # noqa: ANN401 - of the inventory
) -> Iterator[Front]:
    """Run nginx with `locations`, and `/`, a file, beside them; `dns` is a port of loopback."""
    port = local_nginx.free_port()
    (root / "www").mkdir(exist_ok=True)
    (root / "www/index.html").write_text(STATIC)
    site = {
        "name": "abc",
        "server_names": "abc.test",
        "http_port": port,
        "locations": [*locations, {"path": "/", "static": {"root": str(root / "www")}}],
    }
    values = {
        "sites": [site],
        "nginx_release_port": local_nginx.free_port(),
        "nginx_worker_processes": 1,
        "nginx_resolver_timeout": "200ms",
        "nginx_resolver_valid": "1s",
        **variables,
    }
    facts = Facts(
        nginx_version=local_nginx.version(),
        resolvers=(f"127.0.0.1:{dns}",),
        hosts=tuple((hosts or {}).items()),
    )
    configuration = local_nginx.place(render_nginx(make_host(values), facts), root, sites=())
    with local_nginx.running(configuration, port=port) as master:
        yield Front(port, master)
