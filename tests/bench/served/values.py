"""What was measured of a served site, as values; one line of JSON each in the file of a run."""

from dataclasses import dataclass
from pathlib import Path

from tests.bench.results import Spread, lines, spread


@dataclass(frozen=True)
class Load:
    """What a load generator says that it did.

    Attributes:
        count: Answers, or messages there and back.
        seconds: How long it took.
        failure: What went wrong; empty where nothing did.
    """

    count: int
    seconds: float
    failure: str = ""


@dataclass(frozen=True)
class Sample:
    """One turn of one server at one row.

    Attributes:
        row: Its key in `rows.ROWS`.
        server: Its name in `servers.SERVERS`.
        rate: Units per second; for idle connections: connections per MB of the server.
        cpu: Microseconds of the server's processors per unit; None where that is not what is measured.
        busy: Share of the server's core that was in use, its neighbours included; None likewise.
        failure: Why this turn does not count; empty where it does.
    """

    row: str
    server: str
    rate: float = 0.0
    cpu: float | None = None
    busy: float | None = None
    failure: str = ""

    @property
    def worth(self) -> float:
        """Units per second that the server's core works, or the rate where no core decides."""
        return self.rate / self.busy if self.busy else self.rate


@dataclass(frozen=True)
class Run:
    """All samples of one run, in the order of time, and what it ran on."""

    machine: dict[str, str]
    samples: tuple[Sample, ...]

    def all_of(self, row: str, server: str) -> list[Sample]:
        """Return every turn of this server at this row, failed ones too."""
        return [each for each in self.samples if (each.row, each.server) == (row, server)]

    def counted(self, row: str, server: str) -> list[Sample]:
        """Return the turns that count."""
        return [each for each in self.all_of(row, server) if not each.failure]

    def worth(self, row: str, server: str) -> Spread | None:
        """Return what the server does per second of its core, or per MB: what is compared."""
        return spread(each.worth for each in self.counted(row, server))

    def ratio(self, row: str, server: str, other: str) -> float | None:
        """Return how many times as much as `other` a server does; None where one of them has no turn."""
        mine, theirs = self.worth(row, server), self.worth(row, other)
        return mine.median / theirs.median if mine and theirs else None


def read(path: Path) -> Run:
    """Read a run of which each sample was appended as it was measured."""
    machine, samples = lines(path)
    return Run(machine, tuple(Sample(**each) for each in samples))
