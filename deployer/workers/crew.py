"""The workers of a scheduler that can walk for this controller, and the way to them."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer import __version__
from deployer.errors import UnreachableError, UsageError
from deployer.fleet import Walk
from deployer.model.host import Host
from deployer.workers import likeness, walking
from deployer.workers.scheduler import Scheduler, reached
from deployer.workers.sealing import Seal
from deployer.workers.shards import Ended, Entered, Shard, among
from deployer.workers.walking import Answer

INTERVAL = 1.0
"""Seconds between two questions to the scheduler who works."""

LONELINESS = 30.0
"""Seconds without any worker after which a run ends."""

SILENT = "it does not answer"
"""Why a worker is unfit that the scheduler still has: stopped, hung, or behind a network that is gone."""

Hear = Callable[[Entered | Ended], None]


@dataclass(frozen=True)
class Worker:
    """One process that walks.

    Attributes:
        address: Where Dask reaches it.
        identity: Of this very process: after a restart it is another one.
        threads: Shards that it walks at a time; no more than it may walk hosts.
    """

    address: str
    identity: str
    threads: int


@dataclass
class Crew:
    """Those who walk for one command.

    Attributes:
        scheduler: Where they are.
        seal: Theirs and ours.
        hosts: All of the command: their roles decide who is fit.
        parallel: Hosts at a time, per worker.
        fit: By address, the workers that can walk.
        unfit: By address, why the others cannot, until the scheduler drops them.
    """

    scheduler: Scheduler
    seal: Seal
    hosts: Sequence[Host]
    parallel: int
    fit: dict[str, Worker] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        some = likeness.representatives(self.hosts)
        self._offer = self.seal.close((some, likeness.evidence_of_roles(some), self.parallel))
        self._looked = self._together = time.monotonic()

    @property
    def threads(self) -> Mapping[str, int]:
        """By the address of each worker that can walk, how many shards it walks at a time."""
        return {address: worker.threads for address, worker in self.fit.items()}

    async def look(self, *, at_once: bool = False) -> None:
        """Ask the scheduler who works, and newcomers whether they can walk; at most once in `INTERVAL`."""
        if not at_once and time.monotonic() < self._looked + INTERVAL:
            return
        self._looked = time.monotonic()
        threads = await self.scheduler.threads()
        if threads is None:
            return
        for gone in {*self.fit, *self.unfit} - {*threads}:
            self.forget(gone)
        newcomers = [address for address in threads if address not in {*self.fit, *self.unfit}]
        await asyncio.gather(*(self._meet(address, threads[address]) for address in newcomers))
        if any(self.unfit.get(address) != SILENT for address in threads):
            self._together = time.monotonic()

    async def _meet(self, address: str, threads: int) -> None:
        """Ask one alone: a worker that is silent must not speak for those that answer."""
        said = await self.scheduler.ask_workers(walking.inspect, __version__, self._offer, workers=[address])
        answer = said.get(address, SILENT)
        if not self.scheduler.alive:
            return
        if answer is SILENT:
            self.unfit[address] = SILENT
        elif isinstance(answer, tuple) and not answer[1]:
            self.fit[address] = Worker(address, answer[0], min(threads, self.parallel))
        else:
            self.unfit[address] = answer[1] if isinstance(answer, tuple) else _no_deployer(answer)

    def forget(self, address: str) -> None:
        """Take a worker for gone until it is met again."""
        self.fit.pop(address, None)
        self.unfit.pop(address, None)

    def has(self, worker: Worker) -> bool:
        """Tell whether the scheduler still has this very process."""
        return worker.address in self.unfit or self.fit.get(worker.address) == worker

    def refuse(self, worker: Worker, sentence: str) -> None:
        """Give no more to a worker that could not walk after all."""
        self.fit.pop(worker.address, None)
        self.unfit[worker.address] = sentence

    @property
    def lost(self) -> str:
        """Why nobody will walk any more, as a sentence; empty as long as somebody may."""
        if not self.scheduler.alive:
            return f"the scheduler at {self.scheduler.address} was lost"
        if not self.fit and time.monotonic() > self._together + LONELINESS:
            return f"no worker is left at {self.scheduler.address}"
        return ""

    @property
    def refusal(self) -> str:
        """Why all workers that are there cannot walk; empty where one can, or none is there and speaks."""
        return "" if self.fit or not self.wrong else self.complaint

    @property
    def wrong(self) -> bool:
        """Whether a worker has said that it cannot walk."""
        return any(why != SILENT for why in self.unfit.values())

    @property
    def complaint(self) -> str:
        """What is wrong with the workers that cannot walk; the words of one that speaks, if any does."""
        address, why = min(self.unfit.items(), key=lambda told: told[1] == SILENT)
        more = f"; {len(self.unfit) - 1} more cannot walk either" if len(self.unfit) > 1 else ""
        return f"the worker {address} cannot walk for this controller: {why}{more}"

    async def walk(self, worker: Worker, run: str, hosts: Sequence[Host], walk: Walk) -> Answer:
        """Have `worker` walk `hosts`; raises what Dask does."""
        alike = likeness.evidence_of_sites(hosts)
        shard = Shard(run, worker.identity, tuple(hosts), among(walk, hosts), alike)
        answer: Answer = await self.scheduler.submit(
            walking.walk, __version__, self.seal.close(shard),
            key=f"deployer-{run}-{uuid.uuid4().hex[:12]}", worker=worker.address,
        )  # fmt: skip
        return answer

    async def cancel(self, run: str) -> None:
        """Cancel what is under way of `run`."""
        await self.scheduler.ask_workers(walking.cancel, run, workers=[*self.fit])

    @contextlib.contextmanager
    def listening(self, run: str, hear: Hear) -> Iterator[None]:
        """Have `hear` called with each word about `run` while the context lasts."""

        def heard(message: Any) -> None:  # noqa: ANN401 - whatever is in the topic
            if message.get("run") == run:
                for word in self.seal.open(message["said"]):
                    hear(word)

        with self.scheduler.hearing(walking.TOPIC, heard):
            yield


@contextlib.asynccontextmanager
async def mustered(address: str, hosts: Sequence[Host], *, parallel: int) -> AsyncIterator[Crew]:
    """Connect to the scheduler at `address` and meet its workers.

    Raises:
        UsageError: Dask or the key is missing; or a worker is there that cannot walk for this controller.
        UnreachableError: No scheduler answers, or it has no workers that do.
    """
    seal = Seal.of_environment()
    async with reached(address) as scheduler:
        crew = Crew(scheduler, seal, hosts, parallel)
        await crew.look(at_once=True)
        if crew.wrong:
            raise UsageError(crew.complaint)
        if not crew.fit:
            none = f"the scheduler at {address} has no workers"
            raise UnreachableError(crew.complaint if crew.unfit else none, next_step=f"dask worker {address}")
        yield crew


def _no_deployer(answer: object) -> str:
    """Say of an answer that is none of ours what it may mean; its words are not repeated."""
    said = type(answer).__name__
    return f"it does not answer as deployer {__version__} does ({said}): is that installed there?"
