"""What all transports do with a command's three streams, and with a connection to a port."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Protocol

from deployer.transport import Address, LineSink, Stream

CHUNK = 65536


class Writer(Protocol):
    """The writing half of asyncio's, asyncssh's and our own streams."""

    def write(self, data: bytes) -> None:
        """Take `data` for sending."""
        ...

    def write_eof(self) -> None:
        """Say that nothing follows."""
        ...

    async def drain(self) -> None:
        """Wait until there is room for more."""
        ...


class Lines:
    """Collects output and shows every line to `on_line` as soon as it is complete."""

    def __init__(self, on_line: LineSink | None = None) -> None:
        self._on_line = on_line
        self._chunks: list[bytes] = []
        self._partial = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, which may end anywhere, inside a character too."""
        self._chunks.append(chunk)
        if self._on_line is None:
            return
        self._partial += chunk
        if b"\n" in chunk:
            *complete, rest = bytes(self._partial).split(b"\n")
            self._partial = bytearray(rest)
            self._show(complete)

    def finish(self) -> str:
        """Show the last line if it has no newline; return all output, undecodable bytes replaced."""
        if self._partial:
            self._show([bytes(self._partial)])
            self._partial.clear()
        return b"".join(self._chunks).decode(errors="replace")

    def _show(self, lines: list[bytes]) -> None:
        if self._on_line is not None:
            for line in lines:
                self._on_line(line.decode(errors="replace"))


async def feed(stdin: AsyncIterator[bytes] | None, writer: Writer) -> None:
    """Send `stdin` as it comes, then end of input; stop early where nobody reads any more.

    The iterator's own errors come through; it is closed in every case.
    """
    try:
        if stdin is None or await _send_all(stdin, writer):
            _send_eof(writer)
    finally:
        if isinstance(stdin, AsyncGenerator):
            await stdin.aclose()


async def _send_all(stdin: AsyncIterator[bytes], writer: Writer) -> bool:
    async for chunk in stdin:
        try:
            writer.write(chunk)
            await writer.drain()
        except (BrokenPipeError, ConnectionResetError):
            return False
    return True


def _send_eof(writer: Writer) -> None:
    try:
        writer.write_eof()
    except OSError:
        return


async def copy(chunks: AsyncIterator[bytes], sink: Callable[[bytes], None]) -> None:
    """Hand every chunk to `sink`."""
    async for chunk in chunks:
        sink(chunk)


async def converse(feeding: Coroutine[None, None, None], *readings: Coroutine[None, None, None]) -> None:
    """Feed a command and read from it at the same time, until all `readings` have ended.

    The command's end ends the feeding. The first error of any of them is raised; nothing is left running.
    """
    readers = [asyncio.ensure_future(reading) for reading in readings]
    running = {asyncio.ensure_future(feeding), *readers}
    everything = set(running)
    try:
        while not all(reader.done() for reader in readers):
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)


async def connected(address: Address) -> Stream:
    """Connect to `address` by TCP.

    Raises:
        OSError: Nobody answers there.
    """
    return _Socket(*await asyncio.open_connection(*address))


class _Socket:
    """A socket of asyncio's as a stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """Return what has come."""
        return await self._reader.read(CHUNK)

    def write(self, data: bytes) -> None:
        """Send it, at once where the kernel takes it."""
        self._writer.write(data)

    def close(self) -> None:
        """Hang up, and wait for nobody."""
        self._writer.transport.abort()
