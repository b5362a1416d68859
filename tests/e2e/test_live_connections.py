"""Open WebSockets through everything that reloads nginx: none is lost, no frame is lost or doubled."""

import os
from typing import Any

from operating import Desk, nginx_of, wait_for
from talking import talking
from testinfra.host import Host as Machine
from visiting import Lab

MANY = 500
FEW = 20
ONE = "{to: /one, status: 302}"
TWO = "{to: /two, status: 302}"
HELLO = ("- path: /hello", f"  redirect: {ONE}")


def held(outcome: dict[str, Any]) -> tuple[int, int]:
    """Live connections before the reload, and those on draining workers after it."""
    return outcome["live"]["before"], outcome["live"]["staying"]


def test_500_talking_websockets_live_through_a_reload_an_apply_a_renewal_and_a_rollback(
    lab: Lab, desk: Desk
) -> None:
    machine = lab.container("edge1")
    desk.add_location(*HELLO)
    desk.type("apply", "--limit", "edge1")
    wait_for(
        lambda: "shutting down" not in machine.check_output("pgrep -a nginx"),
        sentence="workers of earlier tests drain",
    )

    with talking(lab, "edge1", MANY) as talkers:
        talkers.still_talk()

        machine.check_output("systemctl reload nginx")
        talkers.still_talk()

        desk.edit(ONE, TWO)
        applied = desk.type("apply", "--limit", "edge1", "--json").host
        talkers.still_talk()
        assert lab.get("/hello").headers["location"] == "/two"

        renewed = desk.type("certs", "--renew", "--limit", "edge1", "--json").host
        talkers.still_talk()

        back = desk.type("rollback", "--limit", "edge1")
        talkers.still_talk()
        assert lab.get("/hello").headers["location"] == "/one"

        for outcome in (applied, renewed):
            assert held(outcome) == (MANY, MANY)
            assert outcome["live"]["cut_after"] == ""
        (line,) = [line for line in back.stdout.splitlines() if "live connections" in line]
        assert line.startswith(f"edge1: live connections: {MANY} before the reload, {MANY} stay on ")

        told = desk.type("status", "--limit", "edge1", "--json").host
        draining = [worker for worker in told["workers"] if worker["draining"]]
        assert sum(worker["connections"] for worker in draining) == MANY
        assert all(worker["age"] > 0 for worker in draining)
        words = desk.type("status", "--limit", "edge1").stdout
        assert words.count("drains: ") == len(draining)

        talkers.fall_silent()

        assert talkers.failures == []
        assert [each.name for each in talkers.all if each.heard != each.said] == []
        assert talkers.frames > MANY * 10
    wait_for(
        lambda: "shutting down" not in machine.check_output("pgrep -a nginx"),
        sentence="draining workers outlive their last connection",
    )


def began(machine: Machine) -> float:
    """When the workers that serve now were started, in seconds since the kernel booted."""
    pids = nginx_of(machine).workers
    ticks = [int(machine.check_output(f"cut -d' ' -f22 /proc/{pid}/stat")) for pid in pids]
    return min(ticks) / os.sysconf("SC_CLK_TCK")


def test_drain_timeout_cuts_at_its_time_as_the_plan_said_and_not_before(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge2")
    desk.set_for("edge2", "drain_timeout", "10s")

    with talking(lab, "edge2", FEW) as talkers:
        brings = desk.type("apply", "--limit", "edge2", "--json").host

        assert brings["warnings"] == [
            "drain_timeout 10s counts from the reload after this one: the running release has none"
        ]
        assert (held(brings), brings["live"]["cut_after"]) == ((FEW, FEW), "")

        desk.add_location(*HELLO)
        planned = desk.type("plan", "--limit", "edge2", "--json").host

        (warning,) = planned["warnings"]
        assert warning == (
            f"this reload cuts {FEW} live connections (open WebSockets, requests that still run) "
            "10s after it, because the running release has drain_timeout 10s"
        )
        talkers.still_talk()

    with talking(lab, "edge2", FEW) as talkers:
        cuts = desk.type("apply", "--limit", "edge2", "--json").host

        assert (held(cuts), cuts["live"]["cut_after"]) == ((FEW, FEW), "10s")
        talkers.wait_for_end(60)
        lived = [each.ended - began(machine) for each in talkers.all]
        # Whole ticks of the kernel: a hundredth of a second.
        assert min(lived) >= 9.98
        assert max(lived) < 40
        # As if the wire was cut: without a close frame, and until then every frame was in its place.
        assert {each.failure.partition(" frames: ")[2] for each in talkers.all} == {
            "no close frame received or sent"
        }
    told = desk.type("status", "--limit", "edge2", "--json").host
    assert not any(worker["draining"] for worker in told["workers"])
