"""The seam to Dask: what a run needs of a scheduler, and Dask's errors in our words."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.errors import UnreachableError, UsageError

_ANSWER = 10.0
"""Seconds in which a scheduler, or each of its workers, answers a question."""

_NO_ANSWER = (OSError, TimeoutError, RuntimeError, AttributeError)
"""What Dask's client raises when it is asked while its connection goes, or has gone."""

Heard = Callable[[Any], None]


@dataclass(frozen=True)
class Scheduler:
    """A connection to a Dask scheduler.

    Attributes:
        client: Dask's.
        address: As the operator gave it.
    """

    client: Any
    address: str

    @contextlib.contextmanager
    def hearing(self, topic: str, heard: Heard) -> Iterator[None]:
        """Have `heard` called with each message of `topic` while the context lasts; none of a lost one."""
        if not self.alive:
            yield
            return
        self.client.subscribe_topic(topic, lambda event: heard(event[1]))
        try:
            yield
        finally:
            if self.alive:
                self.client.unsubscribe_topic(topic)

    @property
    def alive(self) -> bool:
        """Whether the connection is what it was; Dask connects again, but forgets what was under way."""
        return bool(self.client.status == "running")

    async def threads(self) -> Mapping[str, int] | None:
        """Return the address of each worker and how many threads it has; None where there is no answer."""
        if not self.alive:
            return None  # it would wait for the next scheduler, and this one's workers are lost
        with contextlib.suppress(*_NO_ANSWER):
            return dict(await asyncio.wait_for(self.client.nthreads(), _ANSWER))
        return None

    async def ask_workers(
        self, function: Callable[..., Any], *args: object, workers: list[str]
    ) -> Mapping[str, Any]:
        """Call `function` on `workers` at once, beside what they do; an exception is that worker's answer.

        Where one of them is silent, no answer is returned at all.
        """
        if not self.alive:
            return {}
        with contextlib.suppress(*_NO_ANSWER):
            asked = self.client.run(function, *args, workers=workers, on_error="return")
            return dict(await asyncio.wait_for(asked, _ANSWER))
        return {}

    async def submit(self, function: Callable[..., Any], *args: object, key: str, worker: str) -> Any:  # noqa: ANN401 - what it returns
        """Have `worker` call `function` and return what that does; raises what Dask does.

        Should the worker die, nothing is returned, unless another one comes to the same address.
        """
        future = self.client.submit(function, *args, key=key, pure=False, workers=[worker])
        try:
            return await future
        finally:
            future.release()


@contextlib.asynccontextmanager
async def reached(address: str) -> AsyncIterator[Scheduler]:
    """Connect to the scheduler at `address` while the context lasts.

    Raises:
        UsageError: Dask is not installed, or `address` is none.
        UnreachableError: Nobody answers there.
    """
    client_class = _client_class()
    client = client_class(address, asynchronous=True, set_as_default=False, timeout=_ANSWER, name="deployer")
    try:
        await _connected(client, address)
        yield Scheduler(client, address)
    finally:
        await client.close()


async def _connected(client: Any, address: str) -> None:  # noqa: ANN401 - Dask's Client
    try:
        await client
    except (OSError, TimeoutError) as error:
        raise UnreachableError(
            f"no Dask scheduler answers at {address}",
            next_step="dask scheduler, and --workers with its address",
        ) from error
    except (ValueError, TypeError, RuntimeError) as error:
        raise UsageError(f"--workers {address}: {error}", next_step="--workers tcp://HOST:8786") from error


def _client_class() -> Any:  # noqa: ANN401 - Dask's Client
    try:
        # Late: it is an optional extra, and takes half a second.
        from distributed import Client
    except ImportError as error:
        raise UsageError("--workers needs Dask, which is not installed",
                         next_step="pip install 'deployer[dask]'") from error  # fmt: skip
    for name in ("distributed", "distributed.client"):
        # What it logs of a lost scheduler is a page; our outcomes say it in a line.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return Client
