"""What is measured: per row the load, what it asks for, how its answer is read."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.served import reading
from tests.bench.served.values import Load

Command = Callable[[int, int], Sequence[str]]
"""From port and seconds to what loads the server."""

IDLE, IDLE_TITLE = "idle", "idle WebSockets per MB"
_CONNECTIONS = 32
_AT_A_TIME = 4
_PER_CONNECTION = 900
"""HTTP/2 requests: at 1,000 nginx closes a connection, as is its default, and h2load opens no other."""


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        key: As results say it.
        title: As tables say it.
        path: What is asked for, and must be right before it counts; empty for WebSockets.
        command: What loads the server.
        read: From what that prints to a result.
        timed: It runs for as long as it is told; else it is run again.
        short: The short form has it, too.
    """

    key: str
    title: str
    path: str
    command: Command
    read: Callable[[str], Load]
    timed: bool = True
    short: bool = True


def _wrk(path: str, *options: str) -> Command:
    return lambda port, seconds: (
        *("wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"),
        *options,
        f"https://localhost:{port}{path}",
    )


def _h2load(path: str, *, connections: int, requests: int) -> Command:
    return lambda port, _: (
        *("h2load", "-t1", f"-c{connections}", f"-m{_AT_A_TIME}", f"-n{requests}"),
        f"--connect-to=127.0.0.1:{port}",
        f"https://localhost:{port}{path}",
    )


def _h2(key: str, title: str, path: str) -> Row:
    connections = _CONNECTIONS // _AT_A_TIME
    load = _h2load(path, connections=connections, requests=connections * _PER_CONNECTION)
    return Row(key, title, path, load, reading.h2load, timed=False)


def _h1(key: str, title: str, path: str, *options: str) -> Row:
    return Row(key, title, path, _wrk(path, *options), reading.wrk)


def _messages(port: int, seconds: int) -> Sequence[str]:
    return (*_socket_load("messages", port), str(_CONNECTIONS), str(seconds))


def idle_command(port: int, count: int) -> Sequence[str]:
    """Return what opens `count` WebSockets and holds them until its input ends."""
    return (*_socket_load("idle", port), str(count))


def _socket_load(what: str, port: int) -> Sequence[str]:
    return (sys.executable, "-m", "tests.bench.served.socket_load", what, str(port))


_HANDSHAKES = _h2load("/page.html", connections=100, requests=100)

ROWS = (
    _h1("static", "static file, HTTP/1.1", "/page.html"),
    _h2("static-h2", "static file, HTTP/2", "/page.html"),
    _h1("resumed", "static file, a resumed TLS session each", "/page.html", "-H", "Connection: close"),
    Row(
        "handshakes",
        "static file, a full TLS handshake each",
        "/page.html",
        _HANDSHAKES,
        reading.h2load,
        timed=False,
        short=False,
    ),
    _h1("php", "PHP", "/app/page.php"),
    _h1("tomcat", "Tomcat", "/Tomcat/page.jsp"),
    _h1("proxy", "proxied, HTTP/1.1", "/api/page"),
    _h2("proxy-h2", "proxied, HTTP/2", "/api/page"),
    Row("messages", "WebSocket messages, there and back", "", _messages, reading.sockets),
)
TITLES = {row.key: row.title for row in ROWS} | {IDLE: IDLE_TITLE}
