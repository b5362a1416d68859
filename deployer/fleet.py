"""One walk on many hosts at a time: every host gets an outcome, in inventory order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from deployer.errors import (
    DeployerError,
    LockedError,
    RefusedError,
    RevertedError,
    UnreachableError,
    UsageError,
)
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, State
from deployer.stopping import Stop

Watch = Callable[[str, Phase, str], None]
"""Called with the host's name, the phase it enters, and a note for people."""

Walk = Callable[[Host, Watch], Awaitable[Outcome]]
"""One walk on one host, such as `deploy.apply` with its options bound."""

_STATES: tuple[tuple[type[DeployerError], State], ...] = (
    (UnreachableError, State.UNREACHABLE),
    (RefusedError, State.REFUSED),
    (RevertedError, State.REVERTED),
    (LockedError, State.LOCKED),
    (UsageError, State.INVALID),
)


AT_ONCE = 10
"""Hosts that may start in one turn of the event loop."""


class Listener(Protocol):
    """Who wants to know while it happens; called in the event loop, must not block."""

    def entered(self, host: str, phase: Phase, note: str) -> None:
        """Hear that `host` entered `phase`."""
        ...

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        """Hear how a host ended; `error` is what escaped its walk, if anything did."""
        ...

    def stopping(self, *, cancelled: bool) -> None:
        """Hear that no further host starts; `cancelled`: those under way are cancelled too."""
        ...


async def run(
    hosts: Sequence[Host], walk: Walk, *, parallel: int, listener: Listener, stop: Stop | None = None
) -> tuple[Outcome, ...]:
    """Walk all `hosts`, at most `parallel` at a time.

    One host's failure never hides another's: whatever escapes a walk becomes that host's outcome.

    Args:
        hosts: In inventory order.
        walk: What is done on each.
        parallel: How many are under way at a time, at least 1.
        listener: Hears each phase, and each outcome as soon as there is one.
        stop: Asked before each host; without one the run listens to Ctrl-C by itself.

    Returns:
        One outcome per host, in the order of `hosts`; `interrupted` for hosts that a Ctrl-C kept
        from starting or from ending, `not_started` for those that were not reached for another reason.
    """
    stop = stop or Stop(listener.stopping)
    flight = _Flight(hosts, walk, listener, stop)
    with stop.listening():
        await asyncio.gather(*(flight.work() for _ in range(min(parallel, len(hosts)))))
    return flight.outcomes()


def failed(host: str, phase: Phase, error: Exception) -> Outcome:
    """Turn what escaped the walk of `host` in `phase` into its outcome."""
    if not isinstance(error, DeployerError):
        return Outcome(host, State.FAILED, phase, message=f"{type(error).__name__}: {error}")
    state = next((state for kind, state in _STATES if isinstance(error, kind)), State.FAILED)
    return Outcome(host, state, phase, message=error.message, next_step=error.next_step)


@dataclass
class _Flight:
    """The state of one run: what is under way, what has ended, whether to go on."""

    hosts: Sequence[Host]
    walk: Walk
    listener: Listener
    stop: Stop
    ended: dict[int, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._waiting = iter(enumerate(self.hosts))
        self._door = asyncio.Lock()
        self._under_way = 0

    async def work(self) -> None:
        """Walk hosts one after another until none is left or the run is stopped."""
        for index, host in self._waiting:
            await self._turn()
            if self.stop.why:
                self._end(index, not_started(host, self.stop))
                continue
            self._under_way += 1
            await self._walk_one(index, host)
            self._under_way -= 1

    async def _turn(self) -> None:
        """Wait, where many are under way, until what came in was seen to: one starts per turn of the loop.

        A thousand logins that begin at once would each take as long as all of them, and none be in time.
        """
        if self._under_way >= AT_ONCE:
            async with self._door:
                await asyncio.sleep(0)

    async def _walk_one(self, index: int, host: Host) -> None:
        phase = Phase.CONNECT
        error: BaseException | None = None

        def watch(name: str, entered: Phase, note: str) -> None:
            nonlocal phase
            phase = entered
            self.listener.entered(name, entered, note)

        started = time.monotonic()
        task = asyncio.ensure_future(self._as_task(host, watch))
        try:
            with self.stop.cancelling(task.cancel):
                outcome = await task
        except asyncio.CancelledError as cancelled:
            if self.stop.interrupts < 2:  # the whole run was cancelled from outside, not this host by Ctrl-C
                raise
            error, outcome = cancelled, _cancelled(host, phase)
        except Exception as escaped:
            error, outcome = escaped, failed(host.name, phase, escaped)
        self._end(index, replace(outcome, seconds=time.monotonic() - started), error)

    async def _as_task(self, host: Host, watch: Watch) -> Outcome:
        return await self.walk(host, watch)

    def _end(self, index: int, outcome: Outcome, error: BaseException | None = None) -> None:
        self.ended[index] = outcome
        self.listener.ended(outcome, error)

    def outcomes(self) -> tuple[Outcome, ...]:
        return tuple(self.ended[index] for index in range(len(self.hosts)))


def not_started(host: Host, stop: Stop) -> Outcome:
    """Return the outcome of a host that was not reached, with the reason of `stop`."""
    state = State.INTERRUPTED if stop.interrupts else State.NOT_STARTED
    return Outcome(host.name, state, Phase.CONNECT, message=f"not started: {stop.why}")


def _cancelled(host: Host, phase: Phase) -> Outcome:
    return Outcome(
        host.name,
        State.INTERRUPTED,
        phase,
        message=f"cancelled in {phase}; a switched host goes back by itself",
    )
