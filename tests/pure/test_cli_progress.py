"""What is seen while hosts are on their way."""

import io

import pytest
from rich.console import Console

from deployer.cli.lines import CountedProgress, PlainProgress
from deployer.cli.live import LiveProgress
from deployer.cli.progress import progress
from deployer.cli.streams import Deaf
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


def crowd(console: Console, *, failed: int = 0) -> LiveProgress:
    """1,000 hosts: 400 have ended, the last `failed` of them badly, 50 are under way."""
    hosts = [f"web{number:04}" for number in range(1000)]
    live = LiveProgress(console, hosts)
    for number, host in enumerate(hosts[:450]):
        live.entered(host, Phase.CONNECT if number < 440 else Phase.STAGE, "")
    for host in hosts[: 400 - failed]:
        live.ended(changed(host), None)
    for host in hosts[400 - failed : 400]:
        lost = Outcome(host, State.UNREACHABLE, Phase.CONNECT, message="no answer within 10 s", seconds=10)
        live.ended(lost, None)
    return live


def test_a_thousand_hosts_are_one_screen_of_counts_phases_slowest_and_failed_ones() -> None:
    console = screen(height=24)

    lines = frame(crowd(console, failed=30), console)

    assert len(lines) <= 20
    assert lines[0] == "changed: 370  unreachable: 30  running: 50  waiting: 550"
    assert lines[1] == f"{'#' * 16}{'-' * 24}  400 of 1000"
    assert lines[2] == "connect: 40  stage: 10"
    assert lines[3].split()[:2] == ["web0400", "connect"]
    assert "failed: 30, the last 7" in lines
    assert lines[-1].split() == [
        "web0399", "unreachable", "10.0", "s", "no", "answer", "within", "10", "s"
    ]  # fmt: skip


def test_where_no_host_has_failed_the_slowest_have_all_the_lines() -> None:
    console = screen(height=24)

    lines = frame(crowd(console), console)

    assert len(lines) == 20
    assert [line.split()[0] for line in lines[3:]] == [f"web{number:04}" for number in range(400, 417)]


def test_what_is_told_of_each_host_before_it_changes_is_told_of_some() -> None:
    console = screen()
    live = LiveProgress(console, [f"web{number}" for number in range(1000)])

    with console.capture() as captured:
        for number in range(1000):
            live.entered(f"web{number}", Phase.STAGE, "nginx.conf was changed by hand")

    assert len(captured.get().splitlines()) == 50


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


def test_what_the_run_does_stands_above_the_hosts() -> None:
    console = screen()
    live = LiveProgress(console, ["edge1"])
    live.said("wave 1 of 3: 1 host")

    assert [line.split()[0] for line in frame(live, console)] == ["wave", "edge1"]


def test_a_host_that_is_probed_again_is_under_way_again() -> None:
    console = screen()
    live = LiveProgress(console, ["edge1"])
    live.ended(changed("edge1"), None)
    live.entered("edge1", Phase.PROBE, "[1/9] /")

    assert frame(live, console)[0].startswith("edge1  probe")


class Clock:
    """Goes on by itself, a second at each look."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_a_thousand_hosts_without_a_terminal_are_some_lines_of_counts() -> None:
    stream = io.StringIO()
    hosts = [f"web{number}" for number in range(1000)]
    counted = CountedProgress(Console(file=stream, width=10_000), hosts=1000, clock=Clock())

    with counted.shown():
        for number, host in enumerate(hosts):
            for phase in (Phase.CONNECT, Phase.STAGE, Phase.CONFIRM):
                counted.entered(host, phase, "")
            lost = Outcome(host, State.UNREACHABLE, Phase.CONNECT)
            counted.ended(lost if number % 2 else changed(host), None)

    lines = stream.getvalue().splitlines()
    assert len([line for line in lines if line.endswith(": unreachable")]) == 10
    assert lines[0] == "web1: unreachable"
    assert "running: 1  waiting: " in lines[1]
    assert "slowest: web" in lines[1]
    assert lines[-1] == "changed: 500  unreachable: 500  running: 0  waiting: 0"
    assert len(lines) < 1000


def test_counts_wait_for_their_time() -> None:
    stream = io.StringIO()
    counted = CountedProgress(Console(file=stream, width=10_000), hosts=1000, clock=lambda: 7.0)

    for number in range(1000):
        counted.entered(f"web{number}", Phase.CONNECT, "")
        counted.ended(changed(f"web{number}"), None)

    assert stream.getvalue() == ""


def test_many_hosts_are_counted_and_a_few_are_told_one_by_one() -> None:
    few, many = progress(["web1"] * 20, debug=False), progress(["web1"] * 21, debug=False)

    assert (type(few), type(many)) == (PlainProgress, CountedProgress)


class Closed(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_was_closed_does_not_end_a_walk() -> None:
    plain = PlainProgress(Console(file=Deaf(Closed()), width=80))

    plain.entered("edge1", Phase.SWITCH, "")
    plain.ended(changed("edge1"), None)
