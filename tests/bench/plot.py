"""The plot of a run: bars on a logarithmic scale, as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tests.bench.job import JOBS, TRUE
from tests.bench.results import Run, median
from tests.bench.setups import FLOORS, TOOLS
from tests.bench.tables import NAMES, TITLES

_ROW, _BAR, _GAP = 18, 13, 12
_LABELS, _WIDTH, _VALUES, _TOP = 350, 520, 70, 46
_COLOURS = {"deployer": "#1a7f4b", "openssh": "#8c959f", "asyncssh": "#8c959f"}
_OTHER = "#7b9ccf"
_PAPER, _INK, _FAINT = "#ffffff", "#1f2328", "#d0d7de"


@dataclass(frozen=True)
class Bar:
    """One bar: what stands before it, how long it is, its colour and weight."""

    label: str
    value: float
    colour: str = _OTHER
    ours: bool = False


def drawn(run: Run, hosts: int, delay: int) -> str:
    """Return the SVG of one setup: wall time of every job and tool."""
    wire = f", {delay} ms round trip" if delay else ""
    groups = [group for job in (*JOBS, TRUE) if (group := _group(run, job, hosts, delay))]
    return charted(f"{hosts} hosts{wire}: seconds, logarithmic", groups)


def charted(title: str, groups: Sequence[Sequence[Bar]]) -> str:
    """Return the SVG of some groups of bars on a logarithmic scale; no value is 0, no group empty."""
    values = [bar.value for group in groups for bar in group]
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** math.ceil(math.log10(max(values)) + 0.001)
    height = _TOP + sum(len(group) * _ROW + _GAP for group in groups) + 10
    body = [_text(10, 20, title, weight=600), *_grid(low, high, height)]
    y = _TOP
    for group in groups:
        for bar in group:
            body += _bar(bar, y, _scaled(bar.value, low, high))
            y += _ROW
        y += _GAP
    width = _LABELS + _WIDTH + _VALUES
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _group(run: Run, job: str, hosts: int, delay: int) -> list[Bar]:
    tools = [tool for tool in TOOLS if (tool in FLOORS) == (job == TRUE)]
    found = (
        (tool, median(run.of(tool, job, hosts=hosts, delay=delay), lambda s: s.seconds)) for tool in tools
    )
    return [
        Bar(f"{TITLES[job].strip('`')}: {NAMES[tool]}", seconds, colour(tool), tool == "deployer")
        for tool, seconds in found
        if seconds is not None
    ]


def colour(name: str) -> str:
    """Return the colour of a tool or server."""
    return _COLOURS.get(name, _OTHER)


def _scaled(value: float, low: float, high: float) -> float:
    return _WIDTH * math.log(value / low) / math.log(high / low)


def _grid(low: float, high: float, height: int) -> Sequence[str]:
    lines = []
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        x = _LABELS + _scaled(10.0**power, low, high)
        lines.append(f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{height - 8}" stroke="{_FAINT}"/>')
        lines.append(_text(x, _TOP - 12, f"{10.0**power:g}", anchor="middle"))
    return lines


def _bar(bar: Bar, y: int, length: float) -> Sequence[str]:
    weight = 600 if bar.ours else 400
    return (
        _text(_LABELS - 8, y + _BAR - 2, bar.label, anchor="end", weight=weight),
        f'<rect x="{_LABELS}" y="{y}" width="{max(length, 1):.1f}" height="{_BAR}" fill="{bar.colour}"/>',
        _text(_LABELS + length + 5, y + _BAR - 2, f"{bar.value:.3g}", weight=weight),
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{_INK}">'
        f"{escape(text)}</text>"
    )
