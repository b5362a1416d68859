"""A release that was left unconfirmed: keep it, or go back."""

from dataclasses import dataclass
from typing import Literal

from deployer.applier.asking import ask
from deployer.applier.command import Privilege
from deployer.applier.events import Event
from deployer.transport import Transport

Decision = Literal["confirm", "revert"]


@dataclass(frozen=True)
class Decided:
    """What became of a decision.

    Attributes:
        release: The one that waited to be confirmed.
        former: The one that it would go back to.
        serving: The one that is linked now.
        reason: Who holds the host, or why the decision was refused.
    """

    release: str = ""
    former: str = ""
    serving: str = ""
    reason: str = ""


async def decide(
    transport: Transport, privilege: Privilege, decision: Decision, *, who: str
) -> tuple[str, Decided]:
    """Decide about the release that waits on a host, and wait until that is carried out.

    Args:
        transport: An open connection.
        privilege: How to become root.
        decision: Keep the release, or go back to the one before it.
        who: `user@controller`, for the host's journal.

    Returns:
        How it ended: `none` (nothing waits), `locked` (a run is under way), `refused` or `decided`; and more.

    Raises:
        UnreachableError: The connection was lost, or root could not be had.
    """
    events = await ask(transport, privilege, "decide", f"{decision} {who}")
    said = {event.kind: event for event in events}
    nothing = Event("")
    pending = said.get("pending", nothing)
    return events[-1][0], Decided(
        release=pending[0],
        former=pending[1],
        serving=said.get("serving", nothing)[0],
        reason=said.get("locked", nothing)[0] or said.get("refused", nothing)[1],
    )
