"""When something goes wrong: what was broken before, what the run breaks, and runs that are ended."""

from collections.abc import Iterator

import pytest
from damaging import squatter
from operating import (
    DEAD,
    HELLO,
    Desk,
    as_the_lab_is,
    kill,
    linked,
    nginx_of,
    stopped,
    wait_for,
    wait_for_line,
)
from testinfra.host import Host as Machine
from visiting import Lab

from deployer.outcome import State

HOLD = "/run/deployer-test-hold"
WAIT = f"""- name: wait
  command:
    cmd: while [ -e {HOLD} ]; do sleep 0.1; done
    unless: test ! -e {HOLD}
"""


def test_what_was_broken_before_does_not_stop_a_deploy_and_is_reported(lab: Lab, desk: Desk) -> None:
    desk.add_location(*HELLO)
    with stopped(lab, "tomcat"):
        outcome = desk.type("apply", "--limit", "edge1", "--json").host

        assert outcome["state"] == "changed"
        assert lab.get("/hello").headers["location"] == "/one"
        broken = [probe for probe in outcome["probes"] if probe["verdict"] == "failed"]
        assert [probe["location"] for probe in broken] == ["/Tomcat/"]
        (warning,) = (text for text in outcome["warnings"] if "still broken" in text)
        assert "https://abc.test/Tomcat/" in warning
    wait_for(lambda: lab.get("/Tomcat/").status_code == 200, sentence="Tomcat does not answer again")


def test_a_new_location_that_does_not_work_makes_the_host_go_back(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge1")
    before = linked(machine)
    desk.add_location(*HELLO)
    desk.add_location(*DEAD)

    outcome = desk.type("apply", "--limit", "edge1", "--json", expect_exit=6).host

    assert (outcome["state"], outcome["phase"]) == ("reverted", "probe")
    assert outcome["message"].startswith(f"gone back to release {before}: probe https://abc.test/dead/: 502")
    assert (outcome["serving"], linked(machine)) == (before, before)
    assert lab.get("/hello").status_code == 404
    assert lab.get("/").status_code == 200
    story = desk.type("history", "--limit", "edge1", "--json").host["history"]
    assert story[0]["state"] == "failed"
    assert "/dead/" in story[0]["note"]


def test_a_reload_that_nginx_cannot_carry_out_is_taken_back(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge1")
    before = nginx_of(machine)
    desk.add_location(*HELLO)
    desk.set_for("edge1", "nginx_http_raw", "server { listen 9099; return 200; }")
    with squatter(machine, 9099):
        outcome = desk.type("apply", "--limit", "edge1", "--json", expect_exit=6).host

    assert (outcome["state"], outcome["phase"]) == ("reverted", "reload")
    assert any("0.0.0.0:9099 failed" in line for line in outcome["said"])
    assert linked(machine) == outcome["serving"] == before.linked
    assert nginx_of(machine).master == before.master
    assert lab.get("/hello").status_code == 404
    assert lab.get("/").status_code == 200
    # What runs is what is linked, and nothing is owed.
    assert [outcome.state for outcome in as_the_lab_is("edge1")] == [State.UNCHANGED]


@pytest.fixture
def held(lab: Lab, desk: Desk) -> Iterator[Machine]:
    """A run on edge1 stays in its stage phase as long as a file is there."""
    tasks = desk.folder / "roles/hold/tasks/main.yml"
    tasks.parent.mkdir(parents=True)
    tasks.write_text(WAIT)
    desk.edit("roles: [nginx, abc_pages]", "roles: [nginx, abc_pages, hold]")
    desk.add_location(*HELLO)
    machine = lab.container("edge1")
    machine.check_output("touch %s", HOLD)
    yield machine
    release(machine)
    wait_for(lambda: is_free(machine), sentence="edge1 is still locked")


def release(machine: Machine) -> None:
    machine.check_output("rm -f %s", HOLD)


def is_free(machine: Machine) -> bool:
    return bool(machine.run("flock -n /etc/deployer/lock true").rc == 0)


def test_two_applies_at_once_one_wins_and_the_other_says_who_holds_the_host(
    lab: Lab, desk: Desk, held: Machine
) -> None:
    first = desk.start("apply", "--limit", "edge1", "--json")
    try:
        wait_for_line(first, "edge1: stage")

        second = desk.type("apply", "--limit", "edge1", "--json", expect_exit=7).host

        assert second["state"] == "locked"
        assert second["message"].startswith("another run holds the host: ")
        assert "@" in second["message"]
        assert " since 20" in second["message"]
        release(held)
        assert desk.end(first).host["state"] == "changed"
    finally:
        kill(first)
    assert lab.get("/hello").headers["location"] == "/one"


def test_ctrl_c_lets_the_host_under_way_finish_and_starts_no_other(
    lab: Lab, desk: Desk, held: Machine
) -> None:
    running = desk.start("apply", "--limit", "edge1,edge2", "--parallel", "1", "--json")
    try:
        wait_for_line(running, "edge1: stage")
        running.send_signal(2)
        wait_for_line(
            running, "stopping: no further host starts, those under way finish; Ctrl-C again cancels them"
        )
        release(held)
        ended = desk.end(running, expect_exit=130)
    finally:
        kill(running)

    assert ended.hosts["edge1"]["state"] == "changed"
    assert ended.hosts["edge2"]["state"] == "interrupted"
    assert lab.get("/hello", edge="edge1").status_code == 302
    assert lab.get("/hello", edge="edge2").status_code == 404


def test_after_two_ctrl_c_the_next_apply_simply_works(lab: Lab, desk: Desk, held: Machine) -> None:
    before = linked(held)
    running = desk.start("apply", "--limit", "edge1", "--json")
    try:
        wait_for_line(running, "edge1: stage")
        running.send_signal(2)
        wait_for_line(
            running, "stopping: no further host starts, those under way finish; Ctrl-C again cancels them"
        )
        running.send_signal(2)
        outcome = desk.end(running, expect_exit=130).host
    finally:
        kill(running)
    assert (outcome["state"], outcome["phase"]) == ("interrupted", "stage")

    release(held)
    wait_for(lambda: is_free(held), sentence="the run on the host has not ended")
    assert linked(held) == before
    assert lab.get("/hello").status_code == 404
    assert desk.type("apply", "--limit", "edge1", "--json").host["state"] == "changed"
    assert lab.get("/hello").status_code == 302


def test_a_switched_host_goes_back_by_itself_when_the_controller_dies(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge1")
    before = linked(machine)
    desk.add_location(*HELLO)
    desk.add_location(*DEAD)
    running = desk.start("apply", "--limit", "edge1")
    try:
        # The dead location keeps it there for some seconds.
        wait_for_line(running, "edge1: probe")
        assert linked(machine) != before
    finally:
        kill(running)

    wait_for(lambda: linked(machine) == before, sentence="the host has not gone back")
    wait_for(lambda: is_free(machine), sentence="the run on the host has not ended")
    assert lab.get("/hello").status_code == 404
    assert lab.get("/").status_code == 200
    journal = machine.check_output("tail -n 1 /var/lib/deployer/journal")
    assert "the controller went away before it confirmed" in journal
    assert desk.type("plan", "--limit", "edge1", "--json").host["state"] == "planned"
