"""docs/fault-matrix.md: written by the rows that ran, read to see whether every row is there.

The page is its own store: a run writes its own rows anew and leaves the others as they were. Nothing in it
depends on when it was written, so equal results leave it as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from fault_rows import FAULTS, Fault, Row

PAGE = Path(__file__).parents[1] / "docs/fault-matrix.md"

OPENING = """\
# The fault matrix

What happens when the tool, the network or the host fails in the middle of a run. Every line below is a
test of `tests/e2e/test_faults_*.py`, and this page is written by those tests: a line is here because its
test has passed, and it says what that test has seen.

Each test takes a Debian server with one TLS site, and a change that gives the site a new page and a new
redirect. The visitor is a client that asks all the time: for the page and for the redirect, each on a new
connection, and over one WebSocket on which it talks. Every answer must be the old one or the new one,
whole; of the WebSocket no message may be lost or doubled. Where the host or its nginx is itself taken
away, nobody can answer: then errors are allowed while it is away, and not before or after.

A run is held in a phase by programs put before the host's own ones on its `PATH` (a `mv` that waits,
say), or by a backend of the site that does not answer. deployer knows nothing of the tests.

What cannot be had in containers is simulated:

- **A host that is killed** is a container whose every process gets SIGKILL at once, and which is booted
  again by its own systemd. What the kernel had not written to disk yet is not lost in that, as it would
  be in a power cut.
- **A clock that is wrong** is a `date` or a library before the programs that ask for the time: containers
  share their kernel's clock.
- **A host that sleeps** is one whose every process is stopped; its kernel still answers: connections are
  accepted, and nothing is said.

"""

_HEAD = (
    "| case | visitors saw | the host ended with | the operator was told | the next apply |\n"
    "|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Result:
    """What a row has shown, in words that are the same for every run.

    Attributes:
        visitors: What the client saw that asked all the time.
        host: The release that serves in the end, and what the journal says of it.
        operator: Exit code, and the sentence of the report.
        following: What the next apply did.
    """

    visitors: str
    host: str
    operator: str
    following: str

    def __post_init__(self) -> None:
        for cell in astuple(self):
            assert cell, "a row without words"
            assert not set("|\n`") & set(cell), f"not for a table: {cell!r}"


def read(text: str) -> dict[Row, Result]:
    """Return the results that a page holds."""
    return dict(_read(text))


def _read(text: str) -> Iterator[tuple[Row, Result]]:
    fault = ""
    for line in text.splitlines():
        if line.startswith("## "):
            fault = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| case |"):
            case, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            yield Row(fault, case), Result(*cells)


def page(results: Mapping[Row, Result]) -> str:
    """Return the page that tells `results`, in the order of the rows; what is no row is left out."""
    return OPENING + "\n".join(_section(fault, results) for fault in FAULTS)


def _section(fault: Fault, results: Mapping[Row, Result]) -> str:
    lines = [
        f"| {' | '.join((row.case, *astuple(results[row])))} |\n" for row in fault.rows if row in results
    ]
    return f"## {fault.name}\n\n{fault.done}\n\n{_HEAD}{''.join(lines)}"


def write(results: Mapping[Row, Result], path: Path = PAGE) -> None:
    """Write the rows of `results` anew, and leave the page's other rows as they are."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = page({**read(before), **results})
    if after != before:
        path.write_text(after, encoding="utf-8")
