"""Who walks the hosts of a command: this process, or the workers of a Dask scheduler."""

import contextlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING

from deployer.cli.options import Sharing, Walking
from deployer.errors import UsageError

if TYPE_CHECKING:
    from deployer.model.host import Host
    from deployer.rollout import Engine


def engine(options: Walking, hosts: "Sequence[Host]") -> "AbstractAsyncContextManager[Engine]":
    """Return what walks `hosts`, to be opened for the length of one command.

    Raises:
        UsageError: `--workers` cannot be done as asked; also when it is opened.
        UnreachableError: There is no scheduler, or it has no workers; when it is opened.
    """
    if isinstance(options, Sharing) and options.workers is not None:
        if not options.workers.strip():
            raise UsageError("--workers is empty; leave it out to walk hosts from here")
        check_connections(hosts)
        from deployer import workers  # late: an option of few

        return workers.opened(options.workers, hosts, parallel=options.parallel)
    from deployer import fleet  # late: starts fast
    from deployer.cli.crowd import at_a_time

    return contextlib.nullcontext(partial(fleet.run, parallel=at_a_time(options.parallel, len(hosts))))


def shared(options: Walking) -> bool:
    """Tell whether other machines walk the hosts."""
    return isinstance(options, Sharing) and options.workers is not None


def check_connections(hosts: "Sequence[Host]") -> None:
    """Refuse hosts that are `local`: to whom?

    Raises:
        UsageError: There are such hosts.
    """
    local = [host.name for host in hosts if host.settings.ansible_connection == "local"]
    if local:
        raise UsageError(
            f"{local[0]} has ansible_connection: local, which would be whichever worker it gets",
            next_step="leave --workers out, or leave this host out with --limit",
        )
