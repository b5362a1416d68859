"""The running lab as tests use it: a visitor's clients, the hosts, and the command line."""

import json
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import testinfra
from sockets import WebSocket
from testinfra.host import Host

from deployer import lab as the_lab
from deployer.lab import LabStatus
from deployer.transport import Address

CHECKOUT = Path(__file__).parents[2]


class PublishedPorts(httpx.BaseTransport):
    """Sends every request to one edge's published ports, as if DNS knew the lab's names.

    TLS is verified against the lab's CA, for the name in the URL.
    """

    def __init__(self, http: Address, https: Address, trust: ssl.SSLContext) -> None:
        self._ports = {"http": http, "https": https}
        self._inner = httpx.HTTPTransport(verify=trust)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        address = self._ports[request.url.scheme]
        # A request of its own: the visitor's keeps its URL, by which the cookie jar goes.
        sent = httpx.Request(
            request.method,
            request.url.copy_with(host=address.host, port=address.port),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return self._inner.handle_request(sent)

    def close(self) -> None:
        self._inner.close()


class Lab:
    """The lab of this checkout."""

    @property
    def status(self) -> LabStatus:
        """The lab as it is now: a host that was restarted has other published ports."""
        return the_lab.status()

    def container(self, service: str) -> Host:
        """The container of a service, for testinfra's questions; `lab.container("edge1").file(...)`."""
        return testinfra.get_host(f"docker://{self._member_name(service)}")

    def address(self, edge: str, scheme: str = "https") -> Address:
        """Where `ssh`, `http` or `https` of an edge is published."""
        host, _, port = self.status.to_json()["hosts"][edge][scheme].rpartition(":")
        return Address(host, int(port))

    def trust(self) -> ssl.SSLContext:
        """Trust the lab's CA and nobody else."""
        return ssl.create_default_context(cafile=self.status.ca)

    def client(self, edge: str = "edge1", **options: Any) -> httpx.Client:  # noqa: ANN401 - httpx's own
        """A visitor of one edge; names of the lab resolve, `https://abc.test/` does without its port."""
        ports = PublishedPorts(self.address(edge, "http"), self.address(edge), self.trust())
        return httpx.Client(transport=ports, base_url="https://abc.test", timeout=20, **options)

    def get(self, url: str, *, edge: str = "edge1", **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """One request on a connection of its own; a path is one of https://abc.test."""
        with self.client(edge) as client:
            return client.get(url, **options)

    def websocket(
        self,
        path: str = "/wss",
        *,
        edge: str = "edge1",
        site: str = "abc.test",
        **options: Any,  # noqa: ANN401 - those of websockets
    ) -> WebSocket:
        """Open a WebSocket to an edge; options are those of `websockets.asyncio.client.connect`."""
        host, port = self.address(edge)
        return WebSocket(
            f"wss://{site}{path}", **{"host": host, "port": port, "ssl": self.trust(), **options}
        )

    def deployer(self, *words: str, expect_exit: int = 0) -> dict[str, Any]:
        """Run the command line in the checkout with `--json` and return its document."""
        ended = run([sys.executable, "-m", "deployer", *words, "--json"])
        assert ended.returncode == expect_exit, f"exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        document: dict[str, Any] = json.loads(ended.stdout)
        return document

    def _member_name(self, service: str) -> str:
        member = self.status.member(service)
        assert member is not None, f"{service} is not in the lab"
        return member.container


def run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program in the checkout, without a terminal."""
    return subprocess.run(
        list(argv),
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
