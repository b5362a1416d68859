"""Progress as plain lines, for logs and pipes: each phase of each host; counts where the hosts are many."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from deployer.cli.frame import Row, counts, phases
from deployer.errors import DeployerError
from deployer.outcome import Outcome, Phase
from deployer.report.spans import Text
from deployer.report.words import probes_in_words, visible


class Printer(Protocol):
    """What prints lines: a `Screen`, or rich's console."""

    def print(self, shown: Text, /) -> None:
        """Print one line."""
        ...


STOPPING = "stopping: no further host starts, those under way finish; Ctrl-C again cancels them"
CANCELLED = "cancelled: closing connections; Ctrl-C again ends at once"
EVERY = 10.0
"""Seconds between two lines of counts."""
FAILURES_NAMED = 10


def crash(error: BaseException | None, *, debug: bool) -> list[Text]:
    """Return the traceback of a bug, with `debug` only."""
    if debug and isinstance(error, Exception) and not isinstance(error, DeployerError):
        told = "".join(traceback.format_exception(error))
        return [Text(visible(told))]
    return []


@dataclass
class PlainProgress:
    """One line per phase of each host, as `edge1: stage`."""

    screen: Printer
    debug: bool = False

    def shown(self) -> AbstractContextManager[object]:
        """Need no preparation."""
        return nullcontext()

    def entered(self, host: str, phase: Phase, note: str) -> None:
        """Print the phase."""
        self._print(f"{host}: {phase}{f': {note}' if note else ''}")

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        """Print how it ended."""
        self._show(error)
        self._print(f"{outcome.host}: {outcome.state}  {probes_in_words(outcome)}".rstrip())

    def stopping(self, *, cancelled: bool) -> None:
        """Print that the interrupt was heard."""
        self._print(CANCELLED if cancelled else STOPPING)

    def said(self, note: str) -> None:
        """Print what the run does next."""
        self._print(note)

    def _show(self, error: BaseException | None) -> None:
        for line in crash(error, debug=self.debug):
            self.screen.print(line)

    def _print(self, line: str) -> None:
        self.screen.print(Text(visible(line)))


@dataclass
class CountedProgress(PlainProgress):
    """A line of counts every few seconds, and the first failures by name."""

    hosts: int = 0
    clock: Callable[[], float] = time.monotonic
    rows: dict[str, Row] = field(default_factory=dict)
    named: int = 0

    def __post_init__(self) -> None:
        self._last = self.clock()

    def shown(self) -> AbstractContextManager[object]:
        """End with the counts of all."""
        return self._to_the_end()

    @contextmanager
    def _to_the_end(self) -> Iterator[None]:
        yield
        self._print(self._counts())

    def entered(self, host: str, phase: Phase, note: str) -> None:
        """Count the host as under way."""
        row = self.rows.get(host)
        if row is None or row.outcome:
            row = self.rows[host] = Row()
        row.phase = phase
        self._perhaps_print()

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        """Count how it ended; name it if it is one of the first to fail."""
        row = self.rows.setdefault(outcome.host, Row())
        row.outcome = outcome
        if row.failed and self.named < FAILURES_NAMED:
            self.named += 1
            super().ended(outcome, error)
        else:
            self._show(error)
        self._perhaps_print()

    def _perhaps_print(self) -> None:
        if self.clock() - self._last >= EVERY:
            self._last = self.clock()
            self._print(self._counts())

    def _counts(self) -> str:
        running = {host: row for host, row in self.rows.items() if not row.outcome}
        told = counts(self.rows, len(running), self.hosts)
        if not running:
            return told
        host, slowest = min(running.items(), key=lambda each: each[1].started)
        return (
            f"{told}  ({phases(running.values())})  slowest: {host}, {slowest.phase}, {slowest.seconds:.0f} s"
        )
