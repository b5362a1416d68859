"""The tables of a run, in Markdown: the terminal and docs/benchmarks.md show the same."""

from collections.abc import Callable, Iterator, Sequence

from tests.bench.goals import Goal
from tests.bench.job import CHANGE, FIRST, JOBS, NOTHING, ROLLBACK, TRUE
from tests.bench.results import SIMULATED, Run, Sample, median, spread
from tests.bench.setups import FLOORS, TOOLS

NAMES = {
    "deployer": "deployer",
    "pyinfra": "pyinfra",
    "mitogen": "Ansible with Mitogen",
    "ansible": "ansible-core",
    "openssh": "parallel OpenSSH",
    "asyncssh": "asyncssh",
}
TITLES = {
    FIRST: "first apply",
    NOTHING: "nothing to change",
    CHANGE: "one-line change",
    ROLLBACK: "rollback",
    TRUE: "`true`",
}
_HEAD = ("", "seconds", "× deployer", "× floor", "CPU s", "peak MB", "host CPU ms", "runs")
_COUNTED = ("round trips", "connections", "kB sent", "kB received")


def of_run(run: Run) -> str:
    """Return all tables of `run`, the machine first."""
    parts = ["\n".join(f"- {kind}: {fact}" for kind, fact in run.machine.items())]
    parts += [of_setup(run, hosts, delay) for hosts, delay in run.setups()]
    parts += [of_fleets(run)] if run.fleets() else []
    if planned := run.planned():
        parts.append(of_planning(planned))
    return "\n\n".join(parts) + "\n"


def of_setup(run: Run, hosts: int, delay: int) -> str:
    """Return the table of one setup, one part per job, the floors last."""
    wire = f", {delay} ms round trip" if delay else ""
    head = (*_HEAD, *_COUNTED) if delay else _HEAD
    rows = [*_rows(run, hosts, delay)]
    title = f"### {hosts} host{'s' if hosts > 1 else ''}{wire}"
    return "\n".join([title, "", line(head), line(["---", *("--:" for _ in head[1:])]), *map(line, rows)])


def of_fleets(run: Run) -> str:
    """Return the table of the simulated hosts: what one of them costs, in fleets of each size."""
    head = ("", "hosts", "seconds", "ms per host", "CPU ms per host", "peak MB", "runs")
    rows = [row for job in JOBS for hosts in run.fleets() if (row := _fleet_row(run, job, hosts))]
    lines = map(line, (head, ("---", *("--:" for _ in head[1:])), *rows))
    return "\n".join(["### Simulated hosts", "", *lines])


def _fleet_row(run: Run, job: str, hosts: int) -> Sequence[str]:
    every = [each for each in run.samples if (each.tool, each.job, each.hosts) == (SIMULATED, job, hosts)]
    good = run.of(SIMULATED, job, hosts=hosts, delay=0)
    if not every:
        return ()
    failed = len(every) - len(good)
    return (
        TITLES[job],
        str(hosts),
        _of(good, _seconds),
        _of(good, lambda sample: sample.seconds / hosts * 1000),
        _of(good, lambda sample: sample.cpu / hosts * 1000),
        _of(good, lambda sample: sample.memory / 2**20),
        f"{len(every)}, {failed} failed" if failed else str(len(every)),
    )


def of_planning(samples: Sequence[Sample]) -> str:
    """Return the table of hosts that were planned without being there."""
    head = ("hosts", "seconds", "CPU s", "peak MB")
    rows = [
        (f"{int(each.job):,}", *((short(each.seconds), short(each.cpu), short(each.memory / 2**20))))
        if not each.failure
        else (f"{int(each.job):,}", "failed", "–", "–")
        for each in samples
    ]
    title = "### Inventory, render and plan: nothing to change, one process on one core"
    return "\n".join([title, "", line(head), line(["--:"] * len(head)), *map(line, rows)])


def of_goals(goals: Sequence[Goal]) -> str:
    """Return the table of the goals, judged."""
    rows = [
        (goal.text, _number(goal.limit, goal.unit), _number(goal.measured, goal.unit), goal.verdict)
        for goal in goals
    ]
    return "\n".join(
        ["### Goals", "", "| goal | at most | measured | |", "|---|--:|--:|---|", *map(line, rows), ""]
    )


def _rows(run: Run, hosts: int, delay: int) -> Iterator[Sequence[str]]:
    floor = median(run.of("asyncssh", TRUE, hosts=hosts, delay=delay), _seconds)
    for job in (*JOBS, TRUE):
        ours = median(run.of("deployer", job, hosts=hosts, delay=delay), _seconds)
        for tool in TOOLS:
            if (tool in FLOORS) != (job == TRUE):
                continue
            every = [
                each
                for each in run.samples
                if (each.tool, each.job, each.hosts, each.delay) == (tool, job, hosts, delay)
            ]
            if every:
                cells = _cells([each for each in every if not each.failure], ours, floor)
                failed = sum(bool(each.failure) for each in every)
                runs = f"{len(every)}, {failed} failed" if failed else str(len(every))
                counted = _counted(every) if delay else ()
                yield (f"{TITLES[job]}: {NAMES[tool]}", *cells, runs, *counted)


def _cells(samples: Sequence[Sample], ours: float | None, floor: float | None) -> Sequence[str]:
    wall = spread(map(_seconds, samples))
    if wall is None:
        return ("–",) * 6
    return (
        f"{short(wall.median)} ({short(wall.least)} to {short(wall.most)})",
        _ratio(wall.median, ours),
        _ratio(wall.median, floor),
        _of(samples, lambda sample: sample.cpu),
        _of(samples, lambda sample: sample.memory / 2**20),
        _of(samples, lambda sample: None if sample.host_cpu is None else sample.host_cpu * 1000),
    )


def _counted(samples: Sequence[Sample]) -> Sequence[str]:
    good = [each for each in samples if not each.failure]
    return (
        _of(good, lambda sample: sample.round_trips),
        _of(good, lambda sample: sample.connections),
        _of(good, lambda sample: None if sample.sent is None else sample.sent / 1000),
        _of(good, lambda sample: None if sample.received is None else sample.received / 1000),
    )


def _of(samples: Sequence[Sample], what: Callable[[Sample], float | None]) -> str:
    found = median(samples, what)
    return "–" if found is None else short(found)


def _seconds(sample: Sample) -> float:
    return sample.seconds


def _ratio(value: float, base: float | None) -> str:
    return "–" if base is None else short(value / base)


def short(value: float) -> str:
    """Write three digits that count, and never an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value else "0"


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{short(value)}{unit}"


def line(cells: Sequence[str]) -> str:
    """Return one row of a table."""
    return f"| {' | '.join(cells)} |"
