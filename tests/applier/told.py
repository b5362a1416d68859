"""Walks that do as a host's name says; in a module of its own, so that workers of Dask can import it."""

import asyncio
import os
import signal
from pathlib import Path

from deployer.errors import RefusedError
from deployer.fleet import Watch
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, State
from deployer.transport import Transport
from deployer.transport.local import LocalTransport


async def told(host: Host, watch: Watch) -> Outcome:
    """End as the first word of the host's name says; leave a line in its folder's `walked` first."""
    watch(host.name, Phase.CONNECT, "")
    _note(host)
    match host.name.partition("-")[0]:
        case "refused":
            raise RefusedError("it said no")
        case "bug":
            raise ZeroDivisionError("nobody expected this")
        case "leaky":
            raise ValueError(f"{host.settings.ansible_become_password}: {host.variables['token']}")
        case "slow":
            watch(host.name, Phase.STAGE, "taking its time")
            await asyncio.sleep(60)
        case "fatal" if not (Path(host.directory) / "died").exists():
            watch(host.name, Phase.SWITCH, "")
            await asyncio.sleep(0.5)  # so that others of its shard are heard of
            (Path(host.directory) / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(host.name, State.CHANGED, Phase.CONFIRM, serving="new", replaced="old")


def _note(host: Host) -> None:
    with (Path(host.directory) / "walked").open("a") as file:
        file.write(f"{host.name} {os.getpid()}\n")


async def here(host: Host) -> Transport:
    """Reach a host that is a directory of this machine."""
    return LocalTransport()
