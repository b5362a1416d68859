"""The floor: one process logs in to every host at a time, runs `true`, and leaves.

    python floor.py HOSTS_FILE

HOSTS_FILE has `{"key": PATH, "known_hosts": PATH, "hosts": [["127.0.0.1", 2222], ...]}`.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh


async def main(asked: Mapping[str, Any]) -> None:
    """Run `true` on every host of the file's document."""
    options = await asyncssh.SSHClientConnectionOptions.construct(
        config=None,
        username="root",
        client_keys=[asyncssh.read_private_key(asked["key"])],
        known_hosts=asyncssh.read_known_hosts(asked["known_hosts"]),
        agent_path=None,
        server_host_key_algs=["ssh-ed25519"],
    )

    async def visit(address: str, port: int) -> None:
        async with asyncssh.connect(address, port, options=options) as connection:
            await connection.run("true", check=True)

    await asyncio.gather(*(visit(address, port) for address, port in asked["hosts"]))


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
