"""What goes to a worker: some hosts, and what is done on them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from deployer.deploy import Bound, RollbackOptions, TakingBack
from deployer.fleet import Walk
from deployer.following import Following
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase
from deployer.workers.likeness import Evidence

REPEATED_PATIENCE = 120.0
"""Seconds in which a host that a lost worker was at has gone back, and its lock is free again."""


@dataclass(frozen=True)
class Shard:
    """Some hosts for one worker.

    Attributes:
        run: Identifies the run of the controller.
        worker: Identifies the process that it is meant for: where another one gets it, that one has died.
        hosts: All of them are under way at a time.
        walk: A value that can be pickled.
        alike: What the worker must have as the controller has it.
    """

    run: str
    worker: str
    hosts: tuple[Host, ...]
    walk: Walk
    alike: Evidence


@dataclass(frozen=True)
class Entered:
    """Word of a worker: `host` entered `phase`."""

    host: str
    phase: Phase
    note: str


@dataclass(frozen=True)
class Ended:
    """Word of a worker: how a host ended, and the traceback of a bug, if there was one."""

    outcome: Outcome
    crash: str = ""


def size(waiting: int, threads: Mapping[str, int], *, parallel: int) -> int:
    """Return how many hosts the next shard has.

    A worker's threads share `parallel`; towards the end shards shrink, so that no worker is idle while
    another has hosts left.

    >>> size(1000, {"a": 4, "b": 4}, parallel=20), size(12, {"a": 4, "b": 4}, parallel=20)
    (5, 2)
    """
    fair = ceil(waiting / max(sum(threads.values()), 1))
    return max(1, min(parallel // max(threads.values(), default=1), fair))


def among(walk: Walk, hosts: Sequence[Host]) -> Walk:
    """Return `walk` with what it has to know of `hosts` alone."""
    return walk.among(hosts) if isinstance(walk, Following) else walk


def repeatable(walk: Walk) -> bool:
    """Tell whether `walk` may be done once more on a host that an earlier one may have walked to its end.

    Going back to the release before is not: a second time that is one release further.
    """
    options = walk.options if isinstance(walk, Bound) else None
    return not isinstance(options, RollbackOptions) or bool(options.to) or options.check


def repeated(walk: Walk) -> Walk:
    """Return `walk` for hosts at which a worker was lost: another run that holds them is probably its."""
    if isinstance(walk, Bound):
        return walk.patient(REPEATED_PATIENCE)
    if isinstance(walk, Following) and isinstance(walk.follow, TakingBack):
        return replace(walk, follow=walk.follow.patient(REPEATED_PATIENCE))
    return walk
