"""A release that was left unconfirmed: keep it, or take it back."""

from dataclasses import dataclass, field

from deployer import applier
from deployer.deploy.reaching import Reach, Watch, opened
from deployer.deploy.session import Session
from deployer.errors import LockedError, RefusedError
from deployer.model.host import Host
from deployer.outcome import Action, Change, Outcome, Phase, State


@dataclass(frozen=True)
class ConfirmOptions:
    """What the operator asked of a confirmation.

    Attributes:
        who: `user@controller`, for the hosts' history.
        reach: How hosts are reached.
    """

    who: str = "unknown"
    reach: Reach = field(default_factory=Reach)


async def confirm(host: Host, options: ConfirmOptions, watch: Watch) -> Outcome:
    """Keep the release that waits on `host` to be confirmed.

    Raises:
        UnreachableError: No connection, or it was lost.
        LockedError: A run is under way, which decides itself.
        RefusedError: The host cannot carry the decision out.
    """
    async with opened(host, watch, options.reach) as session:
        decided = await _decide(session, "confirm", who=options.who)
        if decided is None:
            return Outcome(host.name, State.UNCHANGED, Phase.CONFIRM)
        if decided.serving != decided.release:
            message = f"release {decided.release} was not confirmed in time: gone back to {decided.serving}"
            return Outcome(host.name, State.REVERTED, Phase.CONFIRM, message=message, serving=decided.serving)
        change = Change(Action.UPDATE, "release", decided.release, "confirmed")
        return Outcome(host.name, State.CHANGED, Phase.CONFIRM, serving=decided.serving, changes=(change,))


async def take_back(session: Session, *, who: str) -> Outcome:
    """Go back from the release that waits to be confirmed.

    Raises:
        UnreachableError: The connection was lost.
        LockedError: A run is under way, which decides itself.
        RefusedError: The host did not go back.
    """
    decided = await _decide(session, "revert", who=who)
    name = session.host.name
    if decided is None:
        raise RefusedError("the release was confirmed, or the host has gone back, in this very moment")
    if decided.serving != decided.former:
        raise RefusedError(f"release {decided.release} could not be taken back, or was confirmed before")
    change = Change(Action.RESTORE, "release", decided.former, f"instead of {decided.release}, unconfirmed")
    return Outcome(name, State.CHANGED, Phase.CONFIRM, serving=decided.serving, changes=(change,))


async def _decide(session: Session, decision: applier.Decision, *, who: str) -> applier.Decided | None:
    """Decide about the release that waits; None where none does."""
    session.enter(Phase.CONFIRM)
    ending, decided = await applier.decide(session.transport, session.privilege, decision, who=who)
    match ending:
        case "locked":
            raise LockedError(f"a run is under way, which decides itself: {decided.reason}")
        case "refused":
            raise RefusedError(decided.reason)
        case "none":
            return None
        case _:
            return decided
