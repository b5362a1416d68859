"""A disk without room for a byte, a file or a change, at the worst moment."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Machine

from deployer.applier import LEAVE

NEW = 'return 200 "two";'


@pytest.fixture
def crowded(machine: Machine) -> Machine:
    """A host with one release, whose programs meet a write that fails with an error, not with a signal."""
    machine.write(
        "bin/shell",
        f"#!/bin/sh\nPATH={machine.root}/bin:$PATH\ntrap '' XFSZ\nexec dash \"$@\"\n",
        executable=True,
    )
    machine.apply(machine.bundle(srv_page="one"))
    return machine


def when(machine: Machine, program: str, arguments: str, does: str) -> None:
    """Do something when the host's script calls `program`; `$PPID` is the script."""
    machine.write(
        f"bin/{program}",
        f'#!/bin/sh\ncase "$*" in {arguments}) {does} ;; esac\n'
        f'PATH=/usr/sbin:/usr/bin:/sbin:/bin exec {program} "$@"\n',
        executable=True,
    )


FULL = "for pid in $PPID $(pgrep -P $PPID); do prlimit --pid $pid --fsize=0 2>/dev/null; done"
"""From now on files of the script can be made, but nothing can be written to them."""
NO_INODES = 'echo "ln: no space left on device" >&2; exit 1'
CURRENT = "*/etc/deployer/current"


def test_a_disk_that_is_full_in_the_switch_shortens_no_list_of_files(crowded: Machine) -> None:
    when(crowded, "mv", CURRENT, FULL)

    applied, release = crowded.apply(crowded.bundle(NEW, srv_page="two", srv_more="more"))

    assert (applied.ending, crowded.get()) == ("ok", "two")
    assert crowded.path("/srv/more").read_text() == "more"
    assert crowded.observe().by_name[release].confirmed


def test_a_reason_to_go_back_counts_on_a_full_disk_too(crowded: Machine) -> None:
    when(crowded, "mv", CURRENT, FULL)

    applied, _ = crowded.apply(crowded.bundle(NEW, srv_more="more"), decision="probe /: 500")

    assert (applied.ending, crowded.get()) == ("reverted", "one")
    assert applied.reason == "for a reason that the full disk had no room for"
    assert crowded.path("/srv/page").read_text() == "one"
    assert not crowded.path("/srv/more").is_symlink()


def test_a_switch_that_has_no_room_for_its_journal_is_taken_back_and_says_so(crowded: Machine) -> None:
    first = crowded.observe().current
    when(crowded, "setsid", "*", FULL)

    applied, _ = crowded.apply(crowded.bundle(NEW))

    assert (applied.ending, applied.reason) == ("reverted", "the switch failed: no space left")
    assert any("no space left in " in line for line in applied.said)
    assert (crowded.observe().current, crowded.get()) == (first, "one")


def test_a_release_that_nobody_could_check_for_want_of_room_is_refused(crowded: Machine) -> None:
    when(crowded, "awk", "*/manifest", FULL)

    applied, _ = crowded.apply(crowded.bundle(NEW))

    assert (applied.ending, applied.phase) == ("refused", "stage")
    assert "is the disk full?" in applied.reason
    assert crowded.get() == "one"


def test_a_release_that_cannot_wait_for_its_confirmation_is_taken_back(crowded: Machine) -> None:
    when(crowded, "mv", CURRENT, FULL)

    applied, _ = crowded.apply(crowded.bundle(NEW), decision=LEAVE)

    assert (applied.ending, applied.reason) == ("reverted", "no room to note until when it waits")
    assert crowded.get() == "one"


def test_a_switch_without_a_free_inode_is_taken_back(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())
    when(machine, "ln", "*/current.deployer-new", NO_INODES)

    applied, _ = machine.apply(machine.bundle(NEW))

    assert (applied.ending, applied.reason) == ("reverted", "the switch failed: ln: no space left on device")
    assert (machine.observe().current, machine.get()) == (first, "one")


def test_the_way_back_needs_no_inode(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())
    used_up = machine.path("/tmp/used-up")
    when(machine, "ln", "*", f"if [ -e {used_up} ]; then {NO_INODES}; fi")

    def look() -> str:
        used_up.touch()
        return "probe /: 500"

    applied, _ = machine.apply(machine.bundle(NEW), decision=look)

    assert (applied.ending, applied.reason) == ("reverted", "probe /: 500")
    assert (machine.observe().current, machine.get()) == (first, "one")
    assert not machine.path("/etc/deployer/current.back").is_symlink()


def test_a_release_that_cannot_be_marked_as_confirmed_is_taken_back(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())

    def look() -> str:
        (machine.path("/etc/deployer/current").readlink() / "confirmed").mkdir()
        return ""

    applied, _ = machine.apply(machine.bundle(NEW), decision=look)

    assert (applied.ending, applied.reason) == ("reverted", "it cannot be marked as confirmed")
    assert (machine.observe().current, machine.get()) == (first, "one")


def test_a_lock_that_cannot_be_written_is_a_refusal_with_its_reason(machine: Machine) -> None:
    machine.apply(machine.bundle())
    lock = machine.path("/etc/deployer/lock")
    lock.unlink()
    lock.mkdir()

    applied, _ = machine.apply(machine.bundle(NEW))

    assert (applied.ending, applied.phase) == ("refused", "stage")
    assert applied.reason == f"cannot write to {machine.root}/etc/deployer"
    assert machine.get() == "one"


def test_a_lock_that_a_full_disk_has_no_name_for_is_seen_all_the_same(crowded: Machine) -> None:
    waiting = crowded.write("waiting", "")
    when(crowded, "flock", "-w*", FULL)
    when(crowded, "tar", "*", f"while [ -e {waiting} ]; do sleep 0.05; done")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(crowded.apply, crowded.bundle(NEW))
        deadline = time.monotonic() + 30
        while not (lock := crowded.observe().lock) and time.monotonic() < deadline:
            time.sleep(0.05)
        waiting.unlink()

    assert lock == "somebody whose name the full disk had no room for"
    assert running.result()[0].ending == "refused"
    assert crowded.observe().lock == ""


def test_a_worker_that_hangs_keeps_a_release_out_but_not_the_way_back(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())
    hanging = min(machine.workers())
    os.kill(hanging, signal.SIGSTOP)
    try:
        applied, _ = machine.apply(machine.bundle(NEW))
    finally:
        os.kill(hanging, signal.SIGKILL)

    assert (applied.ending, applied.phase) == ("reverted", "reload")
    assert applied.said == (
        f"nginx's worker {hanging}, of the former configuration, still takes connections",
    )
    assert (machine.observe().running, machine.get()) == (first, "one")


def test_a_host_without_room_for_a_temporary_directory_says_so(machine: Machine) -> None:
    machine.apply(machine.bundle())
    when(machine, "mktemp", "*", "echo 'mktemp: No space left on device' >&2; exit 1")

    applied, _ = machine.apply(machine.bundle(NEW))

    assert (applied.ending, applied.phase) == ("refused", "stage")
    assert applied.reason == "mktemp: No space left on device"
    assert machine.get() == "one"
