"""The fault matrix, second half: packages, certificates, and what deployer keeps on a host."""

import pytest
from damaging import apt_locked, inventory_saying, needing, told, wait_until_apt_waits
from fault_page import Result
from fault_rows import Row, rows_of
from matrix import Matrix
from operating import Typed
from patient import NEW, OLD, Patient
from visiting import CHECKOUT

CURRENT = "$(readlink /etc/deployer/current)"
RELEASES = "/etc/deployer/releases"
JOURNAL = "/var/lib/deployer/journal"


def healed(patient: Patient, damage: str) -> tuple[Typed, Result]:
    """Damage the host, and apply: visitors must not notice, and the new site must come."""
    with patient.visited() as visitor:
        patient.machine.check_output(damage)
        patient.begin()
        ended = patient.type("apply")
        operator = told(patient, ended, expect_exit=0)
        host = patient.ended_with(NEW)
        visitor.wait_for(patient.version(NEW))
    return ended, Result(patient.saw(visitor, NEW, other=True), host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("Certificate unreadable"), ids=str)
def test_a_certificate_without_its_key_is_replaced_or_refused(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    if row.case == "on the host":
        ended, result = healed(patient, "rm /etc/deployer/certs/matrix/privkey.pem")
        assert "certificate" in {change["kind"] for change in ended.host["changes"]}
        matrix[row] = result
        return
    with patient.visited() as visitor:
        local_ca = "tls: {local_ca: {directory: ca}}"
        files = f"tls: {{files: {{certificate: {CHECKOUT / '.lab/ca/ca.pem'}, key: gone.key}}}}"
        with inventory_saying(patient, local_ca, files):
            ended = patient.type("apply")
        assert (ended.exit_code, ended.document["hosts"]) == (2, [])
        problem = ended.document["problems"][0]
        assert problem["line"] == 1 + patient.desk.inventory.read_text().split(local_ca)[0].count("\n")
        host = patient.ended_with(OLD)
    operator = f"exit 2: {problem['path']}: {problem['sentence']}; {problem['suggestion'].split(',')[0]}"
    matrix[row] = Result(patient.saw(visitor, OLD), host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("apt locked"), ids=str)
def test_a_locked_apt_is_waited_for_and_then_refused(row: Row, patient: Patient, matrix: Matrix) -> None:
    for_good = row.case == "for good"
    which = OLD if for_good else NEW
    with patient.visited() as visitor, needing(patient, "ed" if for_good else "tree"):
        with apt_locked(patient.machine):
            running = patient.start()
            wait_until_apt_waits(patient.machine)
            if for_good:
                ended = patient.desk.end(running, expect_exit=None)
        if not for_good:
            ended = patient.desk.end(running, expect_exit=None)
        operator = told(patient, ended, expect_exit=5 if for_good else 0)
        if for_good:
            assert "/var/lib/dpkg/lock-frontend" in ended.host["said"][0]
        host = patient.ended_with(which)
        visitor.wait_for(patient.version(which))

    matrix[row] = Result(patient.saw(visitor, which, other=not for_good), host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("Package missing"), ids=str)
def test_a_package_that_nobody_has_is_a_refusal(row: Row, patient: Patient, matrix: Matrix) -> None:
    with patient.visited() as visitor:
        with needing(patient, "nobody-has-this"):
            ended = patient.type("apply")
            operator = told(patient, ended, expect_exit=5)
        assert ended.host["said"] == ["E: Unable to locate package nobody-has-this"]
        host = patient.ended_with(OLD)

    matrix[row] = Result(patient.saw(visitor, OLD), host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("Releases tampered with"), ids=str)
def test_releases_that_somebody_has_changed_are_replaced(row: Row, patient: Patient, matrix: Matrix) -> None:
    damage = {
        "a file of the current release edited": (
            f"echo '# by hand' >>{CURRENT}/root/etc/nginx/deployer/maps.conf"
        ),
        "the papers of the current release removed": (
            f"cd {CURRENT} && rm manifest release.json asks confirmed"
        ),
        "things of strangers among the releases": (
            f"cd {RELEASES} && mkdir strange .tmp-strange && echo notes >notes && ln -s nowhere link"
        ),
    }[row.case]
    ended, result = healed(patient, damage)
    if "edited" in row.case:
        assert [drift["subject"] for drift in ended.host["drift"]] == ["/etc/nginx/deployer/maps.conf"]
    if "strangers" in row.case:
        assert (
            patient.machine.check_output(f"cd {RELEASES} && ls -d strange notes link")
            == "link\nnotes\nstrange"
        )
    matrix[row] = result


@pytest.mark.parametrize("row", rows_of("Journal truncated"), ids=str)
def test_a_journal_that_is_gone_begins_again(row: Row, patient: Patient, matrix: Matrix) -> None:
    _, result = healed(patient, f": >{JOURNAL}" if row.case == "emptied" else f"rm {JOURNAL}")

    story = patient.desk.type("history", "--json").host["history"]
    assert story[0]["state"] == "current"
    assert "confirmed" in patient.machine.check_output(f"tail -n 1 {JOURNAL}")
    matrix[row] = result


@pytest.mark.parametrize("row", rows_of("Current release deleted"), ids=str)
def test_a_host_whose_current_release_was_deleted_gets_a_new_one(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    rebooted = row.case == "then a reboot"
    with patient.visited() as visitor:
        with visitor.nobody_there():
            patient.machine.check_output(f"rm -rf {CURRENT}")
            if rebooted:
                patient.die()
            operator = told(patient, patient.type("apply"), expect_exit=0)
        host = patient.ended_with(NEW)
        visitor.wait_for(patient.version(NEW))

    if not rebooted:
        # nginx has its configuration in memory; the page is a file.
        assert {answer.kind for answer in visitor.answers if answer.error} <= {"page"}
    away = "the host had no release" if rebooted else "its file was gone, of the page alone"
    matrix[row] = Result(
        patient.saw(visitor, NEW, other=True, away=away), host, operator, patient.following()
    )
