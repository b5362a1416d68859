"""TLS and HTTP/1.1 by hand, for what well-behaved clients neither send nor show."""

from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPResponse, RemoteDisconnected
from socket import create_connection, socket
from ssl import SSLSocket

import httpx
from visiting import Lab

EDGES = ("edge1", "edge2", "edge3")


@dataclass(frozen=True)
class Answer:
    """What a server said to one request."""

    status: int
    headers: httpx.Headers
    body: bytes


def tls(lab: Lab, edge: str, *, name: str = "abc.test", alpn: Sequence[str] = ()) -> SSLSocket:
    """Shake hands with an edge for a name, trusting the lab's CA only; `alpn` empty: none is offered."""
    trust = lab.trust()
    if alpn:
        trust.set_alpn_protocols(list(alpn))
    plain = create_connection(lab.address(edge), timeout=20)
    try:
        return trust.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def ask(connection: socket, *lines: str) -> Answer | None:
    """Send the lines of one request; None is a server that hangs up without a word."""
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    response = HTTPResponse(connection, method=lines[0].split(" ", 1)[0])
    try:
        response.begin()
    except RemoteDisconnected:
        return None
    with response:
        return Answer(response.status, httpx.Headers(response.getheaders()), response.read())
