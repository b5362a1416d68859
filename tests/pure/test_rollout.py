"""A run in waves: where it stops, what it asks again, what it takes back, and what Ctrl-C does to each."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from deployer import fleet, rollout
from deployer.errors import RefusedError, RevertedError, UnreachableError
from deployer.fleet import Walk, Watch
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, ProbeResult, State, Verdict
from deployer.rollout import Rollout, Steps, Terms
from deployer.stopping import Stop
from deployer.waves import parse_serial

HOSTS = tuple(Host(f"web{number}") for number in range(1, 8))
OLD, NEW = "20261121T080000Z-77ab01", "20261122T101500Z-3f9a1c"
GOOD = ProbeResult("abc", "/", "static", "https://abc.test/", Verdict.PASSED, "200")
BAD = replace(GOOD, verdict=Verdict.FAILED, said="502")


@dataclass
class Ear:
    """A listener that remembers."""

    notes: list[str] = field(default_factory=list)
    ended_hosts: list[tuple[str, str]] = field(default_factory=list)
    stops: list[bool] = field(default_factory=list)

    def entered(self, host: str, phase: Phase, note: str) -> None: ...

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        self.ended_hosts.append((outcome.host, outcome.state.value))

    def stopping(self, *, cancelled: bool) -> None:
        self.stops.append(cancelled)

    def said(self, note: str) -> None:
        self.notes.append(note)


@dataclass
class World:
    """Hosts that do as they are told, and remember what was done to them."""

    walk_fails: dict[str, Exception] = field(default_factory=dict)
    again_fails: dict[str, Exception] = field(default_factory=dict)
    back_fails: dict[str, Exception] = field(default_factory=dict)
    breaks: set[str] = field(default_factory=set)
    nothing_to_do: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    gone_back: set[str] = field(default_factory=set)
    during: dict[str, Callable[[], None]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    async def walk(self, host: Host, watch: Watch) -> Outcome:
        await self._step("walk", host, self.walk_fails)
        if host.name in self.nothing_to_do:
            return Outcome(host.name, State.UNCHANGED, Phase.PLAN, serving=NEW)
        changed = Outcome(
            host.name, State.CHANGED, Phase.CONFIRM, serving=NEW, replaced=OLD, probes=(GOOD,), seconds=1
        )
        if host.name in self.held:
            return replace(changed, state=State.INCOMPLETE, message="abc stays as it is")
        if host.name in self.left:  # and with --probe off: nobody was asked
            return replace(changed, state=State.UNCONFIRMED, message="it serves until noon", probes=())
        return changed

    async def again(self, host: Host, before: Outcome, watch: Watch) -> Outcome:
        await self._step("again", host, self.again_fails)
        probes = (BAD,) if host.name in self.breaks else (GOOD,)
        serving = OLD if host.name in self.gone_back else NEW
        return Outcome(
            host.name, State.UNCHANGED, Phase.PROBE, serving=serving, linked=serving, probes=probes
        )

    async def back(self, host: Host, before: Outcome, watch: Watch) -> Outcome:
        await self._step("back", host, self.back_fails)
        return Outcome(host.name, State.CHANGED, Phase.CONFIRM, serving=before.replaced, replaced=NEW)

    async def _step(self, step: str, host: Host, fails: dict[str, Exception]) -> None:
        self.done.append(f"{step} {host.name}")
        if happening := self.during.get(f"{step} {host.name}"):
            happening()
        await asyncio.sleep(0.01)  # a signal arrives in the next round of the loop
        if error := fails.get(host.name):
            raise error

    def hosts(self, step: str) -> list[str]:
        return [line.split()[1] for line in self.done if line.startswith(f"{step} ")]


def roll(
    world: World, *, serial: str = "", max_fail: int | None = 0, back: bool = False, ear: Ear | None = None
) -> Rollout:
    terms = Terms(parse_serial(serial) if serial else (), max_fail)
    steps = Steps(world.walk, world.again, world.back if back else None)
    engine = partial(fleet.run, parallel=3)
    return asyncio.run(rollout.run(HOSTS, steps, terms, engine=engine, listener=ear or Ear()))


def states(ended: Rollout) -> list[str]:
    return [outcome.state.value for outcome in ended.outcomes]


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def twice() -> None:
    # Both arrive in the loop's next round, before any host can end.
    interrupt()
    interrupt()


def test_each_wave_starts_when_the_one_before_has_ended_and_its_sites_were_asked_again() -> None:
    world, ear = World(), Ear()

    ended = roll(world, serial="1,2,100%", ear=ear)

    assert ended.waves == (1, 2, 4)
    assert (states(ended), ended.stopped) == (["changed"] * 7, "")
    assert world.done[:2] == ["walk web1", "again web1"]
    assert sorted(world.done[2:4]) == ["walk web2", "walk web3"]
    assert sorted(world.done[4:7]) == ["again web1", "again web2", "again web3"]
    assert sorted(world.done[7:]) == ["walk web4", "walk web5", "walk web6", "walk web7"]
    assert ear.notes == [
        "wave 1 of 3: 1 host",
        "probing 1 host again",
        "wave 2 of 3: 2 hosts",
        "probing 3 hosts again",
        "wave 3 of 3: 4 hosts",
    ]


def test_hosts_that_needed_nothing_are_not_asked_again() -> None:
    world = World(nothing_to_do={"web1", "web2"})

    roll(world, serial="2,1,100%")

    assert world.hosts("again") == ["web3"]


def test_the_first_bad_wave_is_the_last_and_the_hosts_not_reached_are_named() -> None:
    ended = roll(World(walk_fails={"web2": RevertedError("gone back")}), serial="1,2,100%")

    assert states(ended) == ["changed", "reverted", "changed", *["not_started"] * 4]
    assert ended.stopped == "web2 failed"
    assert ended.outcomes[3].message == "not started: web2 failed"


def test_within_a_wave_no_further_host_starts_either() -> None:
    world = World(walk_fails={"web1": UnreachableError("no route")})

    ended = roll(world)

    assert world.hosts("walk") == ["web1", "web2", "web3"]
    assert states(ended) == ["unreachable", "changed", "changed", *["not_started"] * 4]


def test_as_many_failures_as_are_borne_stop_nothing() -> None:
    world = World(walk_fails={name: RefusedError("no") for name in ("web1", "web5")})

    ended = roll(world, serial="2", max_fail=2)

    assert (states(ended).count("changed"), ended.stopped) == (5, "")


def test_failures_count_over_all_waves() -> None:
    world = World(walk_fails={name: RefusedError("no") for name in ("web1", "web3", "web4")})

    ended = roll(world, serial="2", max_fail=1)

    assert states(ended) == ["refused", "changed", "refused", "refused", *["not_started"] * 3]
    assert ended.stopped == "2 hosts failed"


def test_without_a_limit_all_hosts_are_tried() -> None:
    world = World(walk_fails={host.name: RefusedError("no") for host in HOSTS[:6]})

    ended = roll(world, max_fail=None)

    assert states(ended) == ["refused"] * 6 + ["changed"]


def test_a_site_that_breaks_after_its_wave_stops_the_run_and_says_what_visitors_get() -> None:
    ended = roll(World(breaks={"web1"}), serial="1,2,100%")

    assert states(ended) == ["broken", *["not_started"] * 6]
    assert ended.outcomes[0].probes == (BAD,)
    assert "probe https://abc.test/: 502" in ended.outcomes[0].message
    assert (ended.outcomes[0].serving, ended.outcomes[0].replaced) == (NEW, OLD)


def test_a_host_that_cannot_be_asked_again_stops_the_run() -> None:
    world = World(again_fails={"web1": UnreachableError("no route")})

    ended = roll(world, serial="1")

    assert states(ended)[:2] == ["unreachable", "not_started"]
    assert ended.outcomes[0].message == (
        "it was changed, and could not be probed again before the next wave: no route"
    )


def test_every_host_that_was_changed_is_taken_back_and_nothing_else_is() -> None:
    world = World(walk_fails={"web4": RefusedError("no")}, nothing_to_do={"web2"})
    ear = Ear()

    ended = roll(world, serial="3,100%", back=True, ear=ear)

    assert sorted(world.hosts("back")) == ["web1", "web3", "web5", "web6"]
    assert states(ended) == ["taken_back", "unchanged", "taken_back", "refused",
                             "taken_back", "taken_back", "not_started"]  # fmt: skip
    assert ended.outcomes[0].message == "taken back: web4 failed"
    assert (ended.outcomes[0].serving, ended.outcomes[0].changes) == (OLD, ())
    assert ear.notes[-1] == "taking back 4 hosts: web4 failed"


def test_a_host_whose_site_broke_is_taken_back_too_and_keeps_its_reason() -> None:
    ended = roll(World(breaks={"web1"}), serial="1", back=True)

    assert states(ended)[0] == "taken_back"
    assert ended.outcomes[0].message.endswith("502; taken back")


def test_a_host_that_cannot_be_taken_back_is_told_and_the_others_are_taken_back() -> None:
    world = World(walk_fails={"web3": RefusedError("no")}, back_fails={"web1": UnreachableError("no route")})

    ended = roll(world, serial="2,1", back=True)

    assert states(ended)[:3] == ["unreachable", "taken_back", "refused"]
    assert ended.outcomes[0].message == f"not taken back to {OLD}: no route"
    assert (ended.outcomes[0].serving, ended.outcomes[0].replaced) == (NEW, OLD)


def test_nothing_is_taken_back_after_a_run_that_bore_its_failures() -> None:
    world = World(walk_fails={"web3": RefusedError("no")})

    roll(world, serial="2", max_fail=1, back=True)

    assert world.hosts("back") == []


def test_a_host_with_a_site_in_quarantine_is_a_failed_one_and_stops_the_waves_unless_it_is_borne() -> None:
    stopped = roll(World(held={"web1"}), serial="1,2,100%")
    borne = roll(World(held={"web1"}), serial="1,2,100%", max_fail=1)

    assert (states(stopped), stopped.stopped) == (["incomplete"] + ["not_started"] * 6, "web1 failed")
    assert (states(borne), borne.stopped) == (["incomplete"] + ["changed"] * 6, "")


def test_the_good_sites_of_a_host_in_quarantine_are_asked_again_too() -> None:
    world = World(held={"web1"}, breaks={"web1"})

    ended = roll(world, serial="1,2,100%", max_fail=1)

    assert world.hosts("again") == ["web1", "web2", "web3"]
    assert states(ended) == ["broken"] + ["changed"] * 6
    assert ended.outcomes[0].message.endswith("probe https://abc.test/: 502; abc stays as it is")


def test_hosts_that_are_left_unconfirmed_are_asked_again_and_stay_so() -> None:
    world = World(left={host.name for host in HOSTS})

    ended = roll(world, serial="3,100%")

    assert world.hosts("again") == ["web1", "web2", "web3"]
    assert (states(ended), ended.stopped) == (["unconfirmed"] * 7, "")


@pytest.mark.parametrize("left", [{"web1"}, set()], ids=["unconfirmed", "by hand"])
def test_a_host_that_has_gone_back_before_the_next_wave_stops_the_run(left: set[str]) -> None:
    # What it has gone back to answers well: that is no reason to go on.
    world = World(left=left, gone_back={"web1"})

    ended = roll(world, serial="2,100%", back=True)

    assert states(ended) == ["reverted", "taken_back", *["not_started"] * 5]
    why = "not confirmed in time, or rolled back by hand"
    assert ended.outcomes[0].message == f"it has gone back to {OLD}: {why}"
    assert (ended.outcomes[0].serving, ended.outcomes[0].changes) == (OLD, ())
    assert world.hosts("back") == ["web2"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_lets_the_wave_finish_and_starts_no_other(
    number: signal.Signals,
) -> None:
    world, ear = World(during={"walk web2": lambda: os.kill(os.getpid(), number)}), Ear()

    ended = roll(world, serial="1,2,100%", back=True, ear=ear)

    assert states(ended) == ["changed", "changed", "changed", *["interrupted"] * 4]
    assert ended.outcomes[6].message == "not started: the run was interrupted"
    assert world.hosts("back") == []
    assert ear.stops == [False]


def test_an_interrupt_between_waves_starts_no_further_host() -> None:
    world = World()

    class Hasty(Ear):
        def said(self, note: str) -> None:
            if note.startswith("wave 2"):
                interrupt()

    ended = roll(world, serial="1", ear=Hasty())

    assert states(ended)[0] == "changed"
    # The signal arrives with the loop's next round: the one host of that wave may have started.
    assert states(ended)[2:] == ["interrupted"] * 5


def test_an_interrupt_while_sites_are_asked_again_keeps_what_their_hosts_had_reached() -> None:
    world = World(during={"again web1": interrupt})

    ended = roll(world, serial="4,1")

    assert states(ended) == ["changed"] * 4 + ["interrupted"] * 3
    assert world.hosts("walk") == ["web1", "web2", "web3", "web4"]


def test_two_interrupts_while_sites_are_asked_again_do_not_spoil_hosts_that_are_done() -> None:
    world, ear = World(during={"again web1": twice}), Ear()

    ended = roll(world, serial="1", ear=ear)

    assert states(ended) == ["changed", *["interrupted"] * 6]
    assert ear.stops == [False, True]


def test_an_interrupt_while_hosts_are_taken_back_finishes_those_and_names_the_others() -> None:
    world = World(walk_fails={"web5": RefusedError("no")}, during={"back web1": interrupt})

    ended = roll(world, serial="4,1", back=True)

    assert states(ended) == ["taken_back"] * 3 + ["interrupted", "refused", "not_started", "not_started"]
    assert ended.outcomes[3].message == f"not taken back to {OLD}: not started: the run was interrupted"
    assert (ended.outcomes[3].serving, ended.outcomes[3].replaced) == (NEW, OLD)


def test_two_interrupts_while_hosts_are_taken_back_cancel_those_under_way() -> None:
    world = World(walk_fails={"web2": RefusedError("no")}, during={"back web1": twice})

    ended = roll(world, serial="1", back=True)

    assert states(ended)[0] == "interrupted"
    assert ended.outcomes[0].message.startswith(f"not taken back to {OLD}: cancelled")


def test_another_engine_needs_only_to_tell_how_hosts_ended() -> None:
    async def one_by_one(
        hosts: "list[Host]", walk: Walk, *, listener: fleet.Listener, stop: Stop
    ) -> tuple[Outcome, ...]:
        ended = []
        for host in hosts:
            outcome = (
                fleet.not_started(host, stop)
                if stop.why
                else (await fleet.run([host], walk, parallel=1, listener=Silent()))[0]
            )
            listener.ended(outcome, None)
            ended.append(outcome)
        return tuple(ended)

    class Silent(Ear): ...

    world = World(walk_fails={"web3": RefusedError("no")})
    steps = Steps(world.walk, world.again, world.back)
    ended = asyncio.run(
        rollout.run(HOSTS, steps, Terms(parse_serial("1,100%"), 0), engine=one_by_one, listener=Ear())
    )

    assert states(ended)[:4] == ["taken_back", "taken_back", "refused", "not_started"]


def test_a_thousand_hosts_in_waves_are_all_told_of() -> None:
    hosts = [Host(f"web{number}") for number in range(1000)]
    world = World(walk_fails={"web600": RefusedError("no")})
    steps = Steps(world.walk, world.again)
    engine = partial(fleet.run, parallel=100)

    ended = asyncio.run(
        rollout.run(hosts, steps, Terms(parse_serial("1,25%,100%"), 0), engine=engine, listener=Ear())
    )

    assert len(ended.outcomes) == 1000
    assert {outcome.state for outcome in ended.outcomes[800:]} == {State.NOT_STARTED}


def test_signals_that_were_ignored_at_the_start_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        world = World(during={"walk web2": lambda: os.kill(os.getpid(), signal.SIGHUP)})
        assert states(roll(world, serial="1,2,100%")) == ["changed"] * 7
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
