"""Hosts shared among workers that a test plays: who gets them, who loses them, and when nobody is left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from deployer import deploy
from deployer.errors import UnreachableError, UsageError
from deployer.fleet import Walk, Watch
from deployer.model.host import Host
from deployer.outcome import MAY_BE_BACK, Outcome, Phase, State
from deployer.secret import Secret
from deployer.stopping import Stop
from deployer.workers import crew, sharing
from deployer.workers.crew import Crew
from deployer.workers.sealing import Seal
from deployer.workers.shards import Ended, Entered, Shard
from deployer.workers.sharing import REPEATED, Sharing
from deployer.workers.walking import ELSEWHERE, REFUSED, WALKED, Answer

SEAL = Seal.by(Secret("one random text that both sides have"))
HOSTS = tuple(Host(f"web{number}") for number in range(1, 9))


async def walk(host: Host, watch: Watch) -> Outcome:
    raise AssertionError("the workers of these tests only play")


@dataclass
class Stage:
    """A scheduler that is none: workers are functions of a shard."""

    workers: dict[str, Callable[["Stage", Shard], Awaitable[Answer]]]
    unfit: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    each: int = 1
    address: str = "tcp://stage:8786"
    alive: bool = True
    answers: bool = True
    shards: list[tuple[str, list[str]]] = field(default_factory=list)
    say: Callable[[Any], None] = print

    async def threads(self) -> Mapping[str, int] | None:
        return dict.fromkeys(self.workers, self.each) if self.answers else None

    async def ask_workers(self, function: object, *args: object, workers: list[str]) -> Mapping[str, Any]:
        if self.silent & {*workers}:
            return {}
        return {address: (f"id of {address}", self.unfit.get(address, "")) for address in workers}

    async def submit(self, function: object, version: str, sealed: bytes, *, key: str, worker: str) -> Answer:
        shard = SEAL.open(sealed)
        assert shard.worker == f"id of {worker}"
        self.shards.append((worker, [host.name for host in shard.hosts]))
        await asyncio.sleep(0)
        return await self.workers[worker](self, shard)

    @contextlib.contextmanager
    def hearing(self, topic: str, heard: Callable[[Any], None]) -> Iterator[None]:
        self.say = heard
        yield


def changed(host: Host) -> Ended:
    return Ended(Outcome(host.name, State.CHANGED, Phase.CONFIRM, serving="new"))


async def good(stage: Stage, shard: Shard) -> Answer:
    return WALKED, SEAL.close([changed(host) for host in shard.hosts])


async def dying(stage: Stage, shard: Shard) -> Answer:
    """Tell how the first host ends, begin the others, and die."""
    words = [changed(shard.hosts[0]), *(Entered(host.name, Phase.SWITCH, "") for host in shard.hosts[1:])]
    stage.say({"run": shard.run, "said": SEAL.close(words)})
    del stage.workers["b"]
    return ELSEWHERE, ""


async def vanishing(stage: Stage, shard: Shard) -> Answer:
    """Begin, and never be heard of again."""
    del stage.workers["b"]
    return await asyncio.Future()


async def broken(stage: Stage, shard: Shard) -> Answer:
    raise RuntimeError("what Dask says of it")


async def babbling(stage: Stage, shard: Shard) -> Answer:
    return WALKED, b"nothing that anybody sealed"


async def unwilling(stage: Stage, shard: Shard) -> Answer:
    return REFUSED, "it has no file abc.pem"


class Ear:
    """A listener that counts."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def entered(self, host: str, phase: Phase, note: str) -> None: ...

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        self.ends.append(outcome.host)

    def stopping(self, *, cancelled: bool) -> None: ...


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((sharing, "TICK"), (crew, "INTERVAL"), (crew, "LONELINESS"), (sharing, "GRACE")):
        monkeypatch.setattr(module, name, 0.02)


def share(
    stage: Stage, stop: Stop | None = None, *, walk: Walk = walk, parallel: int = 4
) -> tuple[dict[str, Outcome], Stop]:
    ear = Ear()
    heeded = stop or Stop(ear.stopping)

    async def run() -> tuple[Outcome, ...]:
        made = Crew(stage, SEAL, HOSTS, parallel)  # type: ignore[arg-type]
        await made.look(at_once=True)
        return await Sharing(made, HOSTS, walk, ear, heeded).run()

    outcomes = asyncio.run(asyncio.wait_for(run(), 30))
    assert [outcome.host for outcome in outcomes] == [host.name for host in HOSTS]
    assert sorted(ear.ends) == sorted(host.name for host in HOSTS)
    return {outcome.host: outcome for outcome in outcomes}, heeded


def states(outcomes: Mapping[str, Outcome]) -> set[str]:
    return {outcome.state.value for outcome in outcomes.values()}


def test_each_host_is_walked_once_by_one_of_the_workers() -> None:
    stage = Stage({"a": good, "b": good})

    outcomes, _ = share(stage)

    assert states(outcomes) == {"changed"}
    assert sorted(name for _, names in stage.shards for name in names) == sorted(outcomes)
    assert {worker for worker, _ in stage.shards} == {"a", "b"}


def test_what_a_dead_worker_had_told_stands_and_the_rest_goes_to_another() -> None:
    stage = Stage({"a": good, "b": dying})

    outcomes, _ = share(stage)

    (lost,) = [names for worker, names in stage.shards if worker == "b"]
    again = [names for worker, names in stage.shards if worker == "a" and set(names) & set(lost)]
    assert states(outcomes) == {"changed"}
    assert [name for names in again for name in names] == lost[1:]
    assert {name for name, outcome in outcomes.items() if REPEATED in outcome.warnings} == set(lost[1:])


def test_the_hosts_of_a_worker_that_the_scheduler_lost_go_to_another() -> None:
    stage = Stage({"a": good, "b": vanishing})

    outcomes, _ = share(stage)

    (lost,) = [names for worker, names in stage.shards if worker == "b"]
    assert states(outcomes) == {"changed"}
    assert {name for name, outcome in outcomes.items() if REPEATED in outcome.warnings} == set(lost)


def test_what_a_worker_tells_on_the_way_of_hosts_that_another_one_lost_has_the_warning_too() -> None:
    async def telling(stage: Stage, shard: Shard) -> Answer:
        stage.say({"run": shard.run, "said": SEAL.close([changed(host) for host in shard.hosts])})
        return await good(stage, shard)

    stage = Stage({"a": telling, "b": vanishing})

    outcomes, _ = share(stage)

    (lost,) = [names for worker, names in stage.shards if worker == "b"]
    assert {name for name, outcome in outcomes.items() if REPEATED in outcome.warnings} == set(lost)


def test_a_scheduler_that_is_slow_to_answer_loses_nobody() -> None:
    stage = Stage({"a": good})

    async def meanwhile(on: Stage, shard: Shard) -> Answer:
        on.answers = False
        await asyncio.sleep(0.1)
        on.answers = True
        return await good(on, shard)

    stage.workers["a"] = meanwhile
    outcomes, _ = share(stage)

    assert states(outcomes) == {"changed"}
    assert not any(outcome.warnings for outcome in outcomes.values())


@pytest.mark.parametrize("worker", [broken, babbling])
def test_a_host_that_no_worker_survives_is_given_up(
    worker: Callable[[Stage, Shard], Awaitable[Answer]],
) -> None:
    stage = Stage({"a": worker})

    outcomes, _ = share(stage)

    assert states(outcomes) == {"unreachable"}
    assert outcomes["web1"].message == (
        "3 workers were lost that walked it; what a worker has begun there it ends, "
        "or the host goes back by itself"
    )
    assert not any(outcome.warnings for outcome in outcomes.values())
    assert len([names for _, names in stage.shards if "web1" in names]) == 3


def test_a_worker_that_lacks_a_file_loses_its_hosts_to_one_that_has_it() -> None:
    stage = Stage({"a": unwilling, "b": good})

    outcomes, _ = share(stage)

    assert states(outcomes) == {"changed"}
    assert len([worker for worker, _ in stage.shards if worker == "a"]) == 1
    assert not any(outcome.warnings for outcome in outcomes.values())


def test_where_all_workers_lack_a_file_every_host_says_so_and_none_was_walked() -> None:
    outcomes, _ = share(Stage({"a": unwilling}))

    assert states(outcomes) == {"invalid"}
    assert outcomes["web8"].message == (
        "the worker a cannot walk for this controller: it has no file abc.pem"
    )


def test_a_worker_that_comes_later_gets_its_part_and_an_unfit_one_gets_nothing() -> None:
    stage = Stage({"a": good}, unfit={"c": "it has deployer 0.0.1"})

    async def calls_others(on: Stage, shard: Shard) -> Answer:
        on.workers |= {"b": good, "c": good}
        await asyncio.sleep(0.1)
        return await good(on, shard)

    stage.workers["a"] = calls_others
    outcomes, _ = share(stage)

    assert states(outcomes) == {"changed"}
    assert {worker for worker, _ in stage.shards} == {"a", "b"}


def test_when_no_worker_is_left_the_run_ends() -> None:
    stage = Stage({"b": dying})

    outcomes, stop = share(stage)

    assert stop.why == "no worker is left at tcp://stage:8786"
    assert outcomes["web1"].state == State.CHANGED
    assert outcomes["web2"].message == (
        "no worker is left at tcp://stage:8786 in switch; what a worker has begun there it ends, "
        "or the host goes back by itself"
    )
    assert outcomes["web8"].message == "not started: no worker is left at tcp://stage:8786"
    assert not any(outcome.warnings for outcome in outcomes.values())


BACK = deploy.Bound(deploy.rollback, deploy.RollbackOptions())


async def elsewhere(stage: Stage, shard: Shard) -> Answer:
    """Be another process than was meant: the one before may have begun."""
    return ELSEWHERE, ""


@pytest.mark.parametrize("worker", [vanishing, broken, elsewhere])
def test_a_rollback_whose_worker_was_lost_is_not_walked_twice(
    worker: Callable[[Stage, Shard], Awaitable[Answer]],
) -> None:
    stage = Stage({"b": worker, "a": good})

    outcomes, _ = share(stage, walk=BACK)

    walks = [name for _, names in stage.shards for name in names]
    lost = {name for at, names in stage.shards for name in names if at == "b"}
    assert sorted(walks) == sorted(outcomes)
    assert {name for name, outcome in outcomes.items() if outcome.state == State.UNREACHABLE} == lost
    assert outcomes["web1"].message == f"the worker was lost; {MAY_BE_BACK}"


def test_a_rollback_that_a_worker_may_not_walk_is_walked_by_another() -> None:
    outcomes, _ = share(Stage({"a": unwilling, "b": good}), walk=BACK)

    assert states(outcomes) == {"changed"}


def test_of_a_rollback_under_way_nobody_says_that_it_was_not_started_when_the_scheduler_is_lost() -> None:
    async def without_scheduler(stage: Stage, shard: Shard) -> Answer:
        stage.alive = False
        return await asyncio.Future()

    outcomes, _ = share(Stage({"a": without_scheduler}), walk=BACK)

    lost = "the scheduler at tcp://stage:8786 was lost"
    assert outcomes["web1"].message == f"{lost}; {MAY_BE_BACK}"
    assert outcomes["web8"].message == f"not started: {lost}"


def test_hosts_under_way_when_the_scheduler_starts_again_are_walked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def cancelled(stage: Stage, shard: Shard) -> Answer:
        """Be cancelled, as Dask does with all that is under way while it connects again."""
        stage.workers["a"] = good
        stage.alive = False
        raise asyncio.CancelledError

    @dataclass
    class Restarted(Stage):
        async def threads(self) -> Mapping[str, int] | None:
            self.alive = True
            return await super().threads()

    monkeypatch.setattr(crew, "INTERVAL", 0)
    outcomes, _ = share(Restarted({"a": cancelled}))

    assert states(outcomes) == {"changed"}
    assert REPEATED in outcomes["web1"].warnings


def test_a_worker_with_more_threads_than_hosts_at_a_time_walks_no_more_than_those() -> None:
    under_way, most = set(), 0

    async def counting(stage: Stage, shard: Shard) -> Answer:
        nonlocal most
        under_way.update(host.name for host in shard.hosts)
        most = max(most, len(under_way))
        await asyncio.sleep(0.05)
        under_way.difference_update(host.name for host in shard.hosts)
        return await good(stage, shard)

    share(Stage({"a": counting}, each=4), parallel=2)

    assert most == 2


def test_a_worker_that_does_not_answer_keeps_no_other_from_walking() -> None:
    stage = Stage({"a": good, "b": good, "c": good}, silent={"b"})

    outcomes, _ = share(stage)

    assert states(outcomes) == {"changed"}
    assert {worker for worker, _ in stage.shards} == {"a", "c"}


def test_a_run_whose_only_worker_left_does_not_answer_ends() -> None:
    stage = Stage({"a": good, "b": vanishing}, silent={"a"})

    outcomes, stop = share(stage)

    assert stop.why == "no worker is left at tcp://stage:8786"
    assert states(outcomes) == {"unreachable"}


def test_a_worker_that_says_nothing_of_a_second_interrupt_is_not_waited_for() -> None:
    async def silent(stage: Stage, shard: Shard) -> Answer:
        stop.interrupt()
        stop.interrupt()
        await asyncio.sleep(60)
        raise AssertionError("it was waited for")

    stop = Stop(lambda **told: None)
    outcomes, _ = share(Stage({"a": silent}), stop)

    assert states(outcomes) == {"interrupted"}
    assert outcomes["web1"].message.startswith("cancelled in connect, and its worker did not tell how")

    stop = Stop(lambda **told: None)
    outcomes, _ = share(Stage({"a": silent}), stop, walk=BACK)

    cancelled = "it was cancelled, and its worker did not tell how that went"
    assert outcomes["web1"].message == f"{cancelled}; {MAY_BE_BACK}"
    assert outcomes["web8"].message == "not started: the run was interrupted"


def muster(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Open a crew on `stage`; return who is fit."""
    monkeypatch.setenv("DEPLOYER_WORKERS_KEY", "one random text that both sides have")

    @contextlib.asynccontextmanager
    async def reached(address: str) -> AsyncIterator[Stage]:
        yield stage

    monkeypatch.setattr(crew, "reached", reached)

    async def mustered() -> set[str]:
        async with crew.mustered("tcp://stage:8786", HOSTS, parallel=4) as made:
            return set(made.fit)

    return asyncio.run(mustered())


def test_workers_are_met_before_any_host_and_one_that_cannot_walk_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage({"c": good, "a": good, "b": good}, {"b": "it has no folder /srv/inventory"}, {"c"})

    with pytest.raises(UsageError, match=r"the worker b cannot walk .*: it has no folder /srv/inventory"):
        muster(stage, monkeypatch)


def test_a_worker_that_does_not_answer_is_an_error_only_where_no_other_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage({"a": good, "b": good}, silent={"b"})

    assert muster(stage, monkeypatch) == {"a"}

    stage.silent.add("a")
    with pytest.raises(UnreachableError, match=r"the worker a cannot walk .*: it does not answer; 1 more"):
        muster(stage, monkeypatch)
