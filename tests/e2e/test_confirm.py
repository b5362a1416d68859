"""Confirm or revert, as an operator and a visitor see it; probes by policy; a host that is held."""

import signal
from collections.abc import Iterator

import pytest
from operating import DEAD, HELLO, Desk, as_the_lab_is, kill, linked, stopped, wait_for, wait_for_line
from testinfra.host import Host as Machine
from visiting import Lab

from deployer.outcome import State

JOURNAL = "tail -n 1 /var/lib/deployer/journal"


@pytest.fixture
def edge1(lab: Lab, desk: Desk) -> Iterator[Machine]:
    """edge1, with a location more in the operator's inventory; no release is left waiting."""
    desk.add_location(*HELLO)
    yield lab.container("edge1")
    if is_pending(lab):
        desk.type("rollback", "--limit", "edge1", "--json", expect_exit=None)


def is_pending(lab: Lab) -> bool:
    return bool(lab.container("edge1").file("/var/lib/deployer/pending").exists)


def apply_and_leave(desk: Desk) -> dict[str, object]:
    outcome = desk.type("apply", "--limit", "edge1", "--no-confirm", "--json").host
    assert outcome["state"] == "unconfirmed"
    return outcome


def test_a_release_that_is_left_unconfirmed_serves_and_is_kept_on_request(
    lab: Lab, desk: Desk, edge1: Machine
) -> None:
    outcome = apply_and_leave(desk)

    assert lab.get("/hello").status_code == 302
    assert outcome["next_step"] == (
        "deployer confirm inventory.yaml --limit edge1, or deployer rollback inventory.yaml --limit edge1"
    )
    other = desk.type("apply", "--limit", "edge1", "--json", expect_exit=7).host
    assert "unconfirmed until 20" in other["message"]
    confirmed = desk.type("confirm", "--limit", "edge1", "--json").host
    assert (confirmed["state"], confirmed["serving"]) == ("changed", outcome["serving"])
    assert not is_pending(lab)
    assert not edge1.file("/etc/systemd/system/deployer-pending.service").exists
    assert desk.type("plan", "--limit", "edge1", "--exit-code", "--json").host["state"] == "unchanged"
    assert desk.type("confirm", "--limit", "edge1", "--json").host["state"] == "unchanged"


def test_a_release_that_is_left_unconfirmed_is_taken_back_on_request(
    lab: Lab, desk: Desk, edge1: Machine
) -> None:
    before = linked(edge1)
    apply_and_leave(desk)

    outcome = desk.type("rollback", "--limit", "edge1", "--json").host

    assert (outcome["state"], outcome["serving"], linked(edge1)) == ("changed", before, before)
    assert lab.get("/hello").status_code == 404
    assert "taken back by " in edge1.check_output(JOURNAL)
    assert [each.state for each in as_the_lab_is("edge1")] == [State.UNCHANGED]


def test_a_release_that_nobody_confirms_is_taken_back_by_the_host(
    lab: Lab, desk: Desk, edge1: Machine
) -> None:
    before = linked(edge1)
    desk.set_for("edge1", "confirm_timeout", "3s")
    apply_and_leave(desk)

    wait_for(lambda: not is_pending(lab), sentence="the host has not gone back")

    assert linked(edge1) == before
    assert lab.get("/hello").status_code == 404
    assert "nobody confirmed it within 3 s" in edge1.check_output(JOURNAL)
    story = desk.type("history", "--limit", "edge1", "--json").host["history"]
    assert "nobody confirmed it within 3 s" in story[0]["note"]


def test_a_controller_that_hangs_is_not_waited_for_any_longer(lab: Lab, desk: Desk, edge1: Machine) -> None:
    before = linked(edge1)
    desk.add_location(*DEAD)
    desk.set_for("edge1", "confirm_timeout", "3s")
    running = desk.start("apply", "--limit", "edge1", "--json")
    try:
        # The dead location keeps it there for some seconds.
        wait_for_line(running, "edge1: probe")
        running.send_signal(signal.SIGSTOP)
        wait_for(lambda: not is_pending(lab), sentence="the host has not gone back")
        assert linked(edge1) == before
        assert lab.get("/hello").status_code == 404
        running.send_signal(signal.SIGCONT)
        outcome = desk.end(running, expect_exit=6).host
    finally:
        kill(running)

    assert outcome["message"] == f"gone back to release {before}: nobody confirmed it within 3 s"


def test_the_guard_on_the_host_goes_back_when_the_run_is_killed_there(
    lab: Lab, desk: Desk, edge1: Machine
) -> None:
    before = linked(edge1)
    desk.add_location(*DEAD)
    running = desk.start("apply", "--limit", "edge1", "--json")
    try:
        wait_for_line(running, "edge1: probe")
        edge1.check_output("kill -9 $(cat /var/lib/deployer/pending/main)")
        outcome = desk.end(running, expect_exit=4).host
    finally:
        kill(running)

    assert (outcome["state"], outcome["phase"]) == ("unreachable", "probe")
    wait_for(lambda: not is_pending(lab), sentence="the guard has not gone back")
    assert linked(edge1) == before
    assert lab.get("/hello").status_code == 404
    assert "its run died before it was confirmed" in edge1.check_output(JOURNAL)


def test_a_strict_apply_wants_everything_to_work(lab: Lab, desk: Desk, edge1: Machine) -> None:
    before = linked(edge1)
    with stopped(lab, "tomcat"):
        outcome = desk.type("apply", "--limit", "edge1", "--probe", "strict", "--json", expect_exit=6).host

    assert "https://abc.test/Tomcat/" in outcome["message"]
    assert linked(edge1) == before
    wait_for(lambda: lab.get("/Tomcat/").status_code == 200, sentence="Tomcat does not answer again")


def test_an_apply_without_probes_asks_nobody_and_says_so(lab: Lab, desk: Desk, edge1: Machine) -> None:
    desk.add_location(*DEAD)

    outcome = desk.type("apply", "--limit", "edge1", "--probe", "off", "--json").host

    assert (outcome["state"], outcome["probes"]) == ("changed", [])
    assert outcome["warnings"] == ["not probed: --probe off"]
    assert lab.get("/hello").status_code == 302


def test_a_second_run_waits_for_the_first_and_plans_anew(lab: Lab, desk: Desk, edge1: Machine) -> None:
    desk.set_for("edge1", "confirm_timeout", "12s")
    apply_and_leave(desk)
    waiting = desk.start("apply", "--limit", "edge1", "--lock-timeout", "60", "--json")
    try:
        assert waiting.stderr is not None
        said = next(line for line in waiting.stderr if "waiting for the host" in line)
        assert "unconfirmed until 20" in said
        outcome = desk.end(waiting).host
    finally:
        kill(waiting)

    assert outcome["state"] == "changed"
    assert lab.get("/hello").status_code == 302


def test_the_guard_is_no_process_of_the_session(lab: Lab, desk: Desk, edge1: Machine) -> None:
    apply_and_leave(desk)

    guard = edge1.check_output("cat /var/lib/deployer/pending/guard")
    units = edge1.check_output("cat /proc/%s/cgroup", guard)

    assert "deployer-guard-" in units
    desk.type("confirm", "--limit", "edge1", "--json")
