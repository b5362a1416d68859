"""What is seen while it happens: a line per host on a terminal, plain lines elsewhere; on stderr."""

import os
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from deployer.cli.answer import console
from deployer.errors import DeployerError
from deployer.fleet import Listener
from deployer.outcome import Outcome, Phase
from deployer.report.words import probes_in_words, style, visible

_STOPPING = "stopping: no further host starts, those under way finish; Ctrl-C again cancels them"
_CANCELLED = "cancelled: closing connections; Ctrl-C again ends at once"
_FRAMES_PER_SECOND = 8


class Progress(Listener, Protocol):
    """A listener with a place on the screen."""

    def shown(self) -> AbstractContextManager[object]:
        """Occupy the screen while the context lasts."""
        ...


def progress(hosts: Sequence[str], *, debug: bool) -> Progress:
    """Choose what fits standard error: live lines on a terminal, plain ones elsewhere."""
    screen = console(stderr=True)
    # rich takes FORCE_COLOR for a terminal; moving a cursor in a log file helps nobody.
    is_terminal = screen.file.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return LiveProgress(screen, hosts, debug=debug) if is_terminal else PlainProgress(screen, debug=debug)


def _show_crash(screen: Console, error: BaseException | None, *, debug: bool) -> None:
    if debug and isinstance(error, Exception) and not isinstance(error, DeployerError):
        told = "".join(traceback.format_exception(error))
        screen.print(Text(visible(told)), soft_wrap=True)


@dataclass
class PlainProgress:
    """One line per phase of each host, as `edge1: stage`."""

    screen: Console
    debug: bool = False

    def shown(self) -> AbstractContextManager[object]:
        """Need no preparation."""
        return nullcontext()

    def entered(self, host: str, phase: Phase, note: str) -> None:
        """Print the phase."""
        self._print(f"{host}: {phase}{f': {note}' if note else ''}")

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        """Print how it ended."""
        _show_crash(self.screen, error, debug=self.debug)
        self._print(f"{outcome.host}: {outcome.state}  {probes_in_words(outcome)}".rstrip())

    def stopping(self, *, cancelled: bool) -> None:
        """Print that the interrupt was heard."""
        self._print(_CANCELLED if cancelled else _STOPPING)

    def _print(self, line: str) -> None:
        self.screen.print(Text(visible(line)), soft_wrap=True)


@dataclass
class _Row:
    """One host on the screen."""

    phase: Phase = Phase.CONNECT
    note: str = ""
    started: float = field(default_factory=time.monotonic)
    outcome: Outcome | None = None

    @property
    def seconds(self) -> float:
        return self.outcome.seconds if self.outcome else time.monotonic() - self.started


class LiveProgress:
    """A line per host with phase, note and seconds; counts and the running ones where they do not all fit."""

    def __init__(self, screen: Console, hosts: Sequence[str], *, debug: bool = False) -> None:
        self._screen = screen
        self._hosts = tuple(hosts)
        self._width = max((len(host) for host in hosts), default=0)
        self._rows: dict[str, _Row] = {}
        self._footer = ""
        self._debug = debug

    def shown(self) -> AbstractContextManager[object]:
        """Draw until the context ends, then leave the screen to the report."""
        return Live(self, console=self._screen, refresh_per_second=_FRAMES_PER_SECOND, transient=True)

    def entered(self, host: str, phase: Phase, note: str) -> None:
        """Note the phase for the next frame."""
        row = self._rows.setdefault(host, _Row())
        row.phase, row.note = phase, note

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        """Note the outcome for the next frame."""
        self._rows.setdefault(outcome.host, _Row()).outcome = outcome
        _show_crash(self._screen, error, debug=self._debug)

    def stopping(self, *, cancelled: bool) -> None:
        """Say below the hosts that the interrupt was heard."""
        self._footer = _CANCELLED if cancelled else _STOPPING

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> RenderResult:
        room = max(screen.height - 3, 1)
        if len(self._hosts) <= room:
            yield from (self._line(host) for host in self._hosts)
        else:
            yield self._counts()
            yield from (self._line(host) for host in self._running()[: room - 1])
        if self._footer:
            yield Text(self._footer, style="yellow", no_wrap=True, overflow="ellipsis")

    def _line(self, host: str) -> Text:
        line = Text(f"{visible(host):<{self._width}}  ", no_wrap=True, overflow="ellipsis")
        row = self._rows.get(host)
        if row is None:
            return line.append("waiting", style="dim")
        if row.outcome:
            line.append(f"{row.outcome.state:<11}", style=style(row.outcome.state))
        else:
            line.append(f"{row.phase:<11}", style="cyan")
        line.append(f"{row.seconds:6.1f} s  ")
        note = probes_in_words(row.outcome) if row.outcome else row.note.replace("\n", " ")
        return line.append(visible(note), style="dim")

    def _counts(self) -> Text:
        ended = Counter(row.outcome.state for row in self._rows.values() if row.outcome)
        told = [f"{state}: {number}" for state, number in ended.items()]
        waiting = len(self._hosts) - len(self._rows)
        told += [f"running: {len(self._running())}", f"waiting: {waiting}"]
        return Text("  ".join(told), style="bold", no_wrap=True, overflow="ellipsis")

    def _running(self) -> list[str]:
        return [host for host, row in self._rows.items() if not row.outcome]
