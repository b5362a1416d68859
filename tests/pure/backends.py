"""What stands behind the sites in tests: an HTTP application, a WebSocket echo, a FastCGI responder.

Each tells what it saw.
"""

import contextlib
import json
import socketserver
import struct
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol


class App(BaseHTTPRequestHandler):
    """Answers JSON: method, path and headers as received. `?status=` and `?header=Name:value` shape it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Any method gets the same answer."""
        asked = parse_qs(urlsplit(self.path).query)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps(
            {
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
            }
        ).encode()
        self.send_response(int(asked.get("status", ["200"])[0]))
        for header in asked.get("header", []):
            self.send_header(*header.split(":", 1))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_OPTIONS = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def app() -> Iterator[int]:
    """An HTTP application on the port that is given back."""
    with ThreadingHTTPServer(("127.0.0.1", 0), App) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _echo(connection: ServerConnection) -> None:
    request = connection.request
    assert request is not None
    connection.send(json.dumps({name.lower(): value for name, value in request.headers.raw_items()}))
    with contextlib.suppress(ConnectionClosed):
        for message in connection:
            connection.send(message)


def _chat(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((name for name in offered if name == "chat"), None)


@contextlib.contextmanager
def echo() -> Iterator[int]:
    """A WebSocket server that first says which headers it saw, then echoes."""
    with serve(_echo, "127.0.0.1", 0, select_subprotocol=_chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1]
        server.shutdown()


class Responder(socketserver.StreamRequestHandler):
    """FastCGI 1.0, as far as nginx needs it: answers the parameters as JSON."""

    def handle(self) -> None:
        """Read one request, answer it."""
        params = b""
        while True:
            header = self.rfile.read(8)
            if len(header) < 8:
                return
            _, kind, request, length, padding = struct.unpack("!BBHHBx", header)
            content = self.rfile.read(length + padding)[:length]
            if kind == 4:
                params += content
            if kind == 5 and not content:
                break
        body = json.dumps(dict(_pairs(params)))
        answer = f"Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{body}".encode()
        self._send(request, 6, answer)
        self._send(request, 3, b"\0" * 8)

    def _send(self, request: int, kind: int, content: bytes) -> None:
        self.wfile.write(struct.pack("!BBHHBx", 1, kind, request, len(content), 0) + content)


def _pairs(data: bytes) -> Iterator[tuple[str, str]]:
    position = 0

    def length() -> int:
        nonlocal position
        first = data[position]
        position += 4 if first >> 7 else 1
        return struct.unpack_from("!I", data, position - 4)[0] & 0x7FFFFFFF if first >> 7 else first

    while position < len(data):
        name, value = length(), length()
        text = data[position : position + name + value]
        position += name + value
        yield text[:name].decode(), text[name:].decode()


@contextlib.contextmanager
def fpm(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A FastCGI server that says what it saw; it would run any script it is told to."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server((address, port), Responder) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
