"""Puts a run of the served sites into docs/benchmarks.md, between two marks, and its plot beside it."""

from pathlib import Path

from tests.bench.document import put
from tests.bench.places import DOCS
from tests.bench.served import chart, report
from tests.bench.served.values import Run

MARKS = "<!-- served: written by `make bench` -->", "<!-- served: end -->"
_PLOT = "benchmarks-served.svg"


def write(run: Run, folder: Path = DOCS) -> None:
    """Replace what stands between the marks of `benchmarks.md` in `folder`, and the plot."""
    (folder / _PLOT).write_text(chart.drawn(run), encoding="utf-8")
    plot = f"![what every server does in times of deployer's]({_PLOT})\n"
    put("\n".join([report.of_goals(run), plot, report.of_run(run)]), MARKS, folder)
