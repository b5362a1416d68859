"""The benchmark's own way to its hosts, beside what is measured."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from tests.bench.hosts import Target

_AT_A_TIME = 20

RESET = "reset-host"
"""Bring a host back to the state before the first apply."""

MARK = "touch /run/bench-mark"
CHANGED_SINCE = (
    "find /etc/nginx /etc/ssl/bench /etc/deployer -newer /run/bench-mark 2>/dev/null; ps -C nginx -o lstart="
)
"""Tell the files that are newer than the mark, and when each process of nginx began."""


def everywhere(targets: Sequence[Target], key: Path, command: str) -> list[str]:
    """Run `command` as root on every host and return what each printed, in the order of `targets`.

    Raises:
        asyncssh.Error: A host does not let us in.
    """
    return asyncio.run(_everywhere(targets, key, command))


async def _everywhere(targets: Sequence[Target], key: Path, command: str) -> list[str]:
    client_key = asyncssh.read_private_key(key)
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def one(target: Target) -> str:
        trusted = asyncssh.import_known_hosts(f"{target.address} {target.host_key}\n")
        login = asyncssh.connect(
            target.address, config=None, username="root", client_keys=[client_key], known_hosts=trusted
        )
        async with gate, login as connection:
            return str((await connection.run(command)).stdout)

    return await asyncio.gather(*(one(target) for target in targets))
