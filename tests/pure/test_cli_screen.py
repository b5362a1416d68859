"""Lines that go where no terminal is: without rich, and to the byte what rich would write."""

import io

import pytest
from rich.console import Console

from deployer.cli.screen import Screen
from deployer.report.spans import Text

LINES = [
    "a plain line, longer than any terminal is wide: " + "x" * 300,
    Text("edge1: ", style="bold").append("gone back\n  next: [red]this[/red] :smile:", style="bold red"),
    Text.assemble("  ", ("+ create file ", "green"), "/etc/nginx/nginx.conf"),
    "a\ttab and \a\b\v\f\r controls, 漢字\tand a wide one",
    Text("ends in blanks  \n\n"),
    "",
]


class Pipe(io.StringIO):
    """Read by no terminal."""

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("line", LINES, ids=map(str, range(len(LINES))))
def test_what_is_written_to_a_pipe_is_what_rich_would_write(
    line: str | Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    ours, rich = Pipe(), Pipe()
    monkeypatch.setattr("sys.stdout", ours)

    Screen().print(line)
    Console(file=rich, width=10_000, markup=False, emoji=False, highlight=False).print(line, soft_wrap=True)

    assert ours.getvalue() == rich.getvalue()


def test_colours_can_be_forced_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Pipe()
    monkeypatch.setattr("sys.stdout", stream)

    Screen().print(Text("changed", style="yellow"))

    assert stream.getvalue() == "\x1b[33mchanged\x1b[0m\n"


def test_trailing_blanks_are_taken_from_the_last_spans() -> None:
    line = Text("edge1").append("  unchanged  ", style="green").append("  ")

    line.rstrip()

    assert str(line) == "edge1  unchanged"
