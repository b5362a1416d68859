"""What happened on one host: phases, changes, probes and the outcome, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from deployer.standing import Live, ReleaseRecord, ServedCertificate, Worker

INTERRUPTED_EXIT_CODE = 130
"""What shells give to a program that Ctrl-C ended; the operator asked for it, so any failure outranks it."""

MAY_BE_BACK = "it may have gone back already, and a second rollback goes one release further"
"""Said of a host of which nobody knows whether its rollback was done."""


class Phase(StrEnum):
    """The phases of one walk, in order; the names appear in output, outcomes and tests."""

    CONNECT = "connect"
    OBSERVE = "observe"
    RENDER = "render"
    PLAN = "plan"
    STAGE = "stage"
    VALIDATE = "validate"
    SWITCH = "switch"
    RELOAD = "reload"
    PROBE = "probe"
    CONFIRM = "confirm"


class State(StrEnum):
    """How a walk ended."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    UNCONFIRMED = "unconfirmed"
    PLANNED = "planned"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    INCOMPLETE = "incomplete"
    REVERTED = "reverted"
    LOCKED = "locked"
    INVALID = "invalid"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    BROKEN = "broken"
    TAKEN_BACK = "taken_back"
    NOT_STARTED = "not_started"

    @property
    def exit_code(self) -> int:
        """The exit code that this state asks for, were it the only host."""
        match self:
            case State.UNCHANGED | State.CHANGED | State.UNCONFIRMED | State.PLANNED:
                return 0
            case State.FAILED:
                return 1
            case State.INVALID:
                return 2
            case State.UNREACHABLE:
                return 4
            case State.REFUSED | State.INCOMPLETE | State.BROKEN:
                return 5
            case State.REVERTED | State.TAKEN_BACK:
                return 6
            case State.LOCKED:
                return 7
            case State.INTERRUPTED | State.NOT_STARTED:
                return INTERRUPTED_EXIT_CODE
            case _:
                assert_never(self)

    @property
    def switched(self) -> bool:
        """Whether what the run was to bring serves now."""
        return self in (State.CHANGED, State.UNCONFIRMED, State.INCOMPLETE)


class Action(StrEnum):
    """What a change does to its subject."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    RESTORE = "restore"
    INSTALL = "install"
    START = "start"
    ENABLE = "enable"
    RELOAD = "reload"
    RESTART = "restart"
    RUN = "run"
    LEAVE = "leave"


@dataclass(frozen=True)
class Change:
    """One difference between a host and its bundle.

    Attributes:
        action: What will be done.
        kind: `file`, `directory`, `package`, `service`, `certificate`, `command`, `release`.
        subject: A path, or a name.
        detail: Why or how, for people; empty where the action says all.
        diff: Unified diff, `\\n`-terminated lines; empty unless asked for, and for secrets always.
        drift: What somebody did to it on the host since it was deployed, a sentence; empty where nobody did.
            `detail` is empty then, unless the inventory changes it too.
        backup: Where the host keeps the version that was overwritten; empty before, and where none is.
    """

    action: Action
    kind: str
    subject: str
    detail: str = ""
    diff: str = ""
    drift: str = ""
    backup: str = ""


class Verdict(StrEnum):
    """What a probe found."""

    PASSED = "passed"
    FAILED = "failed"
    OFF = "off"


@dataclass(frozen=True)
class ProbeResult:
    """One question a visitor would ask, and the answer.

    Attributes:
        site: The site's name.
        location: The location's path, empty for the site itself.
        kind: `certificate`, `redirect`, `websocket`, `php`, `tomcat`, `proxy`, `static`, `cors`.
        url: What was asked, such as `wss://abc.test/wss`.
        verdict: Passed, failed or off.
        said: What was seen, one line: `101, echo in 3 ms`, `502 instead of 200`.
    """

    site: str
    location: str
    kind: str
    url: str
    verdict: Verdict
    said: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Identifies the question, so that answers before and after can be compared."""
        return (self.site, self.location, self.kind)


@dataclass(frozen=True)
class Quarantined:
    """One site that a run left as it was, so that the others could go live.

    Attributes:
        site: Its name in the inventory.
        keeps: The release whose version of it serves; empty where it stays away.
        phase: Where it was refused.
        why: One sentence.
        said: The last lines that the host said of it, or its problems in the inventory.
    """

    site: str
    keeps: str
    phase: Phase
    why: str
    said: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What became of it, and why."""
        stays = f"stays as it is in release {self.keeps}" if self.keeps else "stays away"
        return f"{self.site} {stays}: {self.why}"


@dataclass(frozen=True)
class Outcome:
    """How one walk on one host ended. Every host gets one.

    Attributes:
        host: The host's inventory name.
        state: How it ended.
        phase: The last phase entered; where it failed, if it failed.
        message: One sentence; empty when all went well.
        said: The last lines the host said, when it failed.
        serving: The release that serves now, empty if unknown or none of ours.
        replaced: The release that served before, where this run put another in its place.
        next_step: The command to type next, empty when all went well.
        changes: What was done, or would be.
        probes: What visitors see now.
        warnings: Sentences about what is not an error yet.
        history: The host's releases, newest first, where they were asked for.
        linked: The release that `current` points to, where that was asked for.
        drift: What somebody changed on the host since its release went live, and, with action `leave`,
            files of others among ours; in an apply and a rollback, what it found and where it kept that.
        certificates: As they are served, where that was asked for.
        workers: nginx's worker processes, where they were asked for.
        live: What the walk's reload of nginx found and left; None where it reloaded none.
        quarantined: Sites that were left as they were.
        seconds: Wall time of the walk.
    """

    host: str
    state: State
    phase: Phase
    message: str = ""
    said: tuple[str, ...] = ()
    serving: str = ""
    replaced: str = ""
    next_step: str = ""
    changes: tuple[Change, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    warnings: tuple[str, ...] = ()
    history: "tuple[ReleaseRecord, ...]" = ()
    linked: str = ""
    drift: tuple[Change, ...] = ()
    certificates: "tuple[ServedCertificate, ...]" = ()
    workers: "tuple[Worker, ...]" = ()
    live: "Live | None" = None
    quarantined: tuple[Quarantined, ...] = ()
    seconds: float = 0.0


def worst_exit_code(codes: Sequence[int]) -> int:
    """Return the exit code of a run over several hosts: a bug (1) outranks all, then the highest failure.

    >>> worst_exit_code([0, 4, 6]), worst_exit_code([1, 6]), worst_exit_code([6, 130]), worst_exit_code([])
    (6, 1, 6, 0)
    """
    if 1 in codes:
        return 1
    failures = [code for code in codes if code not in (0, INTERRUPTED_EXIT_CODE)]
    return max(failures or codes, default=0)
