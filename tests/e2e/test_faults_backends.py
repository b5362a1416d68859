"""The fault matrix, second half: what is behind nginx fails."""

import re

import pytest
from damaging import told, with_php
from fault_page import Result
from fault_rows import BEFORE, PROBE, RELOAD, Row, rows_of
from matrix import Matrix
from patient import NEW, OLD, Patient

BACKEND = "https://matrix.test/backend/"


@pytest.mark.parametrize("row", rows_of("Backend down"), ids=str)
def test_a_backend_that_is_down_concerns_its_own_location(row: Row, patient: Patient, matrix: Matrix) -> None:
    which = OLD if row.case == PROBE else NEW
    with patient.visited() as visitor:
        if row.case == BEFORE:
            with patient.backend.down():
                ended = patient.type("apply")
            assert any("still broken" in text for text in ended.host["warnings"])
        elif row.case == PROBE:
            with patient.standing(PROBE) as running:
                patient.backend.stop()
            ended = patient.desk.end(running, expect_exit=None)
            patient.backend.listen()
        else:
            ended = patient.type("apply")
            with patient.backend.down():
                probes = patient.type("verify").host["probes"]
            assert [probe["url"] for probe in probes if probe["verdict"] == "failed"] == [BACKEND]
        operator = told(patient, ended, expect_exit=6 if row.case == PROBE else 0)
        operator = re.sub(r" at [\d.]+:\d+\?", " at its address?", operator)
        if row.case == BEFORE:
            operator += f"; warning: still broken, as before: {BACKEND}"
        host = patient.ended_with(which, journal=f"probe {BACKEND}: 502" if row.case == PROBE else "")
        visitor.wait_for(patient.version(which))

    matrix[row] = Result(patient.saw(visitor, which, other=True), host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("PHP pool gone"), ids=str)
def test_a_pool_of_php_that_is_gone_is_started_or_holds_the_new_release_back(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with_php(patient)
    which = OLD if row.case == RELOAD else NEW
    stop = "systemctl stop 'php*-fpm.service'"
    with patient.visited() as visitor:
        if row.case == RELOAD:
            with patient.standing(RELOAD) as running:
                patient.machine.check_output(stop)
            ended = patient.desk.end(running, expect_exit=None)
        else:
            patient.machine.check_output(stop)
            ended = patient.type("apply")
        operator = told(patient, ended, expect_exit=6 if row.case == RELOAD else 0)
        host = patient.ended_with(which, journal="/app/: 502" if row.case == RELOAD else "")
        visitor.wait_for(patient.version(which))

    matrix[row] = Result(patient.saw(visitor, which, other=True), host, operator, patient.following())
    assert "php" in patient.machine.check_output("systemctl list-units --state=running 'php*-fpm.service'")
