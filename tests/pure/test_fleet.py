"""Many hosts at a time: outcomes, order, interrupts."""

import asyncio
import gc
import os
import signal
import weakref
from collections import Counter
from dataclasses import dataclass, field

import pytest

from deployer import fleet
from deployer.errors import (
    DeployerError,
    LockedError,
    RefusedError,
    RevertedError,
    UnreachableError,
    UsageError,
)
from deployer.fleet import Walk, Watch
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, State

HOSTS = tuple(Host(f"edge{number}") for number in range(1, 6))


@dataclass
class Ear:
    """A listener that remembers."""

    phases: list[tuple[str, Phase, str]] = field(default_factory=list)
    ended_hosts: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    stops: list[bool] = field(default_factory=list)

    def entered(self, host: str, phase: Phase, note: str) -> None:
        self.phases.append((host, phase, note))

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        self.ended_hosts.append(outcome.host)
        if error:
            self.errors.append(error)

    def stopping(self, *, cancelled: bool) -> None:
        self.stops.append(cancelled)


class Forgetful(Ear):
    """A listener that keeps no error: its traceback holds all that the walk held."""

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        super().ended(outcome, None)


def run(walk: Walk, *, parallel: int = 5, ear: Ear | None = None) -> tuple[Outcome, ...]:
    return asyncio.run(fleet.run(HOSTS, walk, parallel=parallel, listener=ear or Ear()))


def changed(host: Host) -> Outcome:
    return Outcome(host.name, State.CHANGED, Phase.CONFIRM)


def states(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [outcome.state.value for outcome in outcomes]


def test_outcomes_come_in_inventory_order_whoever_ends_first() -> None:
    async def walk(host: Host, watch: Watch) -> Outcome:
        await asyncio.sleep(0.05 - 0.01 * HOSTS.index(host))
        return changed(host)

    ear = Ear()
    outcomes = run(walk, ear=ear)

    assert [outcome.host for outcome in outcomes] == [host.name for host in HOSTS]
    assert ear.ended_hosts == [host.name for host in reversed(HOSTS)]


def test_no_more_hosts_than_asked_are_under_way_at_a_time() -> None:
    now, most = 0, 0

    async def walk(host: Host, watch: Watch) -> Outcome:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return changed(host)

    run(walk, parallel=2)

    assert most == 2


def test_the_failure_of_one_host_does_not_hide_the_others() -> None:
    async def walk(host: Host, watch: Watch) -> Outcome:
        if host.name == "edge2":
            raise UnreachableError("no route to edge2")
        if host.name == "edge3":
            raise ValueError("a bug")
        return changed(host)

    ear = Ear()
    outcomes = run(walk, ear=ear)

    assert states(outcomes) == ["changed", "unreachable", "failed", "changed", "changed"]
    assert outcomes[1].message == "no route to edge2"
    assert outcomes[2].message == "ValueError: a bug"
    assert [type(error) for error in ear.errors] == [UnreachableError, ValueError]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (UnreachableError("x"), State.UNREACHABLE),
        (RefusedError("x"), State.REFUSED),
        (RevertedError("x"), State.REVERTED),
        (LockedError("x"), State.LOCKED),
        (UsageError("x"), State.INVALID),
        (DeployerError("x"), State.FAILED),
    ],
)
def test_every_error_of_the_tree_has_a_state_with_its_exit_code(error: DeployerError, state: State) -> None:
    outcome = fleet.failed("edge1", Phase.STAGE, error)

    assert outcome.state == state
    assert outcome.state.exit_code == error.exit_code


def test_a_failed_host_tells_the_phase_it_was_in_and_the_next_step_of_the_error() -> None:
    async def walk(host: Host, watch: Watch) -> Outcome:
        watch(host.name, Phase.CONNECT, "")
        watch(host.name, Phase.STAGE, "12 kB")
        raise RefusedError("no space left", next_step="free some space")

    ear = Ear()
    outcome = run(walk, parallel=1, ear=ear)[0]

    assert (outcome.phase, outcome.next_step) == (Phase.STAGE, "free some space")
    assert ear.phases[:2] == [("edge1", Phase.CONNECT, ""), ("edge1", Phase.STAGE, "12 kB")]
    assert outcome.seconds > 0


def test_ctrl_c_once_starts_no_further_host_and_lets_those_under_way_finish() -> None:
    async def walk(host: Host, watch: Watch) -> Outcome:
        if host.name == "edge1":
            os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.05)
        return changed(host)

    ear = Ear()
    outcomes = run(walk, parallel=2, ear=ear)

    assert states(outcomes) == ["changed", "changed", "interrupted", "interrupted", "interrupted"]
    assert outcomes[4].message == "not started: the run was interrupted"
    assert ear.stops == [False]


def test_ctrl_c_twice_cancels_those_under_way_and_they_can_still_clean_up() -> None:
    cleaned = []

    async def walk(host: Host, watch: Watch) -> Outcome:
        watch(host.name, Phase.PROBE, "")
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.02)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            cleaned.append(host.name)
        return changed(host)

    ear = Ear()
    outcomes = run(walk, parallel=1, ear=ear)

    assert states(outcomes) == ["interrupted"] * 5
    assert outcomes[0].phase == Phase.PROBE
    assert "cancelled in probe" in outcomes[0].message
    assert cleaned == ["edge1"]
    assert ear.stops == [False, True]


def test_after_a_run_ctrl_c_is_pythons_own_again() -> None:
    async def walk(host: Host, watch: Watch) -> Outcome:
        return changed(host)

    run(walk)

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_no_hosts_is_no_outcome() -> None:
    async def walk(host: Host, watch: Watch) -> Outcome:
        return changed(host)

    assert asyncio.run(fleet.run((), walk, parallel=3, listener=Ear())) == ()


def test_ten_thousand_hosts_take_seconds_at_most() -> None:
    hosts = [Host(f"web{number}") for number in range(10_000)]

    async def walk(host: Host, watch: Watch) -> Outcome:
        await asyncio.sleep(0)
        return changed(host)

    outcomes = asyncio.run(fleet.run(hosts, walk, parallel=50, listener=Ear()))

    assert len(outcomes) == 10_000


def test_of_a_thousand_hosts_at_a_time_those_under_way_are_served_before_the_next_one_starts() -> None:
    hosts = [Host(f"web{number}") for number in range(1000)]
    turns, begun = 0, []

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def walk(host: Host, watch: Watch) -> Outcome:
        begun.append(turns)
        await asyncio.sleep(0.01)
        return changed(host)

    async def counted() -> None:
        counting = asyncio.ensure_future(count_turns())
        await fleet.run(hosts, walk, parallel=1000, listener=Ear())
        counting.cancel()

    asyncio.run(counted())

    assert max(Counter(begun).values()) <= fleet.AT_ONCE + 1
    assert len(set(begun)) > 900


def test_hosts_that_say_nothing_hold_no_others_up() -> None:
    ends: list[str] = []

    async def walk(host: Host, watch: Watch) -> Outcome:
        if host.name in ("edge1", "edge2"):
            await release.wait()
            raise UnreachableError("no answer")
        ends.append(host.name)
        if len(ends) == 3:
            release.set()
        return changed(host)

    release = asyncio.Event()
    outcomes = run(walk, parallel=3)

    assert states(outcomes) == ["unreachable", "unreachable", "changed", "changed", "changed"]


def test_what_a_walk_held_is_free_when_its_host_has_ended_well_or_not() -> None:
    held: list[weakref.ref[Host]] = []
    alive: list[int] = []

    async def walk(host: Host, watch: Watch) -> Outcome:
        observation = Host("as large as a host's observation")
        held.append(weakref.ref(observation))
        await asyncio.sleep(0)
        gc.collect()
        alive.append(sum(each() is not None for each in held))
        if host.name in ("edge2", "edge3"):
            raise UnreachableError(observation.name)
        return changed(host)

    run(walk, parallel=1, ear=Forgetful())

    assert alive == [1] * 5
