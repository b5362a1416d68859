"""One run of the script's applying half: orders in, events out, the controller's decision in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from deployer.applier.command import Privilege, argv, opening
from deployer.applier.events import Event, parse_event, parse_events
from deployer.errors import UnreachableError
from deployer.transport import Transport

Decide = Callable[[], Awaitable[str]]
"""Looks at the switched host; returns an empty string to confirm, or the reason to go back."""


@dataclass(frozen=True)
class Applied:
    """How the script ended.

    Attributes:
        ending: `ok`, `refused`, `reverted`, `stuck` (going back failed too), `locked`, `stale` (the nginx
            that was installed is not the one that was expected).
        phase: The last phase the host entered.
        reason: Why, where it is not ok.
        said: The last lines of the command that failed.
        done: Kind and subject of what was done: `install nginx`, `reload nginx`.
        unissued: Name of each certificate that the CA did not issue, and what certbot wrote about it.
    """

    ending: str
    phase: str
    reason: str
    said: tuple[str, ...]
    done: tuple[tuple[str, str], ...]
    unissued: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


async def apply(
    transport: Transport,
    privilege: Privilege,
    encoded: bytes,
    *,
    decide: Decide,
    on_event: Callable[[Event], None],
) -> Applied:
    """Run the script with `encoded` orders, until it confirmed, refused or went back.

    Args:
        transport: An open connection.
        privilege: How to become root.
        encoded: Orders and archive, from `Orders.encode`.
        decide: Called once, after the host was switched and reloaded.
        on_event: Sees each event as it is said.

    Raises:
        UnreachableError: The connection was lost. A host that was switched goes back by itself.
    """
    asked = asyncio.Event()

    def on_line(line: str) -> None:
        if event := parse_event(line):
            on_event(event)
            if event.kind == "await":
                asked.set()

    result = await transport.run(
        argv(privilege, "apply"),
        stdin=_conversation(opening(privilege) + encoded, asked, decide),
        on_line=on_line,
    )
    events = tuple(parse_events(result.stdout))
    if not events or events[-1].kind != "end":
        said = (result.stderr or "no word").strip().splitlines()
        raise UnreachableError(f"the host's script did not run to its end: {said[-1]}")
    return read_applied(events)


async def _conversation(orders: bytes, asked: asyncio.Event, decide: Decide) -> AsyncIterator[bytes]:
    yield orders
    await asked.wait()
    reason = await decide()
    yield f"revert {' '.join(reason.split())}\n".encode() if reason else b"confirm\n"


def read_applied(events: tuple[Event, ...]) -> Applied:
    """Read how a run ended from all of its events."""
    phases = [event[0] for event in events if event.kind == "phase"]
    ending, reason = events[-1][0], ""
    for event in events:
        match event.kind:
            case "refused":
                reason = event[1]
            case "reverted":
                reason = event[1]
            case "stuck":
                ending, reason = "stuck", event[1]
            case "locked" | "stale":
                reason = event[0]
            case _:
                pass
    return Applied(
        ending=ending,
        phase=phases[-1] if phases else "stage",
        reason=reason,
        said=tuple(event[0] for event in events if event.kind == "said"),
        done=tuple((event[0], event[1]) for event in events if event.kind == "did"),
        unissued=_unissued(events),
    )


def _unissued(events: tuple[Event, ...]) -> Mapping[str, tuple[str, ...]]:
    lines: dict[str, list[str]] = {}
    for event in events:
        if event.kind == "unissued":
            lines.setdefault(event[0], []).append(event[1])
    return {name: tuple(said) for name, said in lines.items()}
