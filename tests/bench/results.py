"""What was measured, as values; one line of JSON each in the file of a run."""

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SIMULATED = "simulated"
"""The name of deployer in samples of simulated hosts: they are compared with nothing else."""
PLANNING = "planning"
"""The tool of samples of hosts that are planned without being there; the job is their number."""


@dataclass(frozen=True)
class Sample:
    """One run of one tool.

    Attributes:
        hosts: How many.
        delay: Milliseconds that a round trip takes on top.
        tool: Its name.
        job: What it was asked to do.
        seconds: From start to end.
        cpu: Seconds of the controller's processors.
        memory: Peak on the controller in bytes.
        host_cpu: Seconds of one host's processors, the mean over the hosts; None where they are not counted.
        failure: Why this run does not count; empty where it does.
        round_trips: The median over the hosts; None where none are counted.
        connections: Likewise.
        sent: Bytes from the controller to one host, the median over the hosts; None where not counted.
        received: Likewise, the other way.
    """

    hosts: int
    delay: int
    tool: str
    job: str
    seconds: float
    cpu: float
    memory: int
    failure: str = ""
    host_cpu: float | None = None
    round_trips: float | None = None
    connections: float | None = None
    sent: float | None = None
    received: float | None = None


@dataclass(frozen=True)
class Spread:
    """Some runs of the same: the one in the middle, the extremes, how many."""

    median: float
    least: float
    most: float
    count: int


@dataclass(frozen=True)
class Run:
    """All samples of one run.

    Attributes:
        machine: What it ran on: kind of fact to fact, in the order of the report.
        samples: In the order of time.
    """

    machine: dict[str, str]
    samples: tuple[Sample, ...]

    def of(self, tool: str, job: str, *, hosts: int, delay: int) -> tuple[Sample, ...]:
        """Return the samples that count, of this tool and job."""
        wanted = (tool, job, hosts, delay, "")
        return tuple(
            each
            for each in self.samples
            if (each.tool, each.job, each.hosts, each.delay, each.failure) == wanted
        )

    def planned(self) -> list[Sample]:
        """Return the samples of hosts that were planned without being there."""
        return [each for each in self.samples if each.tool == PLANNING]

    def setups(self) -> list[tuple[int, int]]:
        """Return the pairs of hosts and delay that were measured, in the order of time."""
        compared = (each for each in self.samples if each.hosts and each.tool != SIMULATED)
        return list(dict.fromkeys((each.hosts, each.delay) for each in compared))

    def fleets(self) -> list[int]:
        """Return how many simulated hosts were measured, each number once, in the order of time."""
        return list(dict.fromkeys(each.hosts for each in self.samples if each.tool == SIMULATED))


def spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of `values`, None if there are none."""
    known = sorted(values)
    return Spread(statistics.median(known), known[0], known[-1], len(known)) if known else None


def median(samples: Sequence[Sample], of: Callable[[Sample], float | None]) -> float | None:
    """Return the median of what `of` says of each sample, None where it says it of none."""
    found = spread(value for value in map(of, samples) if value is not None)
    return found.median if found else None


def begin(path: Path, machine: dict[str, str]) -> None:
    """Add the machine to a run that is new; one that is not goes on.

    Raises:
        SystemExit: It was begun with another machine or revision.
    """
    if not path.exists():
        append(path, machine)
        return
    begun, samples = lines(path)
    for fact in ("machine", "deployer"):
        if begun[fact] != machine[fact]:
            raise SystemExit(f"{path} was measured with {begun[fact]}, this is {machine[fact]}")
    if begun["peers"] != machine["peers"]:  # the first piece came before they were installed
        whole = (begun | {"peers": machine["peers"]}, *samples)
        path.write_text("".join(f"{json.dumps(line)}\n" for line in whole), encoding="utf-8")


def append(path: Path, document: "DataclassInstance | dict[str, str]") -> None:
    """Add one line: the machine first, then a sample each."""
    line = document if isinstance(document, dict) else asdict(document)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read(path: Path) -> Run:
    """Read what `append` has written."""
    machine, samples = lines(path)
    return Run(machine, tuple(Sample(**each) for each in samples))


def lines(path: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the machine of a run and its samples, not yet values."""
    machine, *samples = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return machine, samples
