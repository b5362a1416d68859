"""Hosts walked by the workers of a real Dask scheduler: streamed, stopped, killed, and nothing to be read."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cluster import KEY, Cluster
from conftest import Machine, free_port
from test_quarantine_walk import Desk
from told import here, told

from deployer import deploy, rollout, workers
from deployer.errors import UnreachableError, UsageError
from deployer.fleet import Listener, Walk
from deployer.model.host import Host, HostVariables
from deployer.outcome import Outcome, Phase, State
from deployer.rollout import Steps, Terms
from deployer.secret import Secret
from deployer.stopping import Stop
from deployer.waves import parse_serial
from deployer.workers import crew
from deployer.workers.sharing import REPEATED

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The processes that the tests of this module share."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture
def cluster(processes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A scheduler with two workers, whatever the test before did to them."""
    monkeypatch.setenv("DEPLOYER_WORKERS_KEY", KEY)
    processes.complete()
    return processes


@dataclass
class Ear:
    """A listener that remembers, and does what a test wants at a phase of a host."""

    at: dict[tuple[str, Phase], Callable[[], object]] = field(default_factory=dict)
    heard: list[tuple[str, Phase]] = field(default_factory=list)
    at_last: tuple[int, Callable[[], object]] = (0, bool)
    ends: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def entered(self, host: str, phase: Phase, note: str) -> None:
        self.heard.append((host, phase))
        if do := self.at.pop((host, phase), None):
            do()

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        self.ends.append(outcome.host)
        self.errors += [error] if error else []
        if len(self.ends) == self.at_last[0]:
            self.at_last[1]()

    def stopping(self, *, cancelled: bool) -> None: ...

    def said(self, note: str) -> None: ...


@dataclass
class Run:
    """One walk by the workers.

    Attributes:
        ear: Who listened.
        stop: To be used from there.
        outcomes: In the order of the hosts.
    """

    ear: Ear = field(default_factory=Ear)
    outcomes: tuple[Outcome, ...] = ()

    def __post_init__(self) -> None:
        self.stop = Stop(self.ear.stopping)

    def __call__(
        self, cluster: Cluster, hosts: Sequence[Host], walk: Walk = told, parallel: int = 8
    ) -> "Run":
        async def run() -> tuple[Outcome, ...]:
            async with workers.opened(cluster.address, hosts, parallel=parallel) as engine:
                return await engine(hosts, walk, listener=self.ear, stop=self.stop)

        self.outcomes = asyncio.run(run())
        return self

    def interrupt_twice(self) -> None:
        self.stop.interrupt()
        self.stop.interrupt()

    @property
    def states(self) -> dict[str, str]:
        return {outcome.host: outcome.state.value for outcome in self.outcomes}


def hosts_named(folder: Path, *names: str) -> list[Host]:
    return [Host(name, directory=str(folder)) for name in names]


def walked(folder: Path) -> dict[str, list[int]]:
    """By host, the processes that walked it."""
    lines = (folder / "walked").read_text().split("\n")[:-1]
    found: dict[str, list[int]] = {}
    for name, pid in map(str.split, lines):
        found.setdefault(name, []).append(int(pid))
    return found


def test_all_workers_walk_hosts_and_the_controller_hears_of_each(cluster: Cluster, tmp_path: Path) -> None:
    names = [f"web{number}" for number in range(20)]

    run = Run()(cluster, hosts_named(tmp_path, *names))

    assert [outcome.host for outcome in run.outcomes] == names
    assert set(run.states.values()) == {"changed"}
    assert sorted(run.ear.ends) == sorted(names)
    assert sorted(run.ear.heard) == sorted((name, Phase.CONNECT) for name in names)
    assert {pid for pids in walked(tmp_path).values() for pid in pids} == cluster.pids


def test_one_hosts_failure_hides_no_other_and_a_bug_keeps_its_traceback(
    cluster: Cluster, tmp_path: Path
) -> None:
    run = Run()(cluster, hosts_named(tmp_path, "web1", "refused-1", "bug-1", "web2"))

    assert run.states == {"web1": "changed", "refused-1": "refused", "bug-1": "failed", "web2": "changed"}
    assert [outcome.message for outcome in run.outcomes[1:3]] == [
        "it said no",
        "ZeroDivisionError: nobody expected this",
    ]
    assert "in told" in str(run.ear.errors[0])


def test_an_outcome_does_not_wait_for_the_slow_host_beside_it(cluster: Cluster, tmp_path: Path) -> None:
    run = Run()
    names = ["web1", "slow-1", *(f"web{number}" for number in range(2, 10))]
    run.ear.at_last = (len(names) - 1, run.interrupt_twice)

    run(cluster, hosts_named(tmp_path, *names), parallel=4)

    assert run.states == {**dict.fromkeys(names, "changed"), "slow-1": "interrupted"}


def test_a_second_interrupt_cancels_what_is_under_way_on_workers(cluster: Cluster, tmp_path: Path) -> None:
    run = Run()

    run.ear.at["slow-4", Phase.STAGE] = run.interrupt_twice
    names = [f"slow-{number}" for number in range(1, 5)]
    run(cluster, hosts_named(tmp_path, *names, "web1", "web2"), parallel=2)

    assert set(run.states.values()) == {"interrupted"}
    told_of = {outcome.host: outcome.message for outcome in run.outcomes}
    assert told_of["slow-1"] == "cancelled in stage; a switched host goes back by itself"
    assert told_of["web2"] == "not started: the run was interrupted"
    assert "web2" not in walked(tmp_path)


def test_a_wave_with_too_many_failures_is_the_last(cluster: Cluster, tmp_path: Path) -> None:
    hosts = hosts_named(tmp_path, "web1", "web2", "refused-1", "web3", "web4", "web5")
    terms = Terms(parse_serial("1,2,100%"), 0)

    async def roll() -> rollout.Rollout:
        async with workers.opened(cluster.address, hosts, parallel=8) as engine:
            return await rollout.run(hosts, Steps(told, again), terms, engine=engine, listener=Ear())

    ended = asyncio.run(roll())

    assert [outcome.state.value for outcome in ended.outcomes] == [
        "changed", "changed", "refused", "not_started", "not_started", "not_started"
    ]  # fmt: skip
    assert ended.stopped == "refused-1 failed"
    assert set(walked(tmp_path)) == {"web1", "web2", "refused-1"}


async def again(host: Host, before: Outcome, watch: object) -> Outcome:
    raise AssertionError("no host of this test has probes")


def test_within_a_wave_no_further_host_starts_after_one_failure_too_many(
    cluster: Cluster, tmp_path: Path
) -> None:
    hosts = hosts_named(tmp_path, "refused-1", *(f"web{number}" for number in range(50)))

    async def roll() -> rollout.Rollout:
        async with workers.opened(cluster.address, hosts, parallel=2) as engine:
            steps = Steps(told, again)
            return await rollout.run(hosts, steps, Terms((), 0), engine=engine, listener=Ear())

    ended = asyncio.run(roll())

    not_started = [outcome for outcome in ended.outcomes if outcome.state == State.NOT_STARTED]
    assert len(not_started) > 30
    assert {outcome.host for outcome in not_started}.isdisjoint(walked(tmp_path))


def test_the_hosts_of_a_killed_worker_are_walked_by_another_one_and_those_that_had_ended_are_not(
    cluster: Cluster, tmp_path: Path
) -> None:
    before = cluster.pids
    names = ["fatal-1", *(f"web{number}" for number in range(12))]

    run = Run()(cluster, hosts_named(tmp_path, *names), parallel=8)

    assert set(run.states.values()) == {"changed"}
    pids = walked(tmp_path)
    assert len(set(pids.pop("fatal-1")) & before) == 2
    assert {name: len(walks) for name, walks in pids.items()} == dict.fromkeys(names[1:], 1)
    assert [outcome.host for outcome in run.outcomes if REPEATED in outcome.warnings] == ["fatal-1"]
    assert sorted(run.ear.ends) == sorted(names)


class Backend:
    """A server that takes connections at once and answers when it is let."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            self.may_answer.wait(60)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.close()


def test_a_worker_that_dies_between_switch_and_confirm_leaves_a_host_that_another_one_makes_right(
    cluster: Cluster, tmp_path: Path, machine: Machine, backend: Backend
) -> None:
    (tmp_path / "desk").mkdir()
    desk = Desk(machine, tmp_path / "desk")
    location = {"path": "/", "proxy": {"upstream": f"127.0.0.1:{backend.port}"}}
    desk.write("abc", f"location / {{ proxy_pass http://127.0.0.1:{backend.port}; }}", locations=[location])
    reach = deploy.Reach(connect=here, root=machine.privilege.root, shell=machine.privilege.shell)
    run = Run()

    def kill() -> None:
        for worker in cluster.workers:
            if _children(worker.pid):
                worker.kill()
        backend.may_answer.set()

    run.ear.at["edge1", Phase.PROBE] = kill
    run(cluster, [desk.host()], deploy.Bound(deploy.apply, deploy.Options(reach=reach)))

    (outcome,) = run.outcomes
    assert (outcome.state, outcome.message) == (State.CHANGED, "")
    assert [probe.verdict.value for probe in outcome.probes] == ["passed"]
    assert REPEATED in outcome.warnings
    current = machine.path("/etc/deployer/current")
    assert current.readlink().name == outcome.serving
    assert (current / "confirmed").exists()
    journal = machine.path("/var/lib/deployer/journal").read_text()
    assert "the controller went away before it confirmed" in journal
    assert journal.count("\tconfirmed\t") == 1


def _children(pid: int) -> str:
    tasks = Path(f"/proc/{pid}/task")
    return "".join((task / "children").read_text() for task in tasks.iterdir())


def test_neither_logs_nor_the_memory_of_the_scheduler_have_a_secret(cluster: Cluster, tmp_path: Path) -> None:
    settings = HostVariables(ansible_become_password=Secret(PASSWORD))
    names = ["web1", "leaky-1", "slow-1"]
    hosts = [
        Host(name, settings=settings, variables={"token": PASSWORD}, directory=str(tmp_path))
        for name in names
    ]
    run = Run()
    memory: list[bytes] = []

    def look() -> None:
        memory.append(cluster.memory_of_scheduler())
        run.interrupt_twice()

    run.ear.at["slow-1", Phase.STAGE] = look
    run(cluster, hosts, parallel=2)
    memory.append(cluster.memory_of_scheduler())

    assert PASSWORD in run.outcomes[1].message  # it is in what a bug says, and comes back to the operator
    assert b"deployer-" in memory[0]  # the tasks are in there
    secret = PASSWORD.encode()
    assert [image.count(secret) for image in memory] == [0, 0]
    assert b"web1" not in memory[1]
    assert secret not in cluster.said()


def test_workers_with_another_key_or_version_get_nothing(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = hosts_named(tmp_path, "web1")
    monkeypatch.setenv("DEPLOYER_WORKERS_KEY", KEY.upper())
    with pytest.raises(UsageError, match="its DEPLOYER_WORKERS_KEY is not the controller's; 1 more"):
        Run()(cluster, hosts)

    monkeypatch.setenv("DEPLOYER_WORKERS_KEY", KEY)
    monkeypatch.setattr(crew, "__version__", "9.9.9")
    with pytest.raises(UsageError, match=r"it has deployer .*, the controller 9\.9\.9"):
        Run()(cluster, hosts)

    assert not (tmp_path / "walked").exists()


def test_an_inventory_that_the_workers_lack_reaches_no_host(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "elsewhere"
    alike = {f"folder {missing}": "there"}  # as this machine would find it, had it another disk than theirs
    monkeypatch.setattr("deployer.workers.likeness.evidence_of_roles", lambda hosts: alike)

    with pytest.raises(UsageError, match=f"it has no folder {missing}"):
        Run()(cluster, hosts_named(missing, "web1"))


def test_nobody_at_the_address_is_an_error_before_any_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYER_WORKERS_KEY", KEY)
    monkeypatch.setattr("deployer.workers.scheduler._ANSWER", 0.5)
    nobody = Cluster(tmp_path, port=free_port())

    with pytest.raises(UnreachableError, match=f"no Dask scheduler answers at {nobody.address}"):
        Run()(nobody, hosts_named(tmp_path, "web1"))


def test_an_address_that_is_none_is_a_mistake_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYER_WORKERS_KEY", KEY)

    async def open_it() -> None:
        async with workers.opened("carrier-pigeon://roof", hosts_named(tmp_path, "web1"), parallel=1):
            pass

    with pytest.raises(UsageError, match="carrier-pigeon"):
        asyncio.run(open_it())


def test_a_plan_on_the_command_line_is_walked_by_workers(cluster: Cluster, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(
        f"all:\n  hosts:\n    web[1:3]:\n  vars: {{ansible_host: 127.0.0.1, ansible_port: {free_port()}}}\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "deployer", "plan", inventory, "--workers", cluster.address, "--json"],
        env={**os.environ, "DEPLOYER_WORKERS_KEY": KEY},
        capture_output=True,
        check=False,
    )

    told: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, [host["state"] for host in told["hosts"]]) == (4, ["unreachable"] * 3)
    assert "web2: connect" in done.stderr.decode()


def test_without_its_scheduler_every_host_still_gets_an_outcome(cluster: Cluster, tmp_path: Path) -> None:
    run = Run()
    assert cluster.scheduler
    run.ear.at["slow-4", Phase.STAGE] = cluster.scheduler.kill

    run(cluster, hosts_named(tmp_path, *(f"slow-{number}" for number in range(1, 6))), parallel=2)

    lost = f"the scheduler at {cluster.address} was lost"
    assert set(run.states.values()) == {"unreachable"}
    assert run.outcomes[0].message == (
        f"{lost} in stage; what a worker has begun there it ends, or the host goes back by itself"
    )
    assert run.outcomes[4].message == f"not started: {lost}"
    assert run.stop.why == lost


def test_what_was_done_before_the_scheduler_was_lost_is_told_although_nobody_can_take_it_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    assert cluster.scheduler
    ear = Ear({("slow-1", Phase.STAGE): cluster.scheduler.kill})
    hosts = hosts_named(tmp_path, "web1", "slow-1")

    async def roll() -> rollout.Rollout:
        async with workers.opened(cluster.address, hosts, parallel=2) as crewed:

            async def engine(
                hosts: Sequence[Host], walk: Walk, *, listener: Listener, stop: Stop
            ) -> tuple[Outcome, ...]:
                if not crewed.crew.scheduler.alive:
                    await crewed.crew.scheduler.client.close()  # as Dask itself does ten seconds later
                return await crewed(hosts, walk, listener=listener, stop=stop)

            terms = Terms(parse_serial("1,1"), 0)
            return await rollout.run(hosts, Steps(told, again, again), terms, engine=engine, listener=ear)

    ended = asyncio.run(roll())

    lost = f"the scheduler at {cluster.address} was lost"
    assert [outcome.state.value for outcome in ended.outcomes] == ["unreachable"] * 2
    assert ended.outcomes[0].message == f"not taken back to old: not started: {lost}"
    assert (ended.outcomes[0].serving, ended.outcomes[0].replaced) == ("new", "old")


def test_a_worker_that_does_not_answer_keeps_no_other_from_walking(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Run()(cluster, hosts_named(tmp_path, "web0"))  # both have imported what they need by now
    (tmp_path / "walked").unlink()
    monkeypatch.setattr("deployer.workers.scheduler._ANSWER", 3)
    stopped, other = cluster.workers
    stopped.send_signal(signal.SIGSTOP)

    try:
        run = Run()(cluster, hosts_named(tmp_path, "web1", "web2", "web3"))
    finally:
        stopped.send_signal(signal.SIGCONT)

    assert set(run.states.values()) == {"changed"}
    assert {pid for pids in walked(tmp_path).values() for pid in pids} == {other.pid}
