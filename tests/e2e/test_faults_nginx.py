"""The fault matrix, second half: nginx does not do what it is told, or is not there."""

import re

import pytest
from damaging import hanging_worker, squatter, told, with_variable
from fault_page import Result
from fault_rows import PROBE, Row, rows_of
from matrix import Matrix
from patient import NEW, OLD, Patient

PORT = 9099


@pytest.mark.parametrize("row", rows_of("nginx -t fails"), ids=str)
def test_a_configuration_that_nginx_refuses_reaches_nobody(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor:
        with with_variable(patient, "nginx_http_raw", "proxy_pas on;"):
            refused = patient.type("apply")
        assert 'unknown directive "proxy_pas"' in refused.host["said"][0]
        operator = told(patient, refused, expect_exit=5)
        host = patient.ended_with(OLD)

    matrix[row] = Result(patient.saw(visitor, OLD), host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("Reload refused"), ids=str)
def test_a_reload_that_nginx_cannot_carry_out_is_taken_back(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor:
        with (
            squatter(patient.machine, PORT),
            with_variable(patient, "nginx_http_raw", f"server {{ listen {PORT}; return 200; }}"),
        ):
            ended = patient.type("apply")
        assert f"0.0.0.0:{PORT} failed" in ended.host["said"][0]
        operator = told(patient, ended, expect_exit=6)
        host = patient.ended_with(OLD, journal="nginx did not take the new configuration over")

    # nginx reads files when they are asked for: the page is linked already.
    matrix[row] = Result(patient.saw(visitor, OLD, other=True), host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("nginx not running"), ids=str)
def test_nginx_that_does_not_run_is_started(row: Row, patient: Patient, matrix: Matrix) -> None:
    with patient.visited() as visitor:
        with visitor.nobody_there():
            patient.machine.check_output("systemctl stop nginx")
            operator = told(patient, patient.type("apply"), expect_exit=0)
        host = patient.ended_with(NEW)
        visitor.wait_for(patient.version(NEW))

    seen = patient.saw(visitor, NEW, other=True, away="nginx does not run")
    matrix[row] = Result(seen, host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("nginx killed after the switch"), ids=str)
def test_nginx_that_is_killed_after_the_switch_is_started_again(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    probing = row.case == PROBE
    which = OLD if probing else NEW
    with patient.visited() as visitor:
        with visitor.nobody_there():
            with patient.standing(row.case) as running:
                patient.machine.check_output("systemctl kill --signal=KILL nginx")
            ended = patient.desk.end(running, expect_exit=None)
        words = told(patient, ended, expect_exit=6 if probing else 0)
        host = patient.ended_with(which, journal="probe https://matrix.test/" if probing else "")
        visitor.wait_for(patient.version(which))

    # Which of the probes meets what of the end is chance.
    operator = re.sub("probe https://.*?; next", "a probe fails; next", words)
    seen = patient.saw(visitor, which, other=True, away="nginx does not run")
    matrix[row] = Result(seen, host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("Workers that never exit"), ids=str)
def test_a_visitor_who_never_hangs_up_keeps_the_old_worker_and_nothing_else(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with patient.visited() as visitor:
        ended = patient.type("apply")
        operator = told(patient, ended, expect_exit=0)
        assert ended.host["live"]["staying"] >= 1
        host = patient.ended_with(NEW)
        visitor.wait_for(patient.version(NEW))

    matrix[row] = Result(patient.saw(visitor, NEW, other=True), host, operator, patient.following())


@pytest.mark.parametrize("row", rows_of("A worker that hangs"), ids=str)
def test_a_worker_that_hangs_holds_no_host_on_two_releases(
    row: Row, patient: Patient, matrix: Matrix
) -> None:
    with hanging_worker(patient.machine), patient.visited() as visitor:
        ended = patient.type("apply")
        operator = told(patient, ended, expect_exit=6)
        host = patient.ended_with(OLD, journal="nginx did not take the new configuration over")

    matrix[row] = Result(patient.saw(visitor, OLD, other=True), host, operator, patient.following())
