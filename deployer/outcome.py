"""What happened on one host: phases, changes, probes and the outcome, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from deployer.standing import ServedCertificate, Worker

INTERRUPTED_EXIT_CODE = 130
"""What shells give to a program that Ctrl-C ended; the operator asked for it, so any failure outranks it."""


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
    PLANNED = "planned"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    INCOMPLETE = "incomplete"
    REVERTED = "reverted"
    LOCKED = "locked"
    INVALID = "invalid"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def exit_code(self) -> int:
        """The exit code that this state asks for, were it the only host."""
        match self:
            case State.UNCHANGED | State.CHANGED | State.PLANNED:
                return 0
            case State.FAILED:
                return 1
            case State.INVALID:
                return 2
            case State.UNREACHABLE:
                return 4
            case State.REFUSED | State.INCOMPLETE:
                return 5
            case State.REVERTED:
                return 6
            case State.LOCKED:
                return 7
            case State.INTERRUPTED:
                return INTERRUPTED_EXIT_CODE
            case _:
                assert_never(self)


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


@dataclass(frozen=True)
class Change:
    """One difference between a host and its bundle.

    Attributes:
        action: What will be done.
        kind: `file`, `directory`, `package`, `service`, `certificate`, `command`.
        subject: A path, or a name.
        detail: Why or how, for people; empty where the action says all.
        diff: Unified diff, `\\n`-terminated lines; empty unless asked for, and for secrets always.
    """

    action: Action
    kind: str
    subject: str
    detail: str = ""
    diff: str = ""


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
class ReleaseRecord:
    """One line of a host's history.

    Attributes:
        release: Its name, or `original`.
        state: `current`, `good`, `failed` (never confirmed), `original`.
        when: UTC, ISO 8601, from the host's journal; empty if unknown.
        who: `user@controller` of the run that made it.
        revision: Version-control revision of the inventory, `+` for uncommitted changes, empty if none.
        version: Of the deployer that made it.
        note: What the journal says last of it, such as `reverted: probe /wss: 502`.
    """

    release: str
    state: str
    when: str = ""
    who: str = ""
    revision: str = ""
    version: str = ""
    note: str = ""


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
        next_step: The command to type next, empty when all went well.
        changes: What was done, or would be.
        probes: What visitors see now.
        warnings: Sentences about what is not an error yet.
        history: The host's releases, newest first, where they were asked for.
        linked: The release that `current` points to, where that was asked for.
        drift: What differs on the host from the very release that is linked, where that was asked for.
        certificates: As they are served, where that was asked for.
        workers: nginx's worker processes, where they were asked for.
        seconds: Wall time of the walk.
    """

    host: str
    state: State
    phase: Phase
    message: str = ""
    said: tuple[str, ...] = ()
    serving: str = ""
    next_step: str = ""
    changes: tuple[Change, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    warnings: tuple[str, ...] = ()
    history: tuple[ReleaseRecord, ...] = ()
    linked: str = ""
    drift: tuple[Change, ...] = ()
    certificates: tuple[ServedCertificate, ...] = ()
    workers: tuple[Worker, ...] = ()
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
