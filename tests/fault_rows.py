"""The rows of the fault matrix, as data: what is done to a run, and when.

Each row has one test in tests/e2e/test_faults_*.py; docs/fault-matrix.md tells what came of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One fault at one moment.

    Attributes:
        fault: A heading of the page.
        case: When, or how; unique within its fault.
    """

    fault: str
    case: str

    def __str__(self) -> str:
        return f"{self.fault}, {self.case}"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: The page's heading.
        done: What the tests do, in sentences.
        cases: When or how it is done, in the order of the page.
    """

    name: str
    done: str
    cases: tuple[str, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its rows, in the order of the page."""
        return tuple(Row(self.name, case) for case in self.cases)


CONNECT, OBSERVE, RENDER, PLAN = "in connect", "in observe", "in render", "in plan"
STAGE, VALIDATE = "in stage", "in validate"
BEFORE_RENAME, AFTER_RENAME = "in switch, before the rename", "in switch, after the rename"
RELOAD, PROBE, CONFIRM = "in reload", "in probe", "in confirm"
PHASES = (
    CONNECT,
    OBSERVE,
    RENDER,
    PLAN,
    STAGE,
    VALIDATE,
    BEFORE_RENAME,
    AFTER_RENAME,
    RELOAD,
    PROBE,
    CONFIRM,
)

CONTROLLER_FAULTS = (
    Fault("Controller killed", "The deployer process gets SIGKILL while the run stands in a phase.", PHASES),
    Fault(
        "SSH connection cut",
        "The connection to the host is reset on both sides while the run stands in a phase.",
        PHASES,
    ),
    Fault(
        "Network silent",
        "While the run stands in a phase nothing passes between controller and host any more, and neither is "
        "told. `confirm_timeout` is 3 s.",
        (STAGE, PROBE),
    ),
    Fault(
        "Script killed on the host",
        "The shell that runs the host's script gets SIGKILL while the run stands in a phase; the SSH server "
        "and the controller live on.",
        (STAGE, VALIDATE, BEFORE_RENAME, AFTER_RENAME, RELOAD, PROBE, CONFIRM),
    ),
    Fault(
        "Host killed",
        "Every process of the host gets SIGKILL at once while the run stands in a phase; then the host is "
        "booted.",
        PHASES,
    ),
    Fault(
        "Host asleep",
        "Every process of the host is stopped by SIGSTOP while the run stands in a phase, until the "
        "controller has given up; then all go on.",
        (STAGE, RELOAD),
    ),
    Fault(
        "Two controllers",
        "A second `apply` begins while the first one stands in a phase.",
        (STAGE, RELOAD),
    ),
    Fault(
        "Slow link",
        "Every byte between controller and host is 0.2 s on its way, in each direction.",
        ("all the time",),
    ),
    Fault(
        "Link drops in the upload",
        "The connection is reset on both sides when half of a release of 2 MB has passed.",
        ("half way",),
    ),
    Fault(
        "Not let in",
        "The host is not the one that `known_hosts` knows, or does not let the operator do what he wants.",
        ("wrong host key", "wrong user", "sudo refused", "sudo asks for a password"),
    ),
    Fault(
        "Clock wrong",
        "The clock of the host, or of the controller, is wrong by a day; the run issues a certificate.",
        ("host a day ahead", "host a day behind", "controller a day ahead", "controller a day behind"),
    ),
)

BEFORE, AFTER_RUN = "before the run", "after the run"

HOST_FAULTS = (
    Fault(
        "Disk full",
        "All that a run writes, and nginx's log, are on a disk of 8 MiB, on which another program fills "
        "every page.",
        (STAGE, BEFORE_RENAME, AFTER_RENAME),
    ),
    Fault(
        "No inodes",
        "The same disk has room, but no file, folder or link can be made on it.",
        (STAGE, BEFORE_RENAME, AFTER_RENAME),
    ),
    Fault(
        "Read-only /etc",
        "/etc is mounted read-only, as a kernel does that has met an error on its disk.",
        (BEFORE, BEFORE_RENAME, AFTER_RENAME),
    ),
    Fault(
        "nginx -t fails",
        "The new configuration has a directive that nginx does not know.",
        (VALIDATE,),
    ),
    Fault(
        "Reload refused",
        "The new configuration listens on a port that another program holds: `nginx -t` finds nothing wrong "
        "with it.",
        (RELOAD,),
    ),
    Fault("nginx not running", "Somebody has stopped nginx.", (BEFORE,)),
    Fault(
        "nginx killed after the switch",
        "Every process of nginx gets SIGKILL while the run stands in a phase.",
        (AFTER_RENAME, RELOAD, PROBE),
    ),
    Fault(
        "Workers that never exit",
        "A WebSocket stays open for ever, and with it the worker of the old release that holds it.",
        ("held by a visitor",),
    ),
    Fault(
        "A worker that hangs",
        "A worker of the old release is stopped (SIGSTOP): it takes no connections and does not hear that it "
        "should end.",
        (RELOAD,),
    ),
    Fault(
        "Backend down",
        "A backend of the site, which the visitor does not ask, stops listening.",
        (BEFORE, PROBE, AFTER_RUN),
    ),
    Fault(
        "PHP pool gone",
        "php-fpm of the host, behind a location of the site, is stopped.",
        (BEFORE, RELOAD),
    ),
    Fault(
        "Certificate unreadable",
        "The private key of the certificate that nginx serves is not there any more; or the inventory names "
        "a key that is none.",
        ("on the host", "on the controller"),
    ),
    Fault(
        "apt locked",
        "Another program holds dpkg's lock while the new configuration needs a package; its run waits a "
        "minute.",
        ("for a while", "for good"),
    ),
    Fault("Package missing", "The new configuration needs a package that nobody has.", (STAGE,)),
    Fault(
        "Releases tampered with",
        "Somebody changes what is in /etc/deployer/releases.",
        (
            "a file of the current release edited",
            "the papers of the current release removed",
            "things of strangers among the releases",
        ),
    ),
    Fault("Journal truncated", "Somebody empties or removes the journal.", ("emptied", "removed")),
    Fault(
        "Current release deleted",
        "Somebody deletes the folder that `current` leads to, and with it the files that nginx serves.",
        ("while nginx runs", "then a reboot"),
    ),
)

FAULTS = (*CONTROLLER_FAULTS, *HOST_FAULTS)


def rows_of(fault: str) -> tuple[Row, ...]:
    """Return the rows of one fault, for a test's parameters."""
    (found,) = (each for each in FAULTS if each.name == fault)
    return found.rows


def all_rows() -> Iterator[Row]:
    """Yield every row, in the order of the page."""
    for fault in FAULTS:
        yield from fault.rows
