"""Whether a run goes on: Ctrl-C, SIGTERM, a closed terminal, or too many failed hosts.

Asked once to stop by its operator, a run starts no further host, and those under way finish. Asked twice,
those under way are cancelled. A third time ends the program where it stands.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = "the run was interrupted"


class Stop:
    """One for all that a command does on hosts, however many waves that are.

    Args:
        told: Called at each interrupt in the event loop, `cancelled` at the second.

    Attributes:
        why: Why no further host starts; empty as long as hosts start.
        interrupts: How often the operator asked to stop.
    """

    def __init__(self, told: Callable[..., None]) -> None:
        self.why = ""
        self.interrupts = 0
        self._told = told
        self._cancels: set[Callable[[], object]] = set()
        self._listens = False

    def ask(self, why: str) -> None:
        """Start no further host; the first reason is the one that is told."""
        self.why = self.why or why

    def lift(self) -> None:
        """Start hosts again, for what follows from the stop; not against the operator's will."""
        if not self.interrupts:
            self.why = ""

    def interrupt(self) -> None:
        """Start no further host; at the second call, cancel those under way."""
        self.interrupts += 1
        self.why = INTERRUPTED
        self._told(cancelled=self.interrupts > 1)
        if self.interrupts > 1:
            for cancel in tuple(self._cancels):
                cancel()

    @contextlib.contextmanager
    def cancelling(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Have `cancel` called at the second interrupt, while the context lasts."""
        self._cancels.add(cancel)
        try:
            yield
        finally:
            self._cancels.discard(cancel)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the first two stop signals for interrupts; the third gets Python's own handling."""
        if self._listens:
            yield
            return
        self._listens = True
        try:
            with _signals_to(self.interrupt):
                yield
        finally:
            self._listens = False


@contextlib.contextmanager
def _signals_to(interrupt: Callable[[], None]) -> Iterator[None]:
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

    for number in _SIGNALS:
        # nohup and a shell's background jobs ignore some on purpose.
        if signal.getsignal(number) == signal.SIG_IGN:
            continue
        # Outside the main thread (an embedding program) the signals are somebody else's.
        with contextlib.suppress(RuntimeError, ValueError):
            loop.add_signal_handler(number, handle)
            installed.append(number)
    try:
        yield
    finally:
        remove()
