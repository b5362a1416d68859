"""The controller's side: hosts go to workers in shards, and outcomes come back."""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from deployer import fleet
from deployer.fleet import Walk
from deployer.model.host import Host
from deployer.outcome import MAY_BE_BACK, Outcome, Phase, State
from deployer.stopping import Stop
from deployer.workers.crew import Crew, Worker
from deployer.workers.shards import Ended, Entered, repeatable, repeated, size
from deployer.workers.walking import REFUSED, WALKED, Answer

TICK = 0.5
"""Seconds between two looks at what happens."""

GRACE = 30.0
"""Seconds after a second interrupt in which workers may tell how the hosts ended that were under way."""

LOSSES = 3
"""Workers that a host may lose."""

LOST = "lost"
"""What became of a shard of which a worker says nothing."""

REPEATED = "the worker that walked it was lost on the way; this is what another one found and did"


class CrashError(Exception):
    """A bug that a worker ran into; says its traceback."""


@dataclass(frozen=True)
class _Flight:
    """Some hosts that a worker has."""

    worker: Worker
    hosts: tuple[Host, ...]


@dataclass
class Sharing:
    """One walk on some hosts, by a crew.

    Attributes:
        crew: Who walks.
        hosts: In inventory order.
        walk: A value that can be pickled.
        listener: Told what workers say.
        stop: Asked before each shard.
    """

    crew: Crew
    hosts: Sequence[Host]
    walk: Walk
    listener: fleet.Listener
    stop: Stop
    _ended: dict[str, Outcome] = field(default_factory=dict)
    _flights: dict["asyncio.Task[Answer]", _Flight] = field(default_factory=dict)
    _phases: dict[str, Phase] = field(default_factory=dict)
    _losses: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._run = uuid.uuid4().hex
        self._waiting = deque(self.hosts)
        self._again: deque[Host] = deque()
        self._sent: set[str] = set()
        self._names = {host.name for host in self.hosts}
        self._cancelling: asyncio.Task[None] | None = None
        self._deadline = float("inf")

    async def run(self) -> tuple[Outcome, ...]:
        """Walk all hosts; one outcome each, in their order."""
        with self.crew.listening(self._run, self._hear), self.stop.cancelling(self._cancel):
            while len(self._ended) < len(self.hosts):
                await self._turn()
        rest = [*self._flights, *filter(None, [self._cancelling])]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        return tuple(self._ended[host.name] for host in self.hosts)

    async def _turn(self) -> None:
        """Look at who works, give them what waits, and take what comes back within a tick."""
        await self.crew.look()
        self._miss()
        if lost := self.crew.lost:
            self.stop.ask(lost)
            self._leave(self.hosts, lambda host: self._abandoned(host, lost))
        elif time.monotonic() > self._deadline:
            self._leave(self.hosts, self._cancelled)
        elif self.stop.why:
            self._leave((*self._waiting, *self._again), self._stopped)
        elif (refusal := self.crew.refusal) and not self._flights:
            self._leave(self.hosts, lambda host: _invalid(host, refusal))
        else:
            self._send()
        await self._wait()

    async def _wait(self) -> None:
        if not self._flights:
            await asyncio.sleep(0 if len(self._ended) == len(self.hosts) else TICK)
            return
        done, _ = await asyncio.wait(self._flights, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            self._take(self._flights.pop(task), task)

    def _send(self) -> None:
        """Give each free thread of a worker a shard; hosts that lost their worker first."""
        for worker in self._free():
            source = self._again or self._waiting
            if not source:
                return
            number = size(len(source), self.crew.threads, parallel=self.crew.parallel)
            hosts = tuple(source.popleft() for _ in range(number))
            walk = repeated(self.walk) if self._losses.get(hosts[0].name) else self.walk
            task = asyncio.ensure_future(self.crew.walk(worker, self._run, hosts, walk))
            self._flights[task] = _Flight(worker, hosts)
            self._sent.update(host.name for host in hosts)

    def _free(self) -> Iterator[Worker]:
        """Yield a worker for each thread that has nothing to do, in turn."""
        workers = tuple(self.crew.fit.values())
        busy = [flight.worker.address for flight in self._flights.values()]
        for taken in range(max((worker.threads for worker in workers), default=0)):
            yield from (worker for worker in workers if busy.count(worker.address) + taken < worker.threads)

    def _miss(self) -> None:
        """Give up the shards of workers that are gone."""
        gone = [task for task, flight in self._flights.items() if not self.crew.has(flight.worker)]
        for task in gone if self.crew.scheduler.alive else ():
            task.cancel()
            self._lose(self._left(self._flights.pop(task)))

    def _take(self, flight: _Flight, task: "asyncio.Task[Answer]") -> None:
        """Take what became of a shard; what Dask raises means that it is lost."""
        try:
            kind, said = task.result()
            ends = self.crew.seal.open(said) if isinstance(said, bytes) else ()
        except (Exception, asyncio.CancelledError):
            kind, said, ends = LOST, "", ()
        for end in ends:
            self._end(end, told=True)
        if kind == REFUSED:
            self.crew.refuse(flight.worker, str(said))
            self._sent.difference_update(host.name for host in flight.hosts)
            self._waiting.extendleft(reversed(self._left(flight)))
        elif kind != WALKED:  # also `ELSEWHERE`: what was at that address before may have begun
            self.crew.forget(flight.worker.address)
            self._lose(self._left(flight))

    def _left(self, flight: _Flight) -> list[Host]:
        return [host for host in flight.hosts if host.name not in self._ended]

    def _lose(self, hosts: Iterable[Host]) -> None:
        """Have another worker walk hosts whose worker was lost, where that may be done twice."""
        bearable = LOSSES if repeatable(self.walk) else 1
        why = f"{LOSSES} workers were lost that walked it" if bearable > 1 else "the worker was lost"
        for host in hosts:
            self._losses[host.name] = self._losses.get(host.name, 0) + 1
            if self._losses[host.name] < bearable:
                self._again.append(host)
            else:
                self._end(Ended(self._abandoned(host, why)))

    def _hear(self, word: Entered | Ended) -> None:
        if isinstance(word, Ended):
            self._end(word, told=True)
        elif word.host in self._names and word.host not in self._ended:
            self._phases[word.host] = word.phase
            self.listener.entered(word.host, word.phase, word.note)

    def _end(self, end: Ended, *, told: bool = False) -> None:
        """Take an outcome, the first of a host; `told` by a worker, or ours where none will tell."""
        outcome = end.outcome
        if outcome.host in self._ended or outcome.host not in self._names:
            return
        if told and outcome.host in self._losses:
            outcome = replace(outcome, warnings=(*outcome.warnings, REPEATED))
        self._ended[outcome.host] = outcome
        self.listener.ended(outcome, CrashError(end.crash) if end.crash else None)

    def _leave(self, hosts: Iterable[Host], outcome_of: Callable[[Host], Outcome]) -> None:
        """End hosts that nobody will walk, or that nobody hears of any more."""
        self._waiting.clear()
        self._again.clear()
        for host in hosts:
            if host.name not in self._ended:
                self._end(Ended(outcome_of(host)))

    def _cancel(self) -> None:
        self._deadline = time.monotonic() + GRACE
        self._cancelling = asyncio.ensure_future(self.crew.cancel(self._run))

    def _stopped(self, host: Host) -> Outcome:
        if host.name in self._losses:
            return self._abandoned(host, f"its worker was lost, and then {self.stop.why}")
        return fleet.not_started(host, self.stop)

    def _cancelled(self, host: Host) -> Outcome:
        if host.name not in self._sent:
            return self._stopped(host)
        if not repeatable(self.walk):
            return self._abandoned(host, "it was cancelled, and its worker did not tell how that went")
        phase = self._phases.get(host.name, Phase.CONNECT)
        silent = "its worker did not tell how that went"
        message = f"cancelled in {phase}, and {silent}; a switched host goes back by itself"
        return Outcome(host.name, State.INTERRUPTED, phase, message=message)

    def _abandoned(self, host: Host, why: str) -> Outcome:
        phase = self._phases.get(host.name)
        message = f"not started: {why}"
        if host.name in self._sent or host.name in self._losses:
            begun = "what a worker has begun there it ends, or the host goes back by itself"
            where = f" in {phase}" if phase else ""
            message = f"{why}{where}; {begun if repeatable(self.walk) else MAY_BE_BACK}"
        return Outcome(host.name, State.UNREACHABLE, phase or Phase.CONNECT, message=message)


def _invalid(host: Host, why: str) -> Outcome:
    return Outcome(host.name, State.INVALID, Phase.CONNECT, message=why)
