"""Where text goes: standard output or standard error."""

import os
import sys
from functools import cached_property
from typing import IO, TYPE_CHECKING, cast

from deployer.cli.streams import Deaf
from deployer.report.spans import Text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Column

# Piped text has no width: a table must not be folded into 80 columns that nobody has.
_ENDLESS = 10_000

_FOLDED = 20
"""Columns that are left to a cell that may be folded."""

_FORCES = ("FORCE_COLOR", "TTY_COMPATIBLE")
"""Variables that have rich take anything for a terminal."""


class Screen:
    """Prints what it is given: no markup, no guessing of colours.

    Lines that are read by no terminal are written as they are. All else is rich's, which takes a tenth of a
    short run to import.

    Args:
        stderr: Instead of standard output.
        deaf: Goes on when nobody reads any more.
    """

    def __init__(self, *, stderr: bool = False, deaf: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        self._width = None if stream.isatty() else _ENDLESS
        self._plain = self._width is not None and not any(name in os.environ for name in _FORCES)
        self.file = cast("IO[str]", Deaf(stream)) if deaf else stream

    @cached_property
    def rich(self) -> "Console":
        """The same for rich."""
        from rich.console import Console  # late: see above

        return Console(file=self.file, width=self._width, markup=False, emoji=False, highlight=False)

    def print(self, shown: "RenderableType") -> None:
        """Print lines as they are, and a table in as many columns as its unbroken cells need.

        What the terminal folds by itself can still be copied in one piece.
        """
        line = Text(shown) if isinstance(shown, str) else shown
        # How wide a tab is depends on what stands before it.
        if self._plain and isinstance(line, Text) and "\t" not in str(line):
            self.file.write(f"{line}\n")
            self.file.flush()
        else:
            draw(self.rich, line)


def draw(screen: "Console", renderable: "RenderableType") -> None:
    """Have rich print lines, or a table; see `Screen.print`."""
    if columns := getattr(renderable, "columns", None):
        screen.width = max(screen.width, sum(_room(screen, column) for column in columns))
    screen.print(renderable, soft_wrap=columns is None)


def _room(screen: "Console", column: "Column") -> int:
    endless = screen.options.update(width=_ENDLESS)
    cells = (column.header, *column.cells)
    widest = max(screen.measure(cell, options=endless).maximum for cell in cells)
    return 2 + (widest if column.no_wrap else min(widest, _FOLDED))
