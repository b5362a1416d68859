"""Another run takes the host after ours has looked at it and before it changes anything."""

import asyncio
import subprocess
import time

import pytest
from conftest import Machine
from desk import Desk

from deployer import deploy
from deployer.errors import LockedError
from deployer.outcome import Outcome, Phase, State


class OtherRun:
    """One that takes the lock for some seconds as soon as ours stages."""

    def __init__(self, machine: Machine, *, seconds: int) -> None:
        self.lock = machine.path("/etc/deployer/lock")
        holding = f"printf 'ops@desk since noon' >{self.lock}; sleep {seconds}; : >{self.lock}"
        self.words = ["flock", "-n", str(self.lock), "sh", "-c", holding]
        self.running: subprocess.Popen[bytes] | None = None

    def watch(self, host: str, phase: Phase, note: str) -> None:
        if phase == Phase.STAGE and self.running is None:
            self.running = subprocess.Popen(self.words)
            while not self.lock.read_text():
                time.sleep(0.05)

    def end(self) -> None:
        assert self.running is not None, "our run has not staged"
        self.running.wait()


@pytest.fixture
def desk(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A site that is live, and that the inventory wants to change."""
    desk = Desk(machine, tmp_path_factory.mktemp("desk"))
    desk.write("abc", 'return 200 "one";')
    desk.apply(quarantine=False)
    desk.write("abc", 'return 200 "two";')
    return desk


def apply_beside(other: OtherRun, desk: Desk, *, lock_timeout: float) -> Outcome:
    options = deploy.Options(reach=desk.reach, conduct=deploy.Conduct(lock_timeout=lock_timeout))
    try:
        return asyncio.run(deploy.apply(desk.host(), options, other.watch))
    finally:
        other.end()


def test_a_run_with_patience_waits_for_it_and_goes_on(desk: Desk) -> None:
    outcome = apply_beside(OtherRun(desk.machine, seconds=4), desk, lock_timeout=60)

    assert outcome.state == State.CHANGED
    assert desk.visit("abc") == "two"


def test_a_run_without_patience_is_told_who_it_was(desk: Desk) -> None:
    with pytest.raises(LockedError, match="another run holds the host: ops@desk since noon"):
        apply_beside(OtherRun(desk.machine, seconds=4), desk, lock_timeout=0)

    assert desk.visit("abc") == "one"
