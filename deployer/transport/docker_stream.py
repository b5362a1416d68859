"""The stream of one `docker exec`: input raw, output in frames of two kinds."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any

from deployer.errors import UnreachableError
from deployer.transport.streams import CHUNK

_HEADER = struct.Struct(">BxxxL")
_STDERR = 2

Sink = Callable[[bytes], None]


async def open_stream(attached: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # noqa: ANN401 - the SDK has no type for it
    """Take over the socket that the SDK's `exec_start(socket=True)` returns.

    Raises:
        UnreachableError: The engine is reached by TLS or SSH, where the input cannot be ended
            without ending the output too.
    """
    if not isinstance(attached, socket.SocketIO) or isinstance(_socket_of(attached), ssl.SSLSocket):
        raise UnreachableError(
            "ansible_connection: docker needs an engine on a unix socket or plain TCP",
            next_step="unset DOCKER_HOST and run deployer on the engine's host",
        )
    own, early = _take_over(attached)
    reader = asyncio.StreamReader()
    reader.feed_data(early)
    protocol = asyncio.StreamReaderProtocol(reader)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: protocol, sock=own)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def demultiplex(reader: asyncio.StreamReader, out: Sink, err: Sink) -> None:
    """Hand standard output to `out` and standard error to `err` until the stream ends.

    Frames: https://docs.docker.com/reference/api/engine/ (container attach, "stream format").

    Raises:
        asyncio.IncompleteReadError: The stream ended inside a frame.
    """
    while not reader.at_eof():
        try:
            kind, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise
            return
        sink = err if kind == _STDERR else out
        while length:
            chunk = await reader.readexactly(min(length, CHUNK))
            length -= len(chunk)
            sink(chunk)


def _take_over(attached: Any) -> tuple[socket.socket, bytes]:  # noqa: ANN401 - as above
    """Return a socket of our own, and what the SDK has read of the stream already.

    A quick command's first output can arrive with the HTTP headers; it is then in the
    response's buffer, which the SDK passes over. Not blocking, so that an empty buffer is seen.
    """
    response = attached._response
    raw = _socket_of(attached)
    raw.setblocking(False)
    early = bytes(response.raw._fp.fp.peek() or b"")
    own = raw.dup()
    response.close()
    return own, early


def _socket_of(attached: socket.SocketIO) -> socket.socket:
    return attached._sock  # type: ignore[attr-defined, no-any-return]  # not in typeshed; the SDK uses it too
