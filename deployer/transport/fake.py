"""A host that is a function: for tests of everything above the transports, and for simulations."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from deployer.errors import UnreachableError
from deployer.model.host import Host
from deployer.transport import Address, LineSink, Result, Stream
from deployer.transport.streams import Lines, connected

Answer = Callable[[tuple[str, ...], bytes], Result | Iterable[str]]
"""From a command and all of its input to its result; lines alone mean success."""

Dialogue = Callable[[tuple[str, ...], AsyncIterator[bytes]], AsyncIterator[str | Result]]
"""Reads the input as it comes and yields lines as they are said, at last perhaps a `Result`.

The result's `stdout` follows what was said; without one the command succeeded.
"""


@dataclass(frozen=True)
class Call:
    """One command that was run, and the bytes that it was fed."""

    argv: tuple[str, ...]
    stdin: bytes


@dataclass
class FakeTransport:
    """A transport without a host; `connect` stands in for `transport.connect.connect`.

    Either function may raise `UnreachableError`, as a lost connection would.

    Attributes:
        answer: What commands say, once all of their input was read.
        dialogue: Instead of `answer`, for commands that speak while they read.
        addresses: Where the host's ports answer; the loopback port itself where one is not listed.
        calls: All commands, oldest first.
        connections: How often `connect` was called.
        closed: Whether `close` was called; after that, running anything is a lost connection.
    """

    answer: Answer = lambda argv, stdin: ()
    dialogue: Dialogue | None = None
    addresses: Mapping[int, Address] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    closed: bool = False

    @property
    def received(self) -> int:
        """Bytes that all commands were fed."""
        return sum(len(call.stdin) for call in self.calls)

    async def connect(self, host: Host) -> Self:
        """Count one connection to whatever `host`."""
        self.connections += 1
        return self

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: AsyncIterator[bytes] | None = None,
        on_line: LineSink | None = None,
    ) -> Result:
        """Ask the function and note the call."""
        if self.closed:
            raise UnreachableError("the connection is closed")
        fed = bytearray()
        say = (self.dialogue or self._after_input)(tuple(argv), _noting(stdin, fed))
        try:
            return await _listen(say, on_line)
        finally:
            self.calls.append(Call(tuple(argv), bytes(fed)))

    async def stream(self, port: int) -> Stream:
        """Connect to the listed address of `port`."""
        return await connected(self.addresses.get(port, Address("127.0.0.1", port)))

    async def close(self) -> None:
        """Note that the connection was closed."""
        self.closed = True

    async def _after_input(
        self, argv: tuple[str, ...], stdin: AsyncIterator[bytes]
    ) -> AsyncIterator[str | Result]:
        fed = b"".join([chunk async for chunk in stdin])
        answer = self.answer(argv, fed)
        for said in (answer,) if isinstance(answer, Result) else answer:
            yield said


async def _noting(stdin: AsyncIterator[bytes] | None, fed: bytearray) -> AsyncIterator[bytes]:
    if stdin is not None:
        async for chunk in stdin:
            fed += chunk
            yield chunk


async def _listen(say: AsyncIterator[str | Result], on_line: LineSink | None) -> Result:
    end, lines = Result(0, "", ""), Lines(on_line)
    async for said in say:
        if isinstance(said, Result):
            end = said
        lines.feed((said.stdout if isinstance(said, Result) else f"{said}\n").encode())
    return Result(end.exit_code, lines.finish(), end.stderr)
