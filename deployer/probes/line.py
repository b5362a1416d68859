"""One connection to a site, TLS included, whatever carries its bytes."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Self, TypeVar

from deployer.transport import Stream
from deployer.transport.streams import CHUNK

_T = TypeVar("_T")


class Line:
    """Bytes to a site and from it.

    Attributes:
        tls: What the handshake agreed on; None where there was none.
        turn: Whose answer comes next, where several ask on one line.
        is_fresh: Whether nobody has asked yet.
        rest: Bytes of the next answer that came with the one before it.
        is_spent: Whether nobody can be answered here any more.
    """

    def __init__(self, stream: Stream, context: ssl.SSLContext | None, name: str) -> None:
        self._stream = stream
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._coming, self._going, server_hostname=name) if context else None
        self.turn = asyncio.Lock()
        self.is_fresh = True
        self.rest = b""
        self.is_spent = False

    @classmethod
    async def open(cls, stream: Stream, context: ssl.SSLContext | None, name: str) -> Self:
        """Shake hands by `name`, where there is a context; on failure the stream is closed.

        Raises:
            ssl.SSLError: No trust, or no common language.
            OSError: The connection broke.
        """
        line = cls(stream, context, name)
        try:
            if line.tls:
                await line._attempt(line.tls.do_handshake)
        except BaseException as error:
            line.close()
            if isinstance(error, ssl.SSLEOFError):
                raise ConnectionResetError("closed during the TLS handshake") from error
            raise
        return line

    async def read(self) -> bytes:
        """Return what has come; nothing at the end.

        Raises:
            OSError: The connection broke.
        """
        if self.tls is None:
            return await self._stream.read()
        tls = self.tls
        try:
            return await self._attempt(lambda: tls.read(CHUNK))
        except ssl.SSLEOFError:
            return b""

    def write(self, data: bytes) -> None:
        """Send `data`; the handshake's last words go with the first of it."""
        if self.tls is None:
            self._stream.write(data)
            return
        self.tls.write(data)
        self._flush()

    def close(self) -> None:
        """Hang up; what TLS has still to say is said."""
        self.is_spent = True
        self._flush()
        self._stream.close()

    def _flush(self) -> None:
        if said := self._going.read():
            self._stream.write(said)

    async def _attempt(self, step: Callable[[], _T]) -> _T:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
            if came := await self._stream.read():
                self._coming.write(came)
            else:
                self._coming.write_eof()
