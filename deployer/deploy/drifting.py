"""What an apply or a rollback says of changes by hand: before it overwrites them, and afterwards. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deployer.outcome import Action, Change, Outcome, Phase, State

BACKUP = "/var/lib/deployer/backup"
"""Below it the host keeps what was overwritten, in a folder per run."""


def undone(drift: Sequence[Change]) -> tuple[Change, ...]:
    """Return what an apply would undo, of all that was changed by hand: files of others stay."""
    return tuple(change for change in drift if change.action != Action.LEAVE)


def notices(drift: Sequence[Change]) -> tuple[str, ...]:
    """Say what is about to be overwritten, a line each, and where it will be kept.

    >>> notices([Change(Action.UPDATE, "file", "/a", drift="it was replaced on the host")])[0].split("; ")
    ['overwrites file /a: it was replaced on the host', 'kept below /var/lib/deployer/backup']
    >>> notices([Change(Action.START, "service", "nginx", drift="it was stopped on the host")])
    ('undoes service nginx: it was stopped on the host',)
    """
    return tuple(
        f"overwrites {words(change)}; kept below {BACKUP}"
        if _has_bytes(change)
        else f"undoes {words(change)}"
        for change in undone(drift)
    )


def words(change: Change) -> str:
    """Say what was changed by hand and how.

    >>> words(Change(Action.START, "service", "nginx", drift="it was stopped on the host"))
    'service nginx: it was stopped on the host'
    """
    return f"{change.kind} {change.subject}: {change.drift}"


def _has_bytes(change: Change) -> bool:
    return change.kind == "file" and "deleted" not in change.drift


def refused(host: str, serving: str, drift: Sequence[Change]) -> Outcome:
    """Refuse a host for `--keep-drift`; nothing was changed on it."""
    return Outcome(
        host,
        State.REFUSED,
        Phase.PLAN,
        message="changed by hand, and --keep-drift forbids to overwrite that; nothing was changed",
        said=tuple(words(change) for change in undone(drift)),
        serving=serving,
        drift=tuple(drift),
    )


def with_backups(drift: Sequence[Change], kept: Mapping[str, str]) -> tuple[Change, ...]:
    """Return what was changed by hand with where the host keeps it.

    Args:
        drift: As it was when the host was looked at.
        kept: What the host itself found just before the switch: path to where it keeps that version. What
            was changed in between is added.
    """
    known = {change.subject for change in drift if change.kind == "file"}
    late = sorted(kept.keys() - known)
    return (
        *(replace(change, backup=kept.get(change.subject, "")) if change.kind == "file" else change
          for change in drift),
        *(Change(Action.UPDATE, "file", path, drift="it was changed during this run", backup=kept[path])
          for path in late),
    )  # fmt: skip
