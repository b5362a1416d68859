"""Real signals to a real program: outcomes are printed whatever the operator does to it."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
from pathlib import Path

from deployer.cli import answer, walks
from deployer.cli.options import Apply
from deployer.cli.rolling import roll, terms
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, State
from deployer.report import document
from deployer.rollout import Steps

folder, count = Path(sys.argv[1]), int(sys.argv[2])
hosts = [Host(f"web{number}") for number in range(1, count + 1)]

async def walk(host, watch):
    watch(host.name, Phase.SWITCH, "")
    (folder / f"{host.name}.switched").touch()
    while not (folder / "go").exists():
        await asyncio.sleep(0.01)
    watch(host.name, Phase.CONFIRM, "")
    return Outcome(host.name, State.CHANGED, Phase.CONFIRM)

async def again(host, before, watch):
    return Outcome(host.name, State.UNCHANGED, Phase.PROBE)

options = Apply(inventory=Path("inventory.yaml"), serial="2,100%", json=True)
ended, retry = roll("apply", hosts, options, Steps(walk, again), within=terms(options, count))
(folder / "outcomes").write_text("\\n".join(f"{one.host} {one.state}" for one in ended.outcomes))
told = walks.answer_of("apply", ended.outcomes, lambda outcomes: [])
answer.show(told, as_json=True)
sys.exit(told.exit_code)
"""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal; the first is whoever looks at it."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue  # a test has closed it


def start(folder: Path, *, hosts: int, stderr: int) -> "subprocess.Popen[bytes]":
    """Start a run that waits in the switch of its first hosts, at its own terminal where it is given one."""
    environment = {**os.environ, "TERM": "xterm"}
    with (folder / "stdout").open("wb") as stdout:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), str(hosts)],
            stdout=stdout,
            stderr=stderr,
            env=environment,
        )


def wait_for_the_switch(folder: Path, running: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while not (folder / "web2.switched").exists():
        assert running.poll() is None, "the program ended too early"
        assert time.monotonic() < deadline, "the hosts have not reached their switch"
        time.sleep(0.02)


def printed(folder: Path) -> list[str]:
    """The states in the document on standard output."""
    return [entry["state"] for entry in json.loads((folder / "stdout").read_text())["hosts"]]


def outcomes(folder: Path) -> list[str]:
    return (folder / "outcomes").read_text().splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_switched_hosts_end_and_all_outcomes_are_printed(
    tmp_path: Path, number: signal.Signals
) -> None:
    running = start(tmp_path, hosts=5, stderr=subprocess.PIPE)
    wait_for_the_switch(tmp_path, running)

    running.send_signal(number)
    assert running.stderr is not None
    while not running.stderr.readline().startswith(b"stopping"):
        assert running.poll() is None
    (tmp_path / "go").touch()
    running.communicate(timeout=60)

    assert printed(tmp_path) == ["changed", "changed", "interrupted", "interrupted", "interrupted"]
    assert running.returncode == 130


def test_a_terminal_that_is_closed_lets_switched_hosts_end(tmp_path: Path, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    running = start(tmp_path, hosts=5, stderr=theirs)
    wait_for_the_switch(tmp_path, running)

    os.close(theirs)
    os.close(ours)  # from here on each write to the terminal fails
    running.send_signal(signal.SIGHUP)  # which a shell sends to its jobs
    (tmp_path / "go").touch()
    running.communicate(timeout=60)

    assert outcomes(tmp_path)[:2] == ["web1 changed", "web2 changed"]
    assert len(outcomes(tmp_path)) == 5
    assert running.returncode in (0, 130)  # as the signal was faster than the hosts, or not


def test_who_reads_the_progress_may_leave(tmp_path: Path) -> None:
    running = start(tmp_path, hosts=5, stderr=subprocess.PIPE)
    wait_for_the_switch(tmp_path, running)

    assert running.stderr is not None
    running.stderr.close()
    (tmp_path / "go").touch()

    assert running.wait(timeout=60) == 0
    assert printed(tmp_path) == ["changed"] * 5


def test_a_thousand_hosts_are_a_screen_on_a_terminal(tmp_path: Path, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    (tmp_path / "go").touch()
    running = start(tmp_path, hosts=1000, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:
        pass  # the program has closed its end
    running.communicate(timeout=60)

    assert running.returncode == 0
    assert b"wave 2 of 2: 998 hosts" in seen
    assert b"changed: 1000  running: 0  waiting: 0" in seen
    assert outcomes(tmp_path) == [f"web{number} changed" for number in range(1, 1001)]
