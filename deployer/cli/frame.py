"""One screen of a fleet that has more hosts than the terminal has lines; pure."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deployer.outcome import INTERRUPTED_EXIT_CODE, Outcome, Phase
from deployer.report.words import counted, probes_in_words, style, visible

if TYPE_CHECKING:
    from rich.text import Text

_ROOMY = 8
"""Lines from which there is room for more than counts and the hosts under way."""
_BAR = 40
"""Columns of the bar at most."""


@dataclass
class Row:
    """One host on the screen."""

    phase: Phase = Phase.CONNECT
    note: str = ""
    started: float = field(default_factory=time.monotonic)
    outcome: Outcome | None = None

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return self.outcome.seconds if self.outcome else time.monotonic() - self.started

    @property
    def failed(self) -> bool:
        """Whether it ended, and not well; hosts that were never reached do not count."""
        return self.outcome is not None and self.outcome.state.exit_code not in (0, INTERRUPTED_EXIT_CODE)


Rows = Mapping[str, Row]
"""Host to row, of those that have started."""


def line(host: str, row: Row | None, *, width: int) -> "Text":
    """Return a host's line: name, phase or state, seconds, note."""
    text = _line(f"{visible(host):<{width}}  ")
    if row is None:
        return text.append("waiting", style="dim")
    if row.outcome:
        text.append(f"{row.outcome.state:<11}", style=style(row.outcome.state))
    else:
        text.append(f"{row.phase:<11}", style="cyan")
    text.append(f"{row.seconds:6.1f} s  ")
    return text.append(visible(_note(row)), style="dim")


def screen(rows: Rows, hosts: int, *, room: int, columns: int = 80) -> "Iterator[Text]":
    """Return at most `room` lines of `hosts` hosts: counts, bar, phases, the slowest, the last failures.

    Args:
        rows: Of the hosts that have started.
        hosts: How many there are.
        room: Lines.
        columns: Of the terminal.
    """
    running = sorted((each for each in rows.items() if not each[1].outcome), key=lambda each: each[1].started)
    yield _line(counts(rows, len(running), hosts), style="bold")
    room -= 1
    if room >= _ROOMY:
        yield _bar(len(rows) - len(running), hosts, columns=min(_BAR, columns - 20))
        yield _line(phases(row for _, row in running), style="cyan")
        room -= 2
    failed = [each for each in rows.items() if each[1].failed] if room >= _ROOMY else []
    shown = failed[-(room // 2 - 1) :] if failed else []
    yield from _lines(running[: room - len(shown) - bool(shown)])
    if shown:
        more = f", the last {len(shown)}" if len(failed) > len(shown) else ""
        yield _line(f"failed: {len(failed)}{more}", style="bold red")
        yield from _lines(shown)


def counts(rows: Rows, running: int, hosts: int) -> str:
    """Count what has ended, runs and waits."""
    ends = counted(row.outcome for row in rows.values() if row.outcome)
    told = [*([ends] if ends else []), f"running: {running}", f"waiting: {hosts - len(rows)}"]
    return "  ".join(told)


def phases(running: Iterable[Row]) -> str:
    """Count the phases that hosts are in, in the order of the walk.

    >>> phases([Row(Phase.PROBE), Row(Phase.CONNECT), Row(Phase.PROBE)])
    'connect: 1  probe: 2'
    """
    found = Counter(row.phase for row in running)
    return "  ".join(f"{phase}: {found[phase]}" for phase in Phase if phase in found)


def _lines(shown: Sequence[tuple[str, Row]]) -> "Iterator[Text]":
    width = max((len(host) for host, _ in shown), default=0)
    yield from (line(host, row, width=width) for host, row in shown)


def _bar(done: int, hosts: int, *, columns: int) -> "Text":
    filled = done * columns // max(hosts, 1)
    bar = _line("#" * filled, style="green").append("-" * (columns - filled), style="dim")
    return bar.append(f"  {done} of {hosts}", style="default")


def _note(row: Row) -> str:
    if row.failed and row.outcome:
        return row.outcome.message.partition("\n")[0]
    return probes_in_words(row.outcome) if row.outcome else row.note.replace("\n", " ")


def _line(text: str, *, style: str = "") -> "Text":
    from rich.text import Text  # late: only a terminal needs it

    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
