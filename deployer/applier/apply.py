"""One run of the script's applying half: who watches it, what is decided meanwhile, how it ended."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from deployer.applier.events import Event, count
from deployer.standing import Live

CONFIRM = "confirm"
"""The decision that the release is good."""

LEAVE = "leave"
"""The decision to decide later: until then, or until its time is over, the host itself watches."""


@dataclass(frozen=True)
class Watching:
    """Who looks at the host while it applies.

    Attributes:
        look_before: Looks at the sites while the host stages and validates: it switches when this returns.
        decide: Called once, after the host was switched and reloaded; returns `CONFIRM`, `LEAVE` or what
            `revert` makes of a reason.
        on_event: Sees each event as it is said.
    """

    look_before: Callable[[], Awaitable[None]]
    decide: Callable[[], Awaitable[str]]
    on_event: Callable[[Event], None]


@dataclass(frozen=True)
class Applied:
    """How the script ended.

    Attributes:
        ending: `ok`, `refused`, `reverted`, `stuck` (going back failed too), `locked`, `moved` (the host is
            not on the release any more that the plan was made against), `stale` (the nginx that was
            installed is not the one that was expected), `unconfirmed` (left to the host's clock).
        phase: The last phase the host entered.
        reason: Why, where it is not ok; until when, where it is unconfirmed.
        said: The last lines of the command that failed.
        done: Kind and subject of what was done: `install nginx`, `reload nginx`.
        unissued: Name of each certificate that the CA did not issue, and what certbot wrote about it.
        live: What the reload of nginx found and left; where the host went back, what its first reload found
            and its last one left. None without a reload.
        kept: Path of each file that somebody had changed by hand, and where the host keeps that version.
    """

    ending: str
    phase: str
    reason: str
    said: tuple[str, ...]
    done: tuple[tuple[str, str], ...]
    unissued: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    live: Live | None = None
    kept: Mapping[str, str] = field(default_factory=dict)


def revert(reason: str) -> str:
    """Return the decision to go back because of `reason`."""
    return f"revert {' '.join(reason.split())}"


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
            case "stuck" if ending == "reverted":  # not of a dead run, which was settled first
                ending, reason = "stuck", event[1]
            case "locked" | "moved" | "stale" | "unconfirmed":
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
        live=_live(events),
        kept={event[0]: event[1] for event in events if event.kind == "kept"},
    )


def _live(events: tuple[Event, ...]) -> Live | None:
    reloads = [
        Live(count(event[0]), count(event[1]), int(event[2]), event[3])
        for event in events
        if event.kind == "live"
    ]
    if not reloads:
        return None
    first, last = reloads[0], reloads[-1]
    return replace(last, before=first.before, cut_after=last.cut_after or first.cut_after)


def _unissued(events: tuple[Event, ...]) -> Mapping[str, tuple[str, ...]]:
    lines: dict[str, list[str]] = {}
    for event in events:
        if event.kind == "unissued":
            lines.setdefault(event[0], []).append(event[1])
    return {name: tuple(said) for name, said in lines.items()}
