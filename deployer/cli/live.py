"""What is seen on a terminal while it happens: a line per host, on stderr."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from deployer.cli import frame
from deployer.cli.frame import Row
from deployer.cli.lines import CANCELLED, STOPPING, crash
from deployer.outcome import Outcome, Phase
from deployer.report.words import visible

NOTICES = 50
"""Lines that stay above the live ones; the report has what is beyond."""
_FRAMES_PER_SECOND = 8


class LiveProgress:
    """A line per host with phase, note and seconds; one screen of all where they do not fit."""

    def __init__(self, screen: Console, hosts: Sequence[str], *, debug: bool = False) -> None:
        self._screen = screen
        self._hosts = tuple(hosts)
        self._width = max((len(host) for host in hosts), default=0)
        self._rows: dict[str, Row] = {}
        self._doing = ""
        self._footer = ""
        self._debug = debug
        self._notices = 0

    def shown(self) -> AbstractContextManager[object]:
        """Draw until the context ends, then leave the screen to the report."""
        return Live(self, console=self._screen, refresh_per_second=_FRAMES_PER_SECOND, transient=True)

    def entered(self, host: str, phase: Phase, note: str) -> None:
        """Note the phase for the next frame; what is said before a host is changed stays to be read."""
        if phase == Phase.STAGE and note and self._notices < NOTICES:
            self._notices += 1
            self._screen.print(Text(visible(f"{host}: {note}")), soft_wrap=True)
        row = self._rows.get(host)
        if row is None or row.outcome:
            # Ended already: it is probed again, or taken back.
            row = self._rows[host] = Row()
        row.phase, row.note = phase, note

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        """Note the outcome for the next frame."""
        self._rows.setdefault(outcome.host, Row()).outcome = outcome
        for line in crash(error, debug=self._debug):
            self._screen.print(line, soft_wrap=True)

    def stopping(self, *, cancelled: bool) -> None:
        """Say below the hosts that the interrupt was heard."""
        self._footer = CANCELLED if cancelled else STOPPING

    def said(self, note: str) -> None:
        """Say above the hosts what the run does next."""
        self._doing = note

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> RenderResult:
        rows = dict(self._rows)  # a thread of its own draws, while hosts come and go
        room = max(screen.height - 4, 1)
        if self._doing:
            yield Text(visible(self._doing), style="bold", no_wrap=True, overflow="ellipsis")
        if len(self._hosts) <= room:
            yield from (frame.line(host, rows.get(host), width=self._width) for host in self._hosts)
        else:
            yield from frame.screen(rows, len(self._hosts), room=room, columns=options.max_width)
        if self._footer:
            yield Text(self._footer, style="yellow", no_wrap=True, overflow="ellipsis")
