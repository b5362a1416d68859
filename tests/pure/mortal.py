"""Backends that die in every way: gone, cut, silent, full; and come back."""

import base64
import contextlib
import hashlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from local_nginx import free_port

Mood = Literal["answer", "cut", "hang", "refuse_502"]

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


@dataclass
class Mortal:
    """One server of a backend, HTTP/1.1 and WebSocket handshakes.

    Attributes:
        address: Of loopback.
        port: The same over all its lives.
        mood: What it does with a request that it has read.
        seen: Method of every request that it has read whole.
        bodies: SHA-256 of the body of each.
        connections: How many it has accepted.
    """

    address: str
    port: int
    mood: Mood = "answer"
    seen: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    connections: int = 0
    _server: socketserver.ThreadingTCPServer | None = None
    _open: list[socket.socket] = field(default_factory=list)

    def live(self) -> None:
        """Listen."""
        mortal = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                mortal.connections += 1
                mortal._open.append(self.connection)
                with contextlib.suppress(OSError):
                    while mortal._serve(self):
                        pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self._server = Server((self.address, self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def die(self) -> None:
        """Be gone, with all connections: further ones are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _serve(self, handler: socketserver.StreamRequestHandler) -> bool:
        head = {}
        request = handler.rfile.readline().decode().split()
        while line := handler.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            head[name.lower()] = value.strip()
        if not request:
            return False
        body = handler.rfile.read(int(head.get("content-length", 0)))
        self.seen.append(request[0])
        self.bodies.append(hashlib.sha256(body).hexdigest())
        match self.mood:
            case "cut":
                # A reset, as of a program that crashed.
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            case "hang":
                time.sleep(30)
                return False
            case "refuse_502":
                handler.wfile.write(b"HTTP/1.1 502 Ours\r\nContent-Length: 4\r\n\r\nours")
            case "answer" if "sec-websocket-key" in head:
                accept = hashlib.sha1((head["sec-websocket-key"] + _GUID).encode()).digest()
                handler.wfile.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\r\n\r\n"
                )
            case "answer":
                text = f"{self.address} {request[1]}".encode()
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        return True


@contextlib.contextmanager
def mortals(count: int) -> Iterator[tuple[Mortal, ...]]:
    """Servers at 127.0.0.1, 127.0.0.2, ..., all on one port, alive."""
    port = free_port()
    servers = tuple(Mortal(f"127.0.0.{number}", port) for number in range(1, count + 1))
    try:
        for server in servers:
            server.live()
        yield servers
    finally:
        for server in servers:
            server.die()


@contextlib.contextmanager
def swallowing(count: int = 1) -> Iterator[tuple[str, ...]]:
    """Addresses that swallow packets: they listen with a full queue, so no connection is ever made."""
    with contextlib.ExitStack() as stack:
        addresses = []
        for _ in range(count):
            full = stack.enter_context(socket.socket())
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            addresses.append("{}:{}".format(*full.getsockname()))
        yield tuple(addresses)
