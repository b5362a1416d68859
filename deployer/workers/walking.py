"""The worker's side: what Dask calls there. Nothing readable is returned or logged, and nothing is raised.

What a scheduler hands on and logs are names, versions and sealed bytes; an exception would be logged
with its words.
"""

import asyncio
import contextlib
import threading
import traceback
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer import __version__, fleet
from deployer.crowd import crowd
from deployer.errors import DeployerError, UsageError
from deployer.outcome import Outcome, Phase
from deployer.stopping import Stop
from deployer.workers import likeness
from deployer.workers.sealing import BrokenSealError, Seal
from deployer.workers.shards import Ended, Entered, Shard

TOPIC = "deployer"
"""Where a scheduler keeps what workers say meanwhile; one for all runs, so that it keeps a bounded number."""

WALKED, REFUSED, ELSEWHERE = "walked", "refused", "elsewhere"
Answer = tuple[str, bytes | str]
"""What became of a shard: `WALKED` with sealed outcomes, `REFUSED` with a sentence, or `ELSEWHERE`."""

_INTERVAL = 0.25
"""Seconds between two messages of one shard."""

_LARGE = 16_384
"""Bytes of an outcome that does not go ahead of its shard: the scheduler keeps messages for a while."""


class _RefusalError(Exception):
    """This worker must not walk for that controller; says why."""


def inspect(version: str, sealed: bytes, dask_worker: Any) -> tuple[str, str]:  # noqa: ANN401 - Dask's Worker
    """Tell who this worker is, and why it cannot walk for a controller; empty if it can.

    Args:
        version: The controller's deployer.
        sealed: Hosts, the controller's `evidence_of_roles` of them, and how many hosts are to be under way at
            a time: from now on this process may open their files, as far as it is let.
        dask_worker: Given by Dask.
    """
    try:
        hosts, alike, parallel = _opened(version, sealed)[1]
        crowd(parallel, parallel)
        different = likeness.unlike(alike, likeness.evidence_of_roles(hosts))
    except _RefusalError as refusal:
        return str(dask_worker.id), str(refusal)
    except DeployerError as error:
        different = error.message
    return str(dask_worker.id), different


def walk(version: str, sealed: bytes) -> Answer:
    """Walk the hosts of a sealed `Shard` that is meant for this worker."""
    from distributed import get_worker  # late: only a worker has it

    worker = get_worker()
    try:
        seal, shard = _opened(version, sealed)
        if shard.worker != worker.id:
            return ELSEWHERE, ""
        if different := likeness.unlike(shard.alike, likeness.evidence_of_sites(shard.hosts)):
            return REFUSED, different
    except _RefusalError as refusal:
        return REFUSED, str(refusal)
    except DeployerError as error:
        return REFUSED, error.message
    return WALKED, seal.close(asyncio.run(_walk(shard, _Mouth(worker, seal, shard.run))))


def cancel(run: str) -> None:
    """Cancel the hosts of `run` that are under way on this worker, and any that come later."""
    with _LOCK:
        _CANCELLED.append(run)
        del _CANCELLED[:-100]
        for loop, stop in _UNDER_WAY[run]:
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(_cancelled, stop)


def _opened(version: str, sealed: bytes) -> tuple[Seal, Any]:
    if version != __version__:
        raise _RefusalError(f"it has deployer {__version__}, the controller {version}")
    try:
        seal = Seal.of_environment()
        return seal, seal.open(sealed)
    except UsageError as error:
        raise _RefusalError(f"on it {error.message}") from None
    except BrokenSealError:
        raise _RefusalError("its DEPLOYER_WORKERS_KEY is not the controller's") from None
    except Exception as error:
        # Another Python or library of the same version of ours; what it says may hold what was sealed.
        raise _RefusalError(
            f"it cannot read what the controller sends ({type(error).__name__}): are its packages the same?"
        ) from None


_LOCK = threading.Lock()
_UNDER_WAY: dict[str, list[tuple[asyncio.AbstractEventLoop, Stop]]] = defaultdict(list)
_CANCELLED: list[str] = []


def _cancelled(stop: Stop) -> None:
    stop.interrupt()
    stop.interrupt()


@contextlib.contextmanager
def _cancellable(run: str, stop: Stop) -> Iterator[None]:
    entry = (asyncio.get_running_loop(), stop)
    with _LOCK:
        _UNDER_WAY[run].append(entry)
        if run in _CANCELLED:
            _cancelled(stop)
    try:
        yield
    finally:
        with _LOCK:
            _UNDER_WAY[run].remove(entry)
            if not _UNDER_WAY[run]:
                del _UNDER_WAY[run]


async def _walk(shard: Shard, mouth: "_Mouth") -> Sequence[Ended]:
    stop = Stop(mouth.stopping)
    speaking = asyncio.ensure_future(mouth.speak_now_and_then())
    with _cancellable(shard.run, stop):
        await fleet.run(shard.hosts, shard.walk, parallel=len(shard.hosts), listener=mouth, stop=stop)
    speaking.cancel()
    mouth.speak()
    return mouth.ends


@dataclass
class _Mouth:
    """Tells the controller what happens, while it happens."""

    worker: Any
    seal: Seal
    run: str
    ends: list[Ended] = field(default_factory=list)
    _words: list[Entered | Ended] = field(default_factory=list)

    def entered(self, host: str, phase: Phase, note: str) -> None:
        self._words.append(Entered(host, phase, note))

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        """Send it at once: should this worker die, no other one walks this host again."""
        bug = isinstance(error, Exception) and not isinstance(error, DeployerError)
        end = Ended(outcome, "".join(traceback.format_exception(error)) if bug else "")
        self.ends.append(end)
        self._words.append(end)
        self.speak()

    def stopping(self, *, cancelled: bool) -> None:
        """The controller knows: it is who stopped."""

    async def speak_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            self.speak()

    def speak(self) -> None:
        words, self._words = self._words, []
        if not words:
            return
        sealed = self.seal.close(words)
        if len(sealed) > _LARGE:
            sealed = self.seal.close([word for word in words if isinstance(word, Entered)])
        self.worker.log_event(TOPIC, {"run": self.run, "said": sealed})
