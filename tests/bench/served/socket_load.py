"""A client of WebSockets that costs little: frames made in advance, plain sockets, one `epoll`.

    python -m tests.bench.served.socket_load messages PORT CONNECTIONS SECONDS
    python -m tests.bench.served.socket_load idle PORT CONNECTIONS

The first has one message at a time on each connection and prints `values.Load` as JSON; the second opens
connections, prints how many, and holds them until its input ends.
"""

import json
import select
import socket
import ssl
import sys
import time
from contextlib import suppress

PAYLOAD = b"x" * 64
MASK = b"\x12\x34\x56\x78"
ASK = b"\x81" + bytes([0x80 | len(PAYLOAD)]) + MASK + bytes(x ^ MASK[i % 4] for i, x in enumerate(PAYLOAD))
ANSWER = b"\x81" + bytes([len(PAYLOAD)]) + PAYLOAD
# As a browser says it.
SHAKE = b"\r\n".join(
    [
        b"GET /wss HTTP/1.1",
        b"Host: localhost",
        b"Connection: Upgrade",
        b"Pragma: no-cache",
        b"Cache-Control: no-cache",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        b"Upgrade: websocket",
        b"Origin: https://localhost",
        b"Sec-WebSocket-Version: 13",
        b"Accept-Encoding: gzip, deflate, br, zstd",
        b"Accept-Language: en-GB,en;q=0.9,de;q=0.8",
        b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; csrftoken=0123456789abcdef",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        b"\r\n",
    ]
)


def main() -> None:
    """Do what the arguments say."""
    what, port, count, *rest = sys.argv[1:]
    if what == "idle":
        _hold(int(port), int(count))
    else:
        sys.stdout.write(json.dumps(_messages(int(port), int(count), float(rest[0]))) + "\n")


def _hold(port: int, count: int) -> None:
    held: list[ssl.SSLSocket] = []
    # A server that takes no more closes, or lets wait.
    with suppress(OSError):
        while len(held) < count:
            held.append(_opened(port))
    sys.stdout.write(f"{len(held)}\n")
    sys.stdout.flush()
    sys.stdin.read()


def _messages(port: int, count: int, seconds: float) -> dict[str, object]:
    poll = select.epoll()
    talks = {}
    for _ in range(count):
        talk = _opened(port)
        talk.setblocking(False)
        talks[talk.fileno()] = (talk.recv, talk.send)
        poll.register(talk.fileno(), select.EPOLLIN)
    started = time.monotonic()
    until = started + seconds
    for _, send in talks.values():
        send(ASK)
    done = 0
    while time.monotonic() < until:
        for number, _ in poll.poll(1):
            receive, send = talks[number]
            try:
                answer = receive(4096)
            except ssl.SSLWantReadError:
                continue
            if answer != ANSWER:
                failure = f"after {done} messages another answer: {answer[:80]!r}"
                return {"count": done, "seconds": time.monotonic() - started, "failure": failure}
            done += 1
            send(ASK)
    return {"count": done, "seconds": time.monotonic() - started}


_CONTEXT = ssl.create_default_context()
_CONTEXT.check_hostname = False
_CONTEXT.verify_mode = ssl.CERT_NONE


def _opened(port: int) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    talk = _CONTEXT.wrap_socket(plain, server_hostname="localhost")
    talk.sendall(SHAKE)
    said = b""
    while b"\r\n\r\n" not in said:
        more = talk.recv(4096)
        if not more:
            raise ConnectionResetError("closed in the handshake")
        said += more
    if not said.startswith(b"HTTP/1.1 101 "):
        raise ConnectionRefusedError(said.split(b"\r\n", 1)[0].decode())
    return talk


if __name__ == "__main__":
    main()
