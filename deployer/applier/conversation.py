"""The one command of a walk: it looks at the host, looks again if asked, and turns into the applying half."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from deployer.applier.asking import require_end
from deployer.applier.command import Operation, Privilege, applying_half, argv, opening
from deployer.applier.events import Event, parse_event
from deployer.applier.observe import read_observation
from deployer.facts import Observation
from deployer.transport import Result, Transport

if TYPE_CHECKING:
    from deployer.applier.apply import Applied, Watching

_Said = bytes | AsyncGenerator[bytes, None]
GO = b"go\n"
"""Says that the host may switch: what was to be seen before is seen."""


class Conversation:
    """What is said with one host, in one command for as long as that lives.

    It begins with the first question. When it has applied it has ended, and the next question begins another;
    so does the second one where sudo has a password: a wrong one shows only when the input ends.
    """

    def __init__(self, transport: Transport, privilege: Privilege) -> None:
        self._transport = transport
        self._privilege = privilege
        self._command: _Command | None = None
        self._had_root = not privilege.has_password

    async def observe(self, *questions: str) -> Observation:
        """Look at the host once.

        Args:
            questions: What to ask beyond the current release: `package:NAME`, `service:NAME`, `dir:PATH`,
                `file:PATH`, `text:PATH`, `manifests` (of all releases), `journal`, `stored` (certificates,
                damaged ones too), `workers`, `sites`, `name:NAME` (in /etc/hosts).

        Raises:
            UnreachableError: The connection was lost, or root could not be had.
        """
        if command := self._command:
            command.say("".join(f"ask {each}\n" for each in questions).encode() + b"observe\n")
        else:
            command = self._begin("converse", *questions)
            if not self._had_root:
                command.say(None)
        events = [event async for event in command.answer()]
        await require_end(events, self._privilege, command.running)
        if not self._had_root:
            self._had_root = True
            await self.close()
        return read_observation(events)

    async def apply(self, encoded: bytes, watching: "Watching") -> "Applied":
        """Run the script with `encoded` orders, until it confirmed, refused or went back.

        Args:
            encoded: Orders and archive, from `Orders.encode`.
            watching: Who looks at the host's sites meanwhile, and decides.

        Raises:
            UnreachableError: The connection was lost, or the script was killed. A host that was switched goes
                back by itself.
        """
        from deployer.applier.apply import read_applied  # late: most looks find nothing to apply

        command = self._command or self._begin("follow")
        asked = asyncio.Event()
        command.say(to_apply(encoded))
        del encoded  # many hosts at a time need theirs only until it is sent
        command.say(_decisions(watching, asked))
        events: list[Event] = []
        async for event in command.answer():
            events.append(event)
            watching.on_event(event)
            if event.kind == "await":
                asked.set()
        await require_end(events, self._privilege, command.running)
        await self.close()
        return read_applied(tuple(events))

    async def close(self) -> None:
        """End the command, if it has not ended by itself; no answer is waited for."""
        command, self._command = self._command, None
        if command:
            await command.end()

    def _begin(self, operation: Operation, *questions: str) -> "_Command":
        self._command = _Command(self._transport, argv(self._privilege, operation, *questions))
        if first := opening(self._privilege):
            self._command.say(first)
        return self._command


def to_apply(encoded: bytes) -> bytes:
    """Return what turns a conversation into a run: the other half of the script, then `encoded` orders."""
    half = applying_half().encode()
    return f"apply {len(half)}\n".encode() + half + encoded


async def _decisions(watching: "Watching", asked: asyncio.Event) -> AsyncGenerator[bytes, None]:
    await watching.look_before()
    yield GO
    await asked.wait()
    yield f"{await watching.decide()}\n".encode()


class _Command:
    """A command that runs: it reads what we say, we read its events."""

    def __init__(self, transport: Transport, argv: tuple[str, ...]) -> None:
        self._orders: asyncio.Queue[_Said | None] = asyncio.Queue()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        run = transport.run(argv, stdin=self._input(), on_line=self._hear)
        self.running: asyncio.Task[Result] = asyncio.ensure_future(run)
        self.running.add_done_callback(lambda _: self._events.put_nowait(None))

    def say(self, said: _Said | None) -> None:
        """Say it after all that was said before; None ends the input."""
        self._orders.put_nowait(said)

    async def answer(self) -> AsyncIterator[Event]:
        """Yield what is said until the next `end`, or until the command has ended."""
        while event := await self._events.get():
            yield event
            if event.kind == "end":
                break

    async def end(self) -> None:
        """Hang up."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    async def _input(self) -> AsyncGenerator[bytes, None]:
        while (said := await self._orders.get()) is not None:
            if isinstance(said, bytes):
                yield said
                continue
            async with aclosing(said):
                async for chunk in said:
                    yield chunk

    def _hear(self, line: str) -> None:
        if event := parse_event(line):
            self._events.put_nowait(event)
