"""Puts a run into docs/benchmarks.md, between two marks, and its plots beside it."""

from pathlib import Path

from tests.bench import plot, tables
from tests.bench.goals import judged
from tests.bench.places import DOCS
from tests.bench.results import Run

BEGIN, END = "<!-- peers: written by `make bench` -->", "<!-- peers: end -->"


def write(run: Run, folder: Path = DOCS) -> None:
    """Replace what stands between the marks of `benchmarks.md` in `folder`, and the plots."""
    plots = [_plot(run, hosts, delay, folder) for hosts, delay in run.setups() if hosts > 1]
    parts = [tables.of_goals(judged(run)), *plots, tables.of_run(run)]
    put("\n".join(parts), (BEGIN, END), folder)


def put(written: str, marks: tuple[str, str], folder: Path) -> None:
    """Replace what stands between two marks of `benchmarks.md` in `folder`."""
    page = folder / "benchmarks.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(marks[0])
    _, _, after = rest.partition(marks[1])
    page.write_text(f"{before}{marks[0]}\n\n{written}\n{marks[1]}{after}", encoding="utf-8")


def _plot(run: Run, hosts: int, delay: int, folder: Path) -> str:
    name = f"benchmarks-{hosts}{f'-{delay}ms' if delay else ''}.svg"
    (folder / name).write_text(plot.drawn(run, hosts, delay), encoding="utf-8")
    return f"![seconds of every tool at {hosts} hosts{f', {delay} ms' if delay else ''}]({name})\n"
