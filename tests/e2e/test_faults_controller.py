"""The fault matrix, first half: the controller and the way to the host fail."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
from fault_page import Result
from fault_rows import (
    AFTER_RENAME,
    BEFORE_RENAME,
    CONFIRM,
    PROBE,
    RELOAD,
    RENDER,
    STAGE,
    VALIDATE,
    Row,
    rows_of,
)
from holding import wrapped
from matrix import Matrix
from operating import Typed, kill
from patient import NEW, OLD, Patient
from visitors import SITE, Visitor

SWITCHED = (AFTER_RENAME, RELOAD, PROBE)
"""Where the new release is on disk and the controller has not confirmed it."""


PAST_RETURN = (BEFORE_RENAME, *SWITCHED)
"""Where the host no longer looks whether the controller is there, until it asks it to confirm."""


def phase_of(case: str) -> str:
    """The phase in which a lost connection is noticed: rendering and planning need none."""
    return "plan" if case == RENDER else case.removeprefix("in ").partition(",")[0]


def result(
    row: Row, patient: Patient, *, visitor: Visitor, host: str, operator: str, away: str = ""
) -> Result:
    """The result of a row that may have been switched; ends it with the next apply."""
    which = NEW if "the new release" in host else OLD
    switched = row.case in (*PAST_RETURN, CONFIRM) or "nobody confirmed it" in host
    return Result(
        visitors=patient.saw(visitor, which, other=switched, away=away),
        host=host,
        operator=operator,
        following=patient.following(),
    )


def ended(row: Row, patient: Patient, journal: str = "") -> str:
    """Assert that the host has the new release where it was confirmed, else the old one; say so."""
    return patient.ended_with(NEW if row.case == CONFIRM else OLD, journal=journal)


def ended_alone(row: Row, patient: Patient) -> str:
    """The same for a host that its controller has left."""
    if row.case in (STAGE, VALIDATE):
        return ended(row, patient, "the controller went away before the switch")
    if row.case in PAST_RETURN:
        return ended(row, patient, "the controller went away before it confirmed")
    return ended(row, patient)


def ended_dead(row: Row, patient: Patient, journal: str) -> str:
    """The same for a host whose run was killed: what is there is put back by somebody else, who says why."""
    return ended(row, patient, journal if row.case in PAST_RETURN else "")


@pytest.mark.parametrize("row", rows_of("Controller killed"), ids=str)
def test_a_controller_that_is_killed_leaves_a_proven_release(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor:
        with patient.standing(row.case) as running:
            kill(running)
            patient.wait_until_alone()
        host = ended_alone(row, patient)

    matrix[row] = result(
        row, patient, visitor=visitor, host=host, operator="nothing: nobody was left to tell"
    )


@pytest.mark.parametrize("row", rows_of("SSH connection cut"), ids=str)
def test_a_connection_that_is_cut_leaves_a_proven_release_and_is_told(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor:
        with patient.standing(row.case) as running:
            patient.link.cut()
            patient.wait_until_alone()
        told = patient.desk.end(running, expect_exit=4)
        host = ended_alone(row, patient)

    assert (told.host["state"], told.host["phase"]) == ("unreachable", phase_of(row.case))
    assert told.host["next_step"]
    matrix[row] = result(row, patient, visitor=visitor, host=host, operator=patient.told(told))


@pytest.mark.parametrize("row", rows_of("Network silent"), ids=str)
def test_a_network_that_falls_silent_leaves_a_proven_release_and_is_told(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    asked = row.case == PROBE
    # Once the controller has seen the sites it says that the host may switch, however far the host is.
    unseen = nullcontext() if asked else patient.backend.held()
    with patient.visited() as visitor, patient.link.bad() as link:
        with unseen, patient.standing(row.case, "--set", "confirm_timeout=3s") as running:
            link.silent = True
        told = patient.desk.end(running, expect_exit=4)
        silence = "nobody confirmed it within 3 s" if asked else "the controller went away before the switch"
        host = patient.ended_with(OLD, journal=silence)

    matrix[row] = result(row, patient, visitor=visitor, host=host, operator=patient.told(told))


@pytest.mark.parametrize("row", rows_of("Script killed on the host"), ids=str)
def test_a_script_that_is_killed_on_the_host_leaves_a_proven_release_and_is_told(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor:
        with patient.standing(row.case) as running:
            patient.kill_script()
        told = patient.desk.end(running, expect_exit=4)
        host = ended_dead(row, patient, "its run died before it was confirmed")

    matrix[row] = result(row, patient, visitor=visitor, host=host, operator=patient.told(told))


@pytest.mark.parametrize("row", rows_of("Host killed"), ids=str)
def test_a_host_that_is_killed_boots_with_a_proven_release(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor, visitor.nobody_there():
        with patient.standing(row.case) as running:
            patient.die()
            # A host that has booted knows none of its former connections.
            patient.link.cut()
        told = patient.desk.end(running, expect_exit=4)
        host = ended_dead(row, patient, "the host went down before it was confirmed")
        visitor.wait_for(patient.version(NEW if row.case == CONFIRM else OLD))

    matrix[row] = result(
        row, patient, visitor=visitor, host=host, operator=patient.told(told), away="the host was down"
    )


@pytest.mark.parametrize("row", rows_of("Host asleep"), ids=str)
def test_a_host_that_sleeps_wakes_up_to_a_proven_release(row: Row, patient: Patient, matrix: Matrix) -> None:
    with patient.visited() as visitor:
        with patient.standing(row.case) as running, visitor.nobody_there():
            with patient.asleep():
                told = patient.desk.end(running, expect_exit=4)
            visitor.wait_for_more()
        host = ended_alone(row, patient)

    matrix[row] = result(
        row, patient, visitor=visitor, host=host, operator=patient.told(told), away="the host slept"
    )


@pytest.mark.parametrize("row", rows_of("Two controllers"), ids=str)
def test_a_second_controller_is_told_who_holds_the_host_and_disturbs_nothing(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor:
        with patient.standing(row.case) as first:
            second = patient.type("apply")
        patient.desk.end(first, expect_exit=0)
        host = patient.ended_with(NEW)
        visitor.wait_for(patient.version(NEW))

    assert second.exit_code == 7
    assert " since 20" in second.host["message"]
    matrix[row] = Result(
        visitors=patient.saw(visitor, NEW, other=True),
        host=host,
        operator=f"the first: exit 0, changed; the second: {patient.told(second)}",
        following=patient.following(),
    )


@pytest.mark.parametrize("row", rows_of("Slow link"), ids=str)
def test_a_slow_link_makes_a_run_slow_and_nothing_else(row: Row, patient: Patient, matrix: Matrix) -> None:
    with patient.visited() as visitor:
        with patient.link.bad(delay=0.2):
            told = patient.type("apply")
        host = patient.ended_with(NEW)
        visitor.wait_for(patient.version(NEW))

    assert told.exit_code == 0
    matrix[row] = Result(
        visitors=patient.saw(visitor, NEW, other=True),
        host=host,
        operator=patient.told(told),
        following=patient.following(),
    )


@pytest.mark.parametrize("row", rows_of("Link drops in the upload"), ids=str)
def test_a_link_that_drops_in_the_upload_changes_nothing(row: Row, patient: Patient, matrix: Matrix) -> None:
    ballast = patient.desk.folder / "roles/page/files/ballast"
    ballast.parent.mkdir()
    ballast.write_bytes(os.urandom(2_000_000))
    tasks = patient.desk.folder / "roles/page/tasks/main.yml"
    before = tasks.read_text()
    tasks.write_text(before + "- copy: {src: ballast, dest: /srv/www/ballast, mode: '0644'}\n")
    with patient.visited() as visitor:
        with patient.link.bad(upload_limit=1_000_000):
            told = patient.type("apply")
        host = patient.ended_with(OLD)

    assert told.exit_code == 4
    # Which of the two depends on how much of the orders the host has read when the rest does not come.
    assert told.host["phase"] in ("plan", "stage")
    matrix[row] = Result(
        visitors=patient.saw(visitor, OLD),
        host=host,
        operator=patient.told(told).replace(f" in {told.host['phase']}", ""),
        following=patient.following(),
    )
    tasks.write_text(before)


@contextmanager
def forged_key(patient: Patient) -> Iterator[None]:
    """The operator knows another host at this address."""
    file = patient.desk.folder / "known_hosts"
    known = file.read_text()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(patient.desk.folder / "forged")], check=True
    )
    key = (patient.desk.folder / "forged.pub").read_text()
    file.write_text(f"[127.0.0.1]:{patient.link.port} {' '.join(key.split()[:2])}\n")
    yield
    file.write_text(known)


@contextmanager
def sudoers(patient: Patient, rule: str) -> Iterator[None]:
    """sudo has one rule for the operator, or none."""
    file = "/etc/sudoers.d/deploy"
    machine = patient.machine
    machine.check_output("cp -p %s /root/sudoers && printf %%s %s >%s", file, rule, file)
    yield
    machine.check_output("mv /root/sudoers %s", file)


@contextmanager
def wrong_user(patient: Patient) -> Iterator[None]:
    """The operator logs in as somebody whom sshd does not let in."""
    inventory = patient.desk.inventory
    text = inventory.read_text()
    inventory.write_text(text.replace("ansible_user: deploy", "ansible_user: nobody"))
    yield
    inventory.write_text(text)


@contextmanager
def locked_out(patient: Patient, how: str) -> Iterator[str]:
    """Keep the operator out; yields what he must be told."""
    match how:
        case "wrong host key":
            with forged_key(patient):
                yield "the host key of"
        case "wrong user":
            with wrong_user(patient):
                yield "does not let the user 'nobody' in"
        case "sudo refused":
            with sudoers(patient, ""):
                yield "sudo refused"
        case "sudo asks for a password":
            with sudoers(patient, "deploy ALL=(ALL:ALL) ALL\n"):
                yield "sudo refused"
        case _:
            raise AssertionError(how)


@pytest.mark.parametrize("row", rows_of("Not let in"), ids=str)
def test_an_operator_who_is_not_let_in_changes_nothing_and_is_told_why(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor:
        with locked_out(patient, row.case) as sentence:
            told = patient.type("apply")
        host = patient.ended_with(OLD)

    assert told.exit_code == 4
    assert sentence in told.host["message"]
    assert told.host["next_step"]
    matrix[row] = Result(
        visitors=patient.saw(visitor, OLD),
        host=host,
        operator=patient.told(told),
        following=patient.following(),
    )


DAYS = {"host a day ahead": "1 day", "host a day behind": "-1 day"}
SHIFTED = {"controller a day ahead": "+1d", "controller a day behind": "-1d"}


@contextmanager
def applying(patient: Patient, case: str, *words: str) -> Iterator[Typed]:
    """Apply where a clock is wrong; yields the end of the run while it still is."""
    if case in SHIFTED:
        faketime = ("faketime", "--exclude-monotonic", "-f", SHIFTED[case])
        yield patient.desk.end(patient.start("apply", *words, before=faketime), expect_exit=None)
        return
    with (
        wrapped(patient.machine, "date", f'#!/bin/sh\nexec {{real}} -d "{DAYS[case]}" "$@"\n'),
        # A look has the time from the kernel, by the age of a folder; it asks `date` where that fails.
        wrapped(patient.machine, "find", '#!/bin/sh\n{real} "$@" | grep -v ^clock\n'),
    ):
        yield patient.type("apply", *words)


@pytest.mark.parametrize("row", rows_of("Clock wrong"), ids=str)
def test_a_clock_that_is_wrong_by_a_day_is_told_and_breaks_nothing(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    more = f"names=[{SITE}, {row.case.replace(' ', '-')}.test]"
    with patient.visited() as visitor:
        with applying(patient, row.case, "--set", more) as told:
            pass
        host = patient.ended_with(NEW)
        visitor.wait_for(patient.version(NEW))

    (warning,) = told.host["warnings"]
    slow = row.case in ("host a day behind", "controller a day ahead")
    side = "behind" if slow else "ahead of"
    seconds = re.fullmatch(f"the host's clock is (\\d+) s {side} the controller's", warning)
    assert seconds is not None
    assert abs(int(seconds[1]) - 86400) < 60
    matrix[row] = Result(
        visitors=patient.saw(visitor, NEW, other=True),
        host=host,
        operator=f"{patient.told(told)} (warned that the host's clock is a day {side} the controller's)",
        following=patient.following(),
    )
