"""Many open WebSockets that talk all the time, each frame with a number."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from background import Background
from visiting import Lab
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PAUSE = 0.5
"""Seconds between two frames of one socket."""

PATIENCE = 60.0
"""Seconds for what should happen at once, on a machine that has much else to do."""

_AT_ONCE = 25


@dataclass
class Talker:
    """One socket: says 0, 1, 2, ... and must hear exactly that.

    Attributes:
        name: Stands in each of its frames.
        said: Frames sent.
        heard: Frames that came back, all of them in order.
        failure: What went wrong, empty where nothing did.
        ended: When nginx or the backend closed it, in seconds since the kernel booted; 0 while it is open.
    """

    name: str
    socket: ClientConnection
    said: int = 0
    heard: int = 0
    failure: str = ""
    ended: float = 0.0
    tasks: tuple[asyncio.Task[None], ...] = field(default=(), repr=False)

    async def speak(self, quiet: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionClosed):
            while not quiet.is_set():
                await self.socket.send(f"{self.name} {self.said}")
                self.said += 1
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(quiet.wait(), PAUSE)

    async def listen(self) -> None:
        try:
            while True:
                frame = await self.socket.recv()
                if frame != f"{self.name} {self.heard}":
                    self.failure = self.failure or f"heard {frame!r} as frame {self.heard}"
                self.heard += 1
        except ConnectionClosed as error:
            self.ended = time.clock_gettime(time.CLOCK_BOOTTIME)
            self.failure = self.failure or f"closed after {self.heard} frames: {error}"


class Talkers:
    """All sockets of one test; made by `talking`."""

    def __init__(self) -> None:
        self.all: tuple[Talker, ...] = ()
        self._background = Background()
        self._quiet = asyncio.Event()

    @property
    def failures(self) -> Sequence[str]:
        """What went wrong so far, a line per socket."""
        return [f"{each.name}: {each.failure}" for each in self.all if each.failure]

    @property
    def frames(self) -> int:
        """How many came back so far."""
        return sum(each.heard for each in self.all)

    def open(self, number: int, address: str, trust: ssl.SSLContext) -> None:
        """Open `number` sockets, all of them before this returns, and let them talk."""
        self._background.run(self._open(number, address, trust))

    def still_talk(self) -> None:
        """Wait until every socket has heard two frames that are not said yet; AssertionError if one fails."""
        goals = [(each, each.said + 2) for each in self.all]
        deadline = time.monotonic() + PATIENCE
        while any(each.heard < goal for each, goal in goals):
            assert not self.failures, self.failures[:5]
            silent = [each.name for each, goal in goals if each.heard < goal]
            assert time.monotonic() < deadline, f"{len(silent)} sockets are silent: {silent[:5]}"
            time.sleep(PAUSE / 5)

    def wait_for_end(self, seconds: float) -> None:
        """Wait until nobody talks any more because every socket was closed."""
        deadline = time.monotonic() + seconds
        while any(not each.ended for each in self.all):
            assert time.monotonic() < deadline, f"{sum(not each.ended for each in self.all)} sockets live on"
            time.sleep(PAUSE / 5)

    def fall_silent(self) -> None:
        """Say nothing more, and wait for the frames that are under way."""
        self._background.run(self._silence())

    def close(self) -> None:
        """Close what is open and end the thread."""
        self._background.run(self._close())
        self._background.stop()

    async def _open(self, number: int, address: str, trust: ssl.SSLContext) -> None:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(index: int) -> Talker:
            async with turns:
                socket = await connect(
                    "wss://abc.test/wss", host=address, port=443, ssl=trust, proxy=None, compression=None,
                    ping_interval=None, open_timeout=PATIENCE, close_timeout=PATIENCE,
                )  # fmt: skip
                return Talker(f"socket {index}", socket)

        self.all = tuple(await asyncio.gather(*(one(index) for index in range(number))))
        for each in self.all:
            each.tasks = (asyncio.create_task(each.speak(self._quiet)), asyncio.create_task(each.listen()))

    async def _silence(self) -> None:
        self._quiet.set()
        await asyncio.gather(*(each.tasks[0] for each in self.all))
        deadline = time.monotonic() + PATIENCE
        while any(each.heard < each.said for each in self.all if not each.ended):
            assert time.monotonic() < deadline, "frames that were said have not come back"
            await asyncio.sleep(PAUSE / 5)

    async def _close(self) -> None:
        self._quiet.set()
        for each in self.all:
            for task in each.tasks:
                task.cancel()
        await asyncio.gather(*(task for each in self.all for task in each.tasks), return_exceptions=True)
        await asyncio.gather(*(each.socket.close() for each in self.all))


@contextlib.contextmanager
def talking(lab: Lab, edge: str, number: int) -> Iterator[Talkers]:
    """Open `number` WebSockets to the echo backend behind `edge`; they talk until the block ends.

    Straight to the host: Docker's proxy of published ports would stand between.
    """
    member = lab.status.member(edge)
    assert member is not None
    talkers = Talkers()
    try:
        talkers.open(number, member.address, lab.trust())
        yield talkers
    finally:
        talkers.close()
