"""What was promised, beside what was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.job import CHANGE, JOBS, NOTHING, ROLLBACK, TRUE
from tests.bench.results import PLANNING, SIMULATED, Run, Sample, median
from tests.bench.setups import FLEETS

_SIZES = (10, 100)
_MEGABYTE = 2**20


@dataclass(frozen=True)
class Goal:
    """One promise.

    Attributes:
        text: In words, with its limit.
        limit: What the measure may be at most; None where that depends on what was not measured.
        measured: None where this run has not measured it.
        unit: Of both numbers, as it stands behind them.
    """

    text: str
    limit: float | None
    measured: float | None
    unit: str

    @property
    def verdict(self) -> str:
        """Say `met`, `not met` or `not measured`."""
        if self.measured is None or self.limit is None:
            return "not measured"
        return "met" if self.measured <= self.limit else "not met"


def judged(run: Run) -> list[Goal]:
    """Judge every goal by the medians of `run`."""
    return [goal for hosts in _SIZES for goal in _times(run, hosts)] + [
        *(goal for hosts in _SIZES for goal in _waits(run, hosts)),
        *_fleets(run),
        _memory(run),
        _start(run),
        _planning(run),
    ]


def _times(run: Run, hosts: int) -> Iterator[Goal]:
    for job, floor, limit, words in (
        (NOTHING, "openssh", 1.0, "nothing to change, against parallel OpenSSH `true`"),
        (NOTHING, "asyncssh", 1.5, "nothing to change, against the asyncssh floor"),
        (CHANGE, "asyncssh", 3.0, "one-line change, against the asyncssh floor"),
        (ROLLBACK, "asyncssh", 3.0, "rollback, against the asyncssh floor"),
    ):
        ours = median(run.of("deployer", job, hosts=hosts, delay=0), lambda sample: sample.seconds)
        theirs = median(run.of(floor, TRUE, hosts=hosts, delay=0), lambda sample: sample.seconds)
        ratio = ours / theirs if ours is not None and theirs is not None else None
        yield Goal(f"{hosts} hosts: {words}", limit, ratio, " ×")


def _waits(run: Run, hosts: int) -> Iterator[Goal]:
    for job, limit, words in ((NOTHING, 1, "nothing to change"), (CHANGE, 4, "one-line change")):
        ours = median(run.of("deployer", job, hosts=hosts, delay=50), lambda sample: sample.round_trips)
        theirs = median(run.of("asyncssh", TRUE, hosts=hosts, delay=50), lambda sample: sample.round_trips)
        more = ours - theirs if ours is not None and theirs is not None else None
        yield Goal(f"{hosts} hosts at 50 ms: {words}, round trips above the floor's", limit, more, "")


def _fleets(run: Run) -> Iterator[Goal]:
    small, large = FLEETS
    for job, words in ((NOTHING, "nothing to change"), (CHANGE, "one-line change")):
        for unit, of in (("seconds", lambda sample: sample.seconds), ("CPU", lambda sample: sample.cpu)):
            costs = [median(run.of(SIMULATED, job, hosts=hosts, delay=0), of) for hosts in FLEETS]
            ratio = (costs[1] / large) / (costs[0] / small) if costs[0] and costs[1] else None
            yield Goal(
                f"{large} simulated hosts: {words}, {unit} per host, against {small}", 1.2, ratio, " ×"
            )


def _memory(run: Run) -> Goal:
    one, hundred = _peak(run, 1), _peak(run, 100)
    if one is None:
        return Goal("peak memory at 100 hosts, against 1.5 × that at 1 host + 50 MB", None, None, " MB")
    words = f"peak memory at 100 hosts, against 1.5 × {one:.0f} MB (1 host) + 50 MB"
    return Goal(words, 1.5 * one + 50, hundred, " MB")


def _peak(run: Run, hosts: int) -> float | None:
    """Return the memory of deployer's largest job in MB, if all of its jobs were measured."""
    peaks = [median(run.of("deployer", job, hosts=hosts, delay=0), _megabytes) for job in JOBS]
    known = [peak for peak in peaks if peak is not None]
    return max(known) if len(known) == len(JOBS) else None


def _megabytes(sample: Sample) -> float:
    return sample.memory / _MEGABYTE


def _start(run: Run) -> Goal:
    ours = median(run.of("deployer", "help", hosts=0, delay=0), lambda sample: sample.seconds)
    theirs = median(run.of("python", "typer", hosts=0, delay=0), lambda sample: sample.seconds)
    ratio = ours / theirs if ours is not None and theirs is not None else None
    return Goal('`deployer --help`, against `python -c "import typer"`', 2.0, ratio, " ×")


def _planning(run: Run) -> Goal:
    seconds = median(run.of(PLANNING, "10000", hosts=0, delay=0), lambda sample: sample.seconds)
    return Goal("inventory, render and plan of 10,000 hosts on one core", 30.0, seconds, " s")
