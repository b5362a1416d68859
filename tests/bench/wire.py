"""One connection over a longer wire.

Round trips are counted as congestion control does (BBR's packet-timed rounds): a flight is all that the
client sends until it has got something that the server sent after the flight's first byte had reached it. A
flight that nothing answers (a goodbye) costs no round trip, and the TCP handshake costs one.
"""

import asyncio
from collections.abc import Callable

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_CHUNK = 65536
_END = b""


class Wire:
    """Carries bytes between two connections, each of them half of `delay` seconds late."""

    def __init__(self, delay: float) -> None:
        self._half = delay / 2
        self._flight = 0
        self._reached = 0
        self._answered = 0
        self.sent = 0
        self.received = 0

    @property
    def round_trips(self) -> int:
        """How often the client has waited for the server, the handshake included."""
        return 1 + self._answered

    async def carry(self, client: Pair, target: tuple[str, int]) -> None:
        """Carry until both sides have ended.

        Raises:
            OSError: The target does not answer.
            ExceptionGroup: Of OSErrors: a side hung up.
        """
        loop = asyncio.get_running_loop()
        opened = loop.time()
        # The client sends when its handshake is answered; the server is there when the answer's answer is.
        await asyncio.sleep(3 * self._half)
        server = await asyncio.open_connection(*target)
        try:
            async with asyncio.TaskGroup() as both:
                up = self._pump(client[0], self._to_server(server[1]), not_before=opened + 2 * self._half)
                both.create_task(up)
                both.create_task(self._pump(server[0], self._to_client(client[1])))
        finally:
            server[1].close()

    async def _pump(self, reader: asyncio.StreamReader, towards: "_Side", *, not_before: float = 0) -> None:
        """Read at once, deliver late, in order."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, int, bytes]] = asyncio.Queue()

        async def read() -> None:
            chunk = None
            while chunk != _END:
                try:
                    chunk = await reader.read(_CHUNK)
                except OSError:
                    chunk = _END
                queue.put_nowait((max(loop.time(), not_before) + self._half, towards.leave(chunk), chunk))

        async def deliver() -> None:
            chunk = None
            while chunk != _END:
                due, mark, chunk = await queue.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await towards.arrive(mark, chunk)

        async with asyncio.TaskGroup() as both:
            both.create_task(read())
            both.create_task(deliver())

    def _to_server(self, writer: asyncio.StreamWriter) -> "_Side":
        def leave(chunk: bytes) -> int:
            if chunk and self._answered >= self._flight:
                self._flight += 1
            self.sent += len(chunk)
            return self._flight

        def arrive(flight: int) -> None:
            self._reached = max(self._reached, flight)

        return _Side(writer, leave, arrive)

    def _to_client(self, writer: asyncio.StreamWriter) -> "_Side":
        def leave(chunk: bytes) -> int:
            self.received += len(chunk)
            return self._reached if chunk else 0

        def arrive(flight: int) -> None:
            self._answered = max(self._answered, flight)

        return _Side(writer, leave, arrive)


class _Side:
    """Where bytes go: what is noted when they leave, and when they arrive."""

    def __init__(
        self, writer: asyncio.StreamWriter, leave: Callable[[bytes], int], arrived: Callable[[int], None]
    ) -> None:
        self.leave = leave
        self._arrived = arrived
        self._writer = writer

    async def arrive(self, mark: int, chunk: bytes) -> None:
        self._arrived(mark)
        if chunk != _END:
            self._writer.write(chunk)
            await self._writer.drain()
        elif self._writer.can_write_eof():
            self._writer.write_eof()
