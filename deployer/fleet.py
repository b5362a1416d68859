"""One walk on many hosts at a time: every host gets an outcome, in inventory order.

Ctrl-C (or SIGTERM) once: no further host is started, those under way finish. Twice: those under way
are cancelled. A third time ends the program where it stands.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
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
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


async def run(hosts: Sequence[Host], walk: Walk, *, parallel: int, listener: Listener) -> tuple[Outcome, ...]:
    """Walk all `hosts`, at most `parallel` at a time.

    One host's failure never hides another's: whatever escapes a walk becomes that host's outcome.

    Returns:
        One outcome per host, in the order of `hosts`; `interrupted` for hosts that a Ctrl-C kept
        from starting or from ending.
    """
    flight = _Flight(hosts, walk, listener)
    with _signals_to(flight.interrupt):
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
    ended: dict[int, Outcome] = field(default_factory=dict)
    under_way: set[asyncio.Task[Outcome]] = field(default_factory=set)
    interrupts: int = 0

    def __post_init__(self) -> None:
        self._waiting = iter(enumerate(self.hosts))

    async def work(self) -> None:
        """Walk hosts one after another until none is left or the run is stopped."""
        for index, host in self._waiting:
            if self.interrupts:
                self._end(index, _not_started(host))
                continue
            await self._walk_one(index, host)

    async def _walk_one(self, index: int, host: Host) -> None:
        phase = Phase.CONNECT
        error: BaseException | None = None

        def watch(name: str, entered: Phase, note: str) -> None:
            nonlocal phase
            phase = entered
            self.listener.entered(name, entered, note)

        started = time.monotonic()
        task = asyncio.ensure_future(self._as_task(host, watch))
        self.under_way.add(task)
        try:
            outcome = await task
        except asyncio.CancelledError as cancelled:
            if self.interrupts < 2:  # the whole run was cancelled from outside, not this host by Ctrl-C
                raise
            error, outcome = cancelled, _cancelled(host, phase)
        except Exception as escaped:
            error, outcome = escaped, failed(host.name, phase, escaped)
        finally:
            self.under_way.discard(task)
        self._end(index, replace(outcome, seconds=time.monotonic() - started), error)

    async def _as_task(self, host: Host, watch: Watch) -> Outcome:
        return await self.walk(host, watch)

    def _end(self, index: int, outcome: Outcome, error: BaseException | None = None) -> None:
        self.ended[index] = outcome
        self.listener.ended(outcome, error)

    def interrupt(self) -> None:
        """Stop starting hosts; at the second call, cancel those under way."""
        self.interrupts += 1
        self.listener.stopping(cancelled=self.interrupts > 1)
        if self.interrupts > 1:
            for task in self.under_way:
                task.cancel()

    def outcomes(self) -> tuple[Outcome, ...]:
        return tuple(self.ended[index] for index in range(len(self.hosts)))


def _not_started(host: Host) -> Outcome:
    return Outcome(
        host.name, State.INTERRUPTED, Phase.CONNECT, message="not started: the run was interrupted"
    )


def _cancelled(host: Host, phase: Phase) -> Outcome:
    return Outcome(
        host.name,
        State.INTERRUPTED,
        phase,
        message=f"cancelled in {phase}; a switched host goes back by itself",
    )


@contextlib.contextmanager
def _signals_to(interrupt: Callable[[], None]) -> Iterator[None]:
    """Send the first two stop signals to `interrupt`; the third one gets Python's own handling."""
    loop = asyncio.get_running_loop()
    installed: list[signal.Signals] = []
    calls = 0

    def remove() -> None:
        while installed:
            loop.remove_signal_handler(installed.pop())

    def handle() -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            remove()
        interrupt()

    for number in _STOP_SIGNALS:
        # Outside the main thread (an embedding program) the signals are somebody else's.
        with contextlib.suppress(RuntimeError, ValueError):
            loop.add_signal_handler(number, handle)
            installed.append(number)
    try:
        yield
    finally:
        remove()
