"""The WebSocket backend: shakes hands, and answers the one message that `socket_load.py` sends.

python -m tests.bench.served.socket_echo PORT
"""

import base64
import hashlib
import re
import select
import socket
import sys

from tests.bench.served.socket_load import ANSWER, ASK

_KEY = re.compile(rb"(?i)sec-websocket-key: *(\S+)")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def main(port: int) -> None:
    """Serve until the process is ended."""
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    talks: dict[int, socket.socket] = {}
    open_: set[int] = set()
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                talk, _address = listener.accept()
                talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                talks[talk.fileno()] = talk
                poll.register(talk.fileno(), select.EPOLLIN)
                continue
            talk = talks[number]
            said = _received(talk)
            if said == ASK:
                talk.send(ANSWER)
            elif said and number not in open_:
                talk.send(_accepting(said))
                open_.add(number)
            else:
                # The end, or what nobody here sends.
                poll.unregister(number)
                open_.discard(number)
                talks.pop(number).close()


def _received(talk: socket.socket) -> bytes:
    try:
        return talk.recv(4096)
    except OSError:
        return b""


def _accepting(handshake: bytes) -> bytes:
    key = _KEY.search(handshake)
    accept = base64.b64encode(hashlib.sha1((key[1] if key else b"") + _GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


if __name__ == "__main__":
    main(int(sys.argv[1]))
