"""Changes by hand in words: apart from what the inventory wants."""

from collections.abc import Iterable, Iterator, Sequence

from deployer.outcome import Action, Change, Outcome, Phase, State
from deployer.report.spans import Text
from deployer.report.words import symbol, visible


def foreign(outcome: Outcome) -> tuple[Change, ...]:
    """Return the files of others among ours, which no apply touches."""
    return tuple(change for change in outcome.drift if change.action == Action.LEAVE)


def numbers(changes: Sequence[Change], others: Sequence[Change]) -> str:
    """Count what a plan changes and what was changed by hand; empty where nobody did.

    >>> edited = Change(Action.UPDATE, "file", "/a", drift="it was replaced on the host")
    >>> numbers([Change(Action.CREATE, "file", "/b"), edited], [])
    '1 to change, 1 changed by hand'
    """
    by_hand = sum(bool(change.drift) for change in changes) + len(others)
    wanted = sum(not only_by_hand(change) for change in changes)
    return f"{wanted} to change, {by_hand} changed by hand" if by_hand else ""


def only_by_hand(change: Change) -> bool:
    """Tell a change that undoes what somebody did, and that the inventory has no other reason for."""
    return bool(change.drift) and not change.detail


def headed(changes: Sequence[Change], others: Sequence[Change]) -> Iterator[tuple[str, Sequence[Change]]]:
    """Split a plan into its sections; the first has no heading, and none is empty."""
    sections = (
        ("", [change for change in changes if not change.drift]),
        ("changed by hand; an apply overwrites it:", [change for change in changes if change.drift]),
        ("put there by hand; no apply touches it:", others),
    )
    return ((heading, found) for heading, found in sections if found)


def mark(change: Change) -> tuple[str, str]:
    """Return the sign of a change in a plan, and its colour."""
    return ("!", "magenta") if change.drift and change.action != Action.LEAVE else symbol(change.action)


def reasons(change: Change) -> str:
    """Say why: what the inventory wants, what somebody did."""
    return "; ".join(part for part in (change.detail, change.drift) if part)


def found(outcomes: Iterable[Outcome]) -> list[Text]:
    """Say after a run what it found changed by hand, and where the host keeps what was overwritten."""
    return [
        Text(visible(f"{outcome.host}: {_afterwards(change)}"), style="magenta")
        for outcome in outcomes
        if (outcome.state, outcome.phase) != (State.REFUSED, Phase.PLAN)
        for change in outcome.drift
    ]


def _afterwards(change: Change) -> str:
    ending = "left alone" if change.action == Action.LEAVE else ""
    kept = f"that version is kept in {change.backup}" if change.backup else ending
    told = f"changed by hand: {change.kind} {change.subject}: {change.drift}"
    return f"{told}; {kept}" if kept else told
