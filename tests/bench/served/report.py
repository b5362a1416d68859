"""The tables of a run of the served sites, in Markdown, and its goals, judged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.results import spread
from tests.bench.served import rows, servers
from tests.bench.served.servers import CADDY, NAIVE, OURS, TUNED
from tests.bench.served.values import Run, Sample
from tests.bench.tables import line, short

_HEAD = ("", "per second of the core", "× deployer", "seen per second", "core busy", "CPU µs", "turns")
_GOALS = ((NAIVE, 1.0), (CADDY, 1.0), (TUNED, 0.9))
"""Against whom, and how many times as much deployer's sites must do at least."""


@dataclass(frozen=True)
class Verdict:
    """One row against one server: how many times as much deployer's site does, and must do."""

    row: str
    against: str
    least: float
    measured: float | None

    @property
    def met(self) -> bool:
        """Say whether it is measured and enough."""
        return self.measured is not None and self.measured >= self.least


def judged(run: Run) -> list[Verdict]:
    """Judge every row that `run` has against everyone that deployer's sites are to be held against."""
    return [
        Verdict(row, against, least, run.ratio(row, OURS, against))
        for row in _measured(run)
        for against, least in _GOALS
    ]


def of_goals(run: Run) -> str:
    """Return the table of goals: per row, how many times as much deployer's site does as the others."""
    verdicts = {(each.row, each.against): each for each in judged(run)}
    head = ("deployer does, times", *(f"{servers.TITLES[name]} (≥ {least:g})" for name, least in _GOALS))
    body = [
        (rows.TITLES[row], *(_verdict(verdicts[row, against]) for against, _ in _GOALS))
        for row in _measured(run)
    ]
    return "\n".join(["### Goals of the served sites", "", line(head), _rule(head), *map(line, body), ""])


def of_run(run: Run) -> str:
    """Return the table of all rows, the machine first."""
    machine = "\n".join(f"- {kind}: {fact}" for kind, fact in run.machine.items())
    body = [cells for row in _measured(run) for cells in _rows(run, row)]
    table = [line(_HEAD), _rule(_HEAD), *map(line, body)]
    return "\n".join(["### The served sites", "", machine, "", *table, "", *_failures(run)])


def _measured(run: Run) -> list[str]:
    found = {each.row for each in run.samples}
    return [row for row in rows.TITLES if row in found]


def _rows(run: Run, row: str) -> Iterator[Sequence[str]]:
    for server, title in servers.TITLES.items():
        if not (every := run.all_of(row, server)):
            continue
        good = run.counted(row, server)
        failed = len(every) - len(good)
        turns = f"{len(every)}, {failed} failed" if failed else str(len(every))
        yield (f"{rows.TITLES[row]}: {title}", *_cells(run, row, server), turns)


def _cells(run: Run, row: str, server: str) -> Sequence[str]:
    worth = run.worth(row, server)
    if worth is None:
        return ("–",) * 5
    good = run.counted(row, server)
    ratio = run.ratio(row, server, OURS)
    return (
        f"{short(worth.median)} ({short(worth.least)} to {short(worth.most)})",
        "–" if ratio is None else f"{ratio:.2f}",
        "–" if row == rows.IDLE else _middle(good, lambda sample: sample.rate),
        _middle(good, lambda sample: None if sample.busy is None else sample.busy * 100, " %"),
        _middle(good, lambda sample: sample.cpu),
    )


def _middle(samples: Sequence[Sample], what: Callable[[Sample], float | None], unit: str = "") -> str:
    found = spread(value for value in map(what, samples) if value is not None)
    return f"{short(found.median)}{unit}" if found else "–"


def _verdict(verdict: Verdict) -> str:
    if verdict.measured is None:
        return "not measured"
    return f"{verdict.measured:.2f}{'' if verdict.met else ', not met'}"


def _failures(run: Run) -> list[str]:
    said = dict.fromkeys(
        f"- {rows.TITLES[each.row]}, {servers.TITLES[each.server]}: {' '.join(each.failure.split())}"
        for each in run.samples
        if each.failure
    )
    return ["Turns that do not count:", "", *said, ""] if said else []


def _rule(head: Sequence[str]) -> str:
    return line(["---", *("--:" for _ in head[1:])])
