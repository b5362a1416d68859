"""`python -m tests.bench --served`: measure the served sites, print the tables, say which goals are met."""

from datetime import UTC, datetime
from pathlib import Path

from tests.bench.places import STATE
from tests.bench.results import append
from tests.bench.served import document, machine, measuring, packages, report, rows, servers, values
from tests.bench.served.servers import OURS
from tests.bench.served.values import Sample


def reported(form: str, earlier: Path | None, *, write: bool) -> bool:
    """Measure in the `form` `short` or `full`, or read an `earlier` run; False if a site of ours failed."""
    run = values.read(earlier or _measured(measuring.FULL if form == "full" else measuring.SHORT))
    print(report.of_run(run), report.of_goals(run), sep="\n", flush=True)
    if write:
        document.write(run)
    return not any(each.failure for each in run.samples if each.server == OURS)


def _measured(effort: measuring.Effort) -> Path:
    packages.install_missing()
    path = STATE / "results" / f"served-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    append(path, machine.described())

    def sink(sample: Sample) -> None:
        append(path, sample)
        cpu = "" if sample.cpu is None else f"  {sample.cpu:.1f} µs, core busy {sample.busy or 0:.0%}"
        said = sample.failure or f"{sample.rate:.0f}{cpu}"
        print(f"  {rows.TITLES[sample.row]}: {servers.TITLES[sample.server]}: {said}", flush=True)

    measuring.measure(effort, sink)
    return path
