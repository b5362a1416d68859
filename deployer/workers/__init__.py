"""Walks on other machines: the workers of a Dask scheduler, each of which walks some of the hosts.

The controller keeps waves, limits and the report; see docs/workers.md. Dask is an optional extra.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deployer import fleet
from deployer.fleet import Walk
from deployer.model.host import Host
from deployer.outcome import Outcome
from deployer.stopping import Stop
from deployer.workers.crew import Crew, mustered
from deployer.workers.sharing import Sharing


@dataclass(frozen=True)
class Workers:
    """An engine of `rollout`: has a crew walk the hosts."""

    crew: Crew

    async def __call__(
        self, hosts: Sequence[Host], walk: Walk, *, listener: fleet.Listener, stop: Stop
    ) -> tuple[Outcome, ...]:
        """Walk `hosts`; `walk` must be a value that can be pickled."""
        with stop.listening():
            return await Sharing(self.crew, _absolute(hosts), walk, listener, stop).run()


@contextlib.asynccontextmanager
async def opened(address: str, hosts: Sequence[Host], *, parallel: int) -> AsyncIterator[Workers]:
    """Connect to the scheduler at `address` for one command on `hosts`.

    Args:
        address: Such as `tcp://scheduler:8786`.
        hosts: All that the command is about.
        parallel: Hosts at a time and worker.

    Raises:
        UsageError: Dask or the key is missing; or a worker is there that cannot walk for this controller.
        UnreachableError: No scheduler answers, or it has no workers.
    """
    async with mustered(address, _absolute(hosts), parallel=parallel) as crew:
        yield Workers(crew)


def _absolute(hosts: Sequence[Host]) -> tuple[Host, ...]:
    """Let paths start where they do here: a worker has a working directory of its own."""
    return tuple(replace(host, directory=str(Path(host.directory).absolute())) for host in hosts)
