"""From options to a run in waves: its terms, its progress, and what to type for the hosts that are left."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deployer.cli.engines import engine
from deployer.cli.options import Apply, Rolling
from deployer.cli.retry import retry
from deployer.report.words import next_step

if TYPE_CHECKING:
    from deployer.model.host import Host
    from deployer.rollout import Rollout, Steps, Terms


def terms(options: Rolling, hosts: int) -> "Terms":
    """Read `--serial` and `--max-fail` for so many hosts.

    Raises:
        UsageError: One of them cannot be read.
    """
    from deployer import rollout, waves  # late: starts fast

    serial = waves.parse_serial(options.serial) if options.serial is not None else ()
    if options.max_fail is not None:
        return rollout.Terms(serial, waves.parse_max_fail(options.max_fail).of(hosts))
    careful = serial or (isinstance(options, Apply) and options.revert_all)
    return rollout.Terms(serial, 0 if careful else None)


def roll(
    command: str, hosts: "Sequence[Host]", options: Rolling, steps: "Steps", *, within: "Terms"
) -> "tuple[Rollout, str]":
    """Walk all hosts in waves, with progress on stderr.

    Returns:
        How it ended, failures with a next step where they brought none; and the command for the hosts that
        are left, empty where none is.
    """
    from deployer import rollout  # late: starts fast
    from deployer.cli.progress import progress

    opening = engine(options, hosts)
    listener = progress([host.name for host in hosts], debug=options.debug)

    async def run() -> "Rollout":
        async with opening as walking:
            return await rollout.run(hosts, steps, within, engine=walking, listener=listener)

    with listener.shown():
        ended = asyncio.run(run())
    inventory = str(options.inventory)
    told = tuple(
        replace(outcome, next_step=next_step(outcome, command, inventory)) for outcome in ended.outcomes
    )
    return replace(ended, outcomes=told), retry(command, told, options)
