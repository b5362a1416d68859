"""One setup, measured: rounds in which every tool has its turn, the floors before each."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import host_cpu, remote, visitors
from tests.bench.delaying import Delay, backend, delaying
from tests.bench.hosts import Hosts, Target, behind
from tests.bench.job import CHANGE, FIRST, JOBS, NOTHING, ROLLBACK, TRUE, Scene, Tool
from tests.bench.measuring import measure
from tests.bench.places import STATE
from tests.bench.results import Sample
from tests.bench.setups import FLOORS, TOOLS, Setup

_OLD, _NEW = "1", "2"
Sink = Callable[[Sample], None]


class FailedError(Exception):
    """A tool did not do what was asked."""


@dataclass
class Round:
    """The state of one setup under measurement.

    Attributes:
        setup: What is asked.
        scene: The hosts as the tools reach them.
        direct: The same hosts, without the longer wire.
        delay: The longer wire, if there is one.
        sink: Gets every sample.
    """

    setup: Setup
    scene: Scene
    direct: Sequence[Target]
    delay: Delay | None
    sink: Sink
    owner: str = ""
    changed: bool = False
    turns: dict[str, float] = field(default_factory=dict)

    def run(self) -> None:
        """Measure all rounds."""
        self.scene.write()
        until = time.monotonic() + self.setup.budget
        for number in range(self.setup.repeat):
            shift = number % len(self.setup.tools) if self.setup.tools else 0
            for name in (*self.setup.tools[shift:], *self.setup.tools[:shift]):
                if time.monotonic() + self.turns.get(name, 0.0) <= until:
                    self._turn(TOOLS[name]())
            if not self.setup.tools:
                self._floors()

    def _turn(self, tool: Tool) -> None:
        started = time.monotonic()
        self._floors()
        try:
            for job in JOBS:
                if job in self.setup.jobs:
                    self.get_ready(tool, job)
                    self._measure(tool, job)
        except FailedError as error:
            self.owner = ""
            print(f"  {error}")
        self.turns[tool.name] = time.monotonic() - started

    def _floors(self) -> None:
        for name in FLOORS:
            floor = TOOLS[name]()
            floor.prepare(self.scene, _OLD)
            self._measure(floor, TRUE)

    def get_ready(self, tool: Tool, job: str) -> None:
        """Bring the hosts to where `job` begins, and write what its user would have edited."""
        if job == FIRST or self.owner != tool.name:
            self._everywhere(remote.RESET)
            self.owner, self.changed = tool.name, False
            tool.prepare(self.scene, _OLD)
            if job != FIRST:
                self.carry_out(tool, FIRST)
        if job == NOTHING:
            # After a rollback the files still are what was taken back.
            tool.prepare(self.scene, self._revision)
        if job == ROLLBACK and not self.changed:
            self._edit(tool)
            self.carry_out(tool, CHANGE)
        if job == CHANGE or (job == ROLLBACK and not tool.rolls_back):
            self._edit(tool)
        elif job == ROLLBACK:
            self.changed = False

    def _edit(self, tool: Tool) -> None:
        self.changed = not self.changed
        tool.prepare(self.scene, self._revision)

    @property
    def _revision(self) -> str:
        return _NEW if self.changed else _OLD

    def carry_out(self, tool: Tool, job: str) -> Sample:
        """Run `job` and see to it that it was done.

        Raises:
            FailedError: It was not; the log's last lines are in it.
        """
        log = self.scene.folder / "logs" / f"{tool.name}-{job}.log"
        before = self._state() if job == NOTHING else []
        if self.delay:
            self.delay.take()
        busy = self._host_cpu()
        cost = measure(tool.command(self.scene, job), log)
        busy = self._host_cpu() - busy
        traffic = self.delay.take() if self.delay else {}
        failure = f"exit code {cost.exit_code}" if cost.exit_code else ""
        if not failure and job != TRUE:
            failure = self._seen_by_visitors()
        if not failure and job == NOTHING and self._everywhere(remote.CHANGED_SINCE) != before:
            failure = "it changed something where nothing was to change"
        sample = Sample(
            len(self.direct),
            self.setup.delay,
            tool.name,
            job,
            cost.seconds,
            cost.cpu,
            cost.memory,
            failure=failure,
            host_cpu=None if math.isnan(busy) else busy,
            **traffic,
        )
        if failure:
            self.sink(sample)
            raise FailedError(f"{tool.name} {job}: {failure}; {_tail(log)}")
        return sample

    def _host_cpu(self) -> float:
        """Return the mean over the hosts of the seconds used so far, not a number where that is not known."""
        used = host_cpu.used([target.pid for target in self.direct])
        return math.nan if used is None else used / len(self.direct)

    def _state(self) -> list[str]:
        self._everywhere(remote.MARK)
        return self._everywhere(remote.CHANGED_SINCE)

    def _everywhere(self, command: str) -> list[str]:
        return remote.everywhere(self.direct, self.scene.key, command)

    def _measure(self, tool: Tool, job: str) -> None:
        self.sink(self.carry_out(tool, job))

    def _seen_by_visitors(self) -> str:
        try:
            asyncio.run(visitors.visit(self.direct, self.scene.certificates / "ca.pem", self._revision))
        except visitors.UndoneError as error:
            return str(error)
        return ""


@contextmanager
def prepared(hosts: Hosts, setup: Setup, sink: Sink) -> Iterator[Round]:
    """Bring up what `setup` needs: hosts, the longer wire, the sites' backend."""
    direct = hosts.up(setup.hosts)
    with delaying(direct, setup.delay) as delay, backend(hosts.gateway) as behind_sites:
        reached = behind(direct, delay.ports) if delay else direct
        folder = STATE / "work" / f"{setup.hosts}-{setup.delay}"
        yield Round(setup, Scene(tuple(reached), behind_sites, folder), direct, delay, sink)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return f"{log}:\n    " + "\n    ".join(lines[-12:])
