"""One question to the host's script: run it, and see that it ran to its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

from deployer.applier.command import Operation, Privilege, argv, opening
from deployer.applier.events import MARK, Event, parse_events
from deployer.errors import UnreachableError
from deployer.transport import Result, Transport


async def ask(
    transport: Transport, privilege: Privilege, operation: Operation, *arguments: str
) -> tuple[Event, ...]:
    """Run `operation` of the script and return all that it said; the last event is `end`.

    Raises:
        UnreachableError: The connection was lost, or root could not be had.
    """
    run = transport.run(argv(privilege, operation, *arguments), stdin=_once(opening(privilege)))
    running = asyncio.ensure_future(run)
    events = tuple(parse_events((await running).stdout))
    await require_end(events, privilege, running)
    return events


async def _once(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk


async def require_end(events: Sequence[Event], privilege: Privilege, running: Awaitable[Result]) -> None:
    """See that `events` are a whole answer; if not, wait for the end of the command, which tells why.

    Raises:
        UnreachableError: The script did not run to its end, or not as root.
    """
    if unprivileged := next((event for event in events if event.kind == "unprivileged"), None):
        raise UnreachableError(
            f"logged in as {unprivileged[0]}, but deploying needs root",
            next_step="set ansible_become: true in the inventory",
        )
    if events and events[-1].kind == "end":
        return
    last = _last_words(await running)
    if privilege.become and "sudo" in last:
        raise UnreachableError(
            f"sudo refused: {last}", next_step="-K asks for sudo's password; or allow NOPASSWD for this user"
        )
    raise UnreachableError(f"the host's script did not run to its end: {last}")


def _last_words(result: Result) -> str:
    said = result.stderr.strip().splitlines() or [
        line for line in result.stdout.strip().splitlines() if not line.startswith(MARK)
    ]
    return said[-1] if said else f"exit code {result.exit_code}"
