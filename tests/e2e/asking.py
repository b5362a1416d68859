"""Visitors who ask all the time, each in the way of one kind of client, and count what became of it.

What a client may repeat by itself, as browsers do, is counted and no failure; everything else that is not
the whole right answer is one.
"""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from background import Background
from wire_http1 import ClosedError, Http1
from wire_http2 import CutStreamError, Http2, RefusedStreamError

PATIENCE = 30.0
"""Seconds for one answer."""


@dataclass
class Tally:
    """What became of the requests of one kind of visitor.

    Attributes:
        answered: Requests that got their whole right answer.
        connections: That were opened.
        closed: Requests on a connection that had been used before, and was closed under them without a
            byte of an answer: a server may do that, and browsers ask again on a new one (RFC 9112, 9.3.1).
        refused: Requests that an HTTP/2 server named as not looked at (RFC 9113, 6.8 and 8.7).
        farewells: HTTP/2 connections that were ended by a GOAWAY.
        failures: What a visitor would have seen go wrong, with the time.
    """

    answered: int = 0
    connections: int = 0
    closed: int = 0
    refused: int = 0
    farewells: int = 0
    failures: list[str] = field(default_factory=list)

    def fail(self, what: str) -> None:
        self.failures.append(f"{time.strftime('%H:%M:%S')} {what}")


@cache
def _trust(ca: str, alpn: str) -> ssl.SSLContext:
    trust = ssl.create_default_context(cafile=ca)
    trust.set_alpn_protocols([alpn])
    return trust


@dataclass(frozen=True)
class Server:
    """Where to ask, and what for: path to what tells a right answer."""

    address: str
    ca: str
    pages: Mapping[str, Callable[[bytes], bool]]

    async def connect(self, alpn: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        trust = self.trust(alpn)
        return await asyncio.open_connection(self.address, 443, ssl=trust, server_hostname="abc.test")

    def trust(self, alpn: str) -> ssl.SSLContext:
        """What offers one protocol and believes the lab's CA."""
        return _trust(self.ca, alpn)

    def judge(self, path: str, tally: Tally, answer: tuple[int, bytes]) -> None:
        """Count an answer as right or as a failure."""
        status, body = answer
        if status == 200 and self.pages[path](body):
            tally.answered += 1
        else:
            tally.fail(f"{path}: {status}, {len(body)} bytes: {body[:200]!r}")


class Client(Protocol):
    """One visitor of one kind."""

    async def ask(self, server: Server, path: str, tally: Tally) -> None: ...

    async def close(self) -> None: ...


class NewConnections:
    """Asks every time on a connection of its own."""

    async def ask(self, server: Server, path: str, tally: Tally) -> None:
        connection = Http1(*await server.connect("http/1.1"))
        tally.connections += 1
        try:
            server.judge(path, tally, await connection.ask(path, last=True))
        finally:
            await connection.close()

    async def close(self) -> None: ...


@dataclass
class KeepAlive:
    """Asks on one connection of HTTP/1.1 as long as it is there.

    Attributes:
        repeats: Whether it asks again where a used connection was closed under a request. One that does
            not is there to be counted.
    """

    repeats: bool
    connection: Http1 | None = None

    async def ask(self, server: Server, path: str, tally: Tally) -> None:
        if self.connection and not self.connection.reusable:
            await self.close()
        if self.connection is None:
            self.connection = Http1(*await server.connect("http/1.1"))
            tally.connections += 1
        used = self.connection.asked > 0
        try:
            server.judge(path, tally, await self.connection.ask(path))
        except ClosedError:
            await self.close()
            if not used:
                raise
            tally.closed += 1
            if self.repeats:
                await self.ask(server, path, tally)

    async def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection:
            await connection.close()


class Multiplexed:
    """Asks for several pages at once on one connection of HTTP/2."""

    def __init__(self, width: int = 4) -> None:
        self._width = width
        self._current: Http2 | None = None
        self._former: list[Http2] = []
        self._turn = asyncio.Lock()

    async def ask(self, server: Server, path: str, tally: Tally) -> None:
        paths = [path, *random.choices(list(server.pages), k=self._width - 1)]
        await asyncio.gather(*(self._one(server, each, tally) for each in paths))
        await self._leave()

    async def _one(self, server: Server, path: str, tally: Tally) -> None:
        connection = await self._usable(server, tally)
        used = connection.answered > 0
        try:
            server.judge(path, tally, await connection.ask(path))
        except RefusedStreamError:
            tally.refused += 1
            await self._one(server, path, tally)
        except CutStreamError as error:
            if not used or error.status:
                raise
            tally.closed += 1
            await self._one(server, path, tally)

    async def _usable(self, server: Server, tally: Tally) -> Http2:
        async with self._turn:
            if self._current and self._current.usable:
                return self._current
            if self._current:
                # Answers may still be under way there.
                self._former.append(self._current)
                tally.farewells += self._current.last is not None
            self._current = Http2(*await server.connect("h2"))
            tally.connections += 1
            return self._current

    async def _leave(self) -> None:
        former, self._former = self._former, []
        for connection in former:
            await connection.close()

    async def close(self) -> None:
        if self._current:
            self._former.append(self._current)
        self._current = None
        await self._leave()


class Visitors:
    """All visitors of one test; made by `visiting_all_the_time`."""

    def __init__(self) -> None:
        self._background = Background()
        self._enough = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def send(self, client: Client, server: Server, tally: Tally, *, pause: float) -> None:
        """Let one more visitor ask, with `pause` seconds in the mean between two requests."""

        async def begin() -> None:
            self._tasks.append(asyncio.create_task(self._visit(client, server, tally, pause=pause)))

        self._background.run(begin())

    def stop(self) -> None:
        """Let everybody have the answer that they wait for, and leave."""

        async def end() -> None:
            self._enough.set()
            await asyncio.gather(*self._tasks)

        self._background.run(end())
        self._background.stop()

    async def _visit(self, client: Client, server: Server, tally: Tally, *, pause: float) -> None:
        paths = list(server.pages)
        while not self._enough.is_set():
            path = random.choice(paths)
            try:
                async with asyncio.timeout(PATIENCE):
                    await client.ask(server, path, tally)
            except (OSError, ClosedError, CutStreamError, TimeoutError) as error:
                tally.fail(f"{path}: {type(error).__name__} {error}")
                await client.close()
            await asyncio.sleep(random.uniform(0, 2 * pause))
        await client.close()


@contextlib.contextmanager
def visitors() -> Iterator[Visitors]:
    """Visitors who ask until the block ends."""
    made = Visitors()
    try:
        yield made
    finally:
        made.stop()
