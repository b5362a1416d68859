"""The fault matrix, second half: a disk that takes nothing more."""

import pytest
from damaging import FILL, LOCK_ETC, USE_UP, doing, etc_that_can_be_locked, on_a_small_disk, told
from fault_page import Result
from fault_rows import AFTER_RENAME, BEFORE, BEFORE_RENAME, STAGE, Row, rows_of
from matrix import Matrix
from operating import Typed
from patient import NEW, OLD, Patient

GUARD = "systemd-run"
"""Called when all is prepared, just before the switch."""


@pytest.mark.parametrize("row", rows_of("Read-only /etc"), ids=str)
def test_a_host_that_cannot_be_written_to_serves_a_whole_release(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    which = NEW if row.case == AFTER_RENAME else OLD
    with patient.visited() as visitor:
        with etc_that_can_be_locked(patient.machine):
            ended = suffering(patient, LOCK_ETC, row.case)
        operator = told(patient, ended, expect_exit=5 if row.case == BEFORE else 6)
        journal = {BEFORE: "", BEFORE_RENAME: "the switch failed", AFTER_RENAME: "going back failed too"}
        host = patient.ended_with(which, journal=journal[row.case])
        visitor.wait_for(patient.version(which))

    seen = patient.saw(visitor, which, other=row.case == AFTER_RENAME)
    matrix[row] = Result(seen, host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("Disk full"), ids=str)
def test_a_full_disk_costs_visitors_nothing(row: Row, patient: Patient, matrix: Matrix) -> None:
    which = NEW if row.case == AFTER_RENAME else OLD
    with patient.visited() as visitor:
        with on_a_small_disk(patient):
            ended = suffering(patient, FILL, row.case)
            operator = told(
                patient, ended, expect_exit={STAGE: 5, BEFORE_RENAME: 6, AFTER_RENAME: 0}[row.case]
            )
        host = patient.ended_with(which)
        visitor.wait_for(patient.version(which))

    seen = patient.saw(visitor, which, other=row.case == AFTER_RENAME)
    host = f"{host}; no room for its journal"
    matrix[row] = Result(seen, host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("No inodes"), ids=str)
def test_a_disk_without_inodes_costs_visitors_nothing(row: Row, patient: Patient, matrix: Matrix) -> None:
    with patient.visited() as visitor:
        with on_a_small_disk(patient):
            ended = suffering(patient, USE_UP, row.case)
            operator = told(patient, ended, expect_exit=5 if row.case == STAGE else 6)
        journal = {STAGE: "", BEFORE_RENAME: "No space left on device", AFTER_RENAME: "no room to wait"}
        host = patient.ended_with(OLD, journal=journal[row.case])
        visitor.wait_for(patient.version(OLD))

    seen = patient.saw(visitor, OLD, other=row.case == AFTER_RENAME)
    matrix[row] = Result(seen, host, operator, patient.following())


def suffering(patient: Patient, fault: str, moment: str) -> Typed:
    """Apply the new version on a host that meets a fault at a moment."""
    if moment == AFTER_RENAME:
        with patient.standing(moment) as running:
            patient.machine.run(fault)
        return patient.desk.end(running, expect_exit=None)
    if moment == BEFORE_RENAME and fault != FILL:
        # The guard must be there by then: where it cannot be started the run ends before the switch.
        with doing(patient.machine, fault, when="ln", called="*/current.deployer-new"):
            return patient.type("apply")
    if moment == BEFORE_RENAME:
        with doing(patient.machine, fault, when=GUARD):
            return patient.type("apply")
    patient.machine.run(fault)
    return patient.type("apply")
