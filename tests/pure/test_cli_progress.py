"""What is seen while hosts are on their way."""

import io

import pytest
from rich.console import Console

from deployer.cli.progress import LiveProgress, PlainProgress
from deployer.outcome import Outcome, Phase, State


def screen(*, height: int = 25) -> Console:
    return Console(file=io.StringIO(), width=80, height=height, force_terminal=True, color_system=None)


def frame(live: LiveProgress, console: Console) -> list[str]:
    with console.capture() as captured:
        console.print(live)
    return [line.rstrip() for line in captured.get().splitlines()]


def changed(host: str) -> Outcome:
    return Outcome(host, State.CHANGED, Phase.CONFIRM, seconds=4.2)


def test_without_a_terminal_each_phase_is_a_plain_line() -> None:
    stream = io.StringIO()
    plain = PlainProgress(Console(file=stream, width=10_000))

    with plain.shown():
        plain.entered("edge1", Phase.STAGE, "")
        plain.entered("edge2", Phase.PROBE, "[2/9] /wss")
        plain.ended(changed("edge1"), None)
        plain.stopping(cancelled=False)

    assert stream.getvalue().splitlines()[:3] == [
        "edge1: stage",
        "edge2: probe: [2/9] /wss",
        "edge1: changed",
    ]
    assert "Ctrl-C again" in stream.getvalue()


def test_a_terminal_has_a_line_per_host_with_phase_note_and_seconds() -> None:
    console = screen()
    live = LiveProgress(console, ["edge1", "edge10", "edge2"])
    live.entered("edge1", Phase.STAGE, "installing nginx")
    live.ended(changed("edge10"), None)

    lines = frame(live, console)

    assert lines[0].startswith("edge1   stage")
    assert lines[0].endswith("installing nginx")
    assert lines[1].split() == ["edge10", "changed", "4.2", "s"]
    assert lines[2].split() == ["edge2", "waiting"]


def test_more_hosts_than_lines_are_counted_and_only_the_running_ones_listed() -> None:
    console = screen(height=8)
    hosts = [f"web{number}" for number in range(100)]
    live = LiveProgress(console, hosts)
    for host in hosts[:40]:
        live.entered(host, Phase.PROBE, "")
    for host in hosts[:38]:
        live.ended(changed(host), None)

    lines = frame(live, console)

    assert lines[0] == "changed: 38  running: 2  waiting: 60"
    assert [line.split()[0] for line in lines[1:]] == ["web38", "web39"]


def test_never_more_lines_than_the_terminal_has() -> None:
    console = screen(height=8)
    hosts = [f"web{number}" for number in range(100)]
    live = LiveProgress(console, hosts)
    for host in hosts:
        live.entered(host, Phase.PROBE, "x" * 200)
    live.stopping(cancelled=False)

    assert len(frame(live, console)) <= 8


def test_what_a_host_notes_cannot_drive_the_terminal() -> None:
    console = screen()
    live = LiveProgress(console, ["edge1"])
    live.entered("edge1", Phase.STAGE, "\x1b[2Jgone\nnext")

    assert "\x1b[2J" not in "".join(frame(live, console))
    assert len(frame(live, console)) == 1


@pytest.mark.parametrize("debug", [True, False])
def test_the_traceback_of_a_crashed_host_is_shown_with_debug_only(*, debug: bool) -> None:
    stream = io.StringIO()

    PlainProgress(Console(file=stream, width=10_000), debug=debug).ended(
        Outcome("edge1", State.FAILED, Phase.PLAN), ValueError("surprise")
    )

    assert ("ValueError: surprise" in stream.getvalue()) == debug
