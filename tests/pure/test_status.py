"""How a host stands: what others changed is told from what waits for an apply."""

import io
from dataclasses import replace

from rich.console import Console
from test_plan import BUNDLE, CONF, HERE, PAGE, deployed

from deployer.bundle import Bundle, File
from deployer.deploy.standing import pending
from deployer.facts import LiveFile, Observation
from deployer.outcome import Action, Change, Outcome, Phase, State
from deployer.plan import Plan, make_plan
from deployer.release import target_of
from deployer.report.standing import standing
from deployer.standing import ReleaseRecord, ServedCertificate, Worker

EDITED = LiveFile("f" * 64, 0o640, "root", "root", f"/etc/deployer/current/root{PAGE}")


def edited() -> Observation:
    host = deployed()
    return replace(host, files={**host.files, PAGE: EDITED})


def planned(wanted: Bundle, host: Observation) -> Plan:
    return make_plan(target_of(wanted), host, former=target_of(BUNDLE), certificates={})


def test_what_the_inventory_wants_now_is_pending_and_not_drift() -> None:
    wanted = replace(BUNDLE, files={**BUNDLE.files, PAGE: File(b"bye\n", mode=0o640)})

    plan = planned(wanted, deployed())

    assert plan.drift == ()
    assert pending(plan.changes) == (Change(Action.UPDATE, "file", PAGE, "content"),)


def test_a_file_that_somebody_edited_is_drift_and_not_pending() -> None:
    plan = planned(BUNDLE, edited())

    assert [(change.subject, change.drift) for change in plan.drift] == [
        (PAGE, "its content was changed on the host")
    ]
    assert pending(plan.changes) == ()


def test_a_file_that_both_changed_is_both() -> None:
    wanted = replace(BUNDLE, files={**BUNDLE.files, PAGE: File(b"bye\n", mode=0o640)})

    plan = planned(wanted, edited())

    assert [change.subject for change in plan.drift] == [PAGE]
    assert [(change.subject, change.detail) for change in pending(plan.changes)] == [(PAGE, "content")]


def text_of(outcome: Outcome) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    for line in standing([outcome]):
        console.print(line)
    return console.export_text()


def standing_well(**changed: object) -> Outcome:
    outcome = Outcome(
        "edge1",
        State.UNCHANGED,
        Phase.PROBE,
        serving=HERE,
        linked=HERE,
        history=(ReleaseRecord(HERE, "current", when="2026-11-22T10:15:00Z"),),
        certificates=(ServedCertificate("abc", "local_ca", days_left=89, agrees=True),),
        workers=(Worker(7, draining=False, age=60, connections=3),),
    )
    return replace(outcome, **changed)  # type: ignore[arg-type]  # the tests name fields of Outcome


def test_a_row_tells_release_age_certificates_workers_and_connections() -> None:
    row = text_of(standing_well()).splitlines()[1]

    assert row.split() == ["edge1", HERE, "2026-11-22T10:15:00Z", "0", "0", "89", "days", "1", "3"]


def test_another_release_than_the_linked_one_is_named() -> None:
    assert f"{HERE}, but old runs" in text_of(standing_well(serving="old"))


def test_drift_is_told_in_full_and_what_is_pending_is_counted() -> None:
    drifted = (Change(Action.UPDATE, "file", PAGE, drift="it was deleted on the host"),)
    waiting = (Change(Action.UPDATE, "file", CONF, "content"),)

    text = text_of(standing_well(drift=drifted, changes=waiting))

    assert f"edge1: file {PAGE}: drift: it was deleted on the host" in text
    assert "edge1: 1 change pending" in text


def test_a_draining_worker_is_told_with_its_age_and_what_it_holds() -> None:
    draining = Worker(6, draining=True, age=3700, connections=2)
    silent = Worker(5, draining=True, age=30, connections=None)

    text = text_of(standing_well(workers=(Worker(7, False, 60, 3), draining, silent)))

    assert "1, 2 draining" in text
    assert "worker 6, started 1 h 1 min ago, drains: 2 connections" in text
    assert "worker 5, started 30 s ago, drains: connections that cannot be counted" in text
