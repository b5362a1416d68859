"""The SSH server of all simulated hosts, a program of its own.

    python -m tests.bench.simulated.server \
        '{"hosts": 1000, "folder": DIR, "key": FILE, "certificates": DIR, "backend": HOST:PORT}'

Host N answers on one port of 127.77.x.y, which is 127.77.0.0 + N; all have one host key, and let in who has
the private key in `key`. Prints
`{"port": 20022, "host_key": "ssh-ed25519 ..."}` serves until its input ends.
Beside these there may be what is wrong with some hosts, `silent`, `refusing` and `late` as in `Trouble`, and
`recorded`: hosts to which nothing was done yet repeat what one of them says.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import asyncssh

from tests import ssh_child
from tests.bench.simulated import addresses
from tests.bench.simulated.machines import REFUSES, Machines, made
from tests.bench.simulated.recorded import LOOKS, Recorded, before
from tests.bench.simulated.sites import served

_AT_A_TIME = 64
"""Commands that run at one time: on one machine, more would only wait for each other."""
_AS_ROOT = " deployer '' "
"""How a command line names the script and the root prefix of a real host, which is none."""


@dataclass
class Fleet:
    """What the server knows.

    Attributes:
        machines: The hosts' folders.
        ports: Port of a host to the port of this machine that answers in its place.
        late: Number of a host to the seconds that each command waits.
        recorded: What hosts say to which nothing was done yet; None: each says it itself.
    """

    machines: Machines
    ports: Mapping[int, int]
    late: Mapping[int, float]
    recorded: Recorded | None = None
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_A_TIME))

    async def run(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """Run a command below the folder of the host that was called."""
        number = addresses.number_of(process.get_extra_info("sockname")[0])
        await asyncio.sleep(self.late.get(number, 0.0))
        root, asked = self.machines.root(number), process.command or ""
        command, environment, first = below(asked, root), self.machines.environment(number), b""
        if self.recorded and LOOKS in asked and not (root / "etc/deployer").exists():
            first = await self.recorded.converse(process, asked, environment)
            command = below(f"{before(asked)} deployer '' follow", root)
            if not first:
                process.exit(0)
                return
        async with self.gate:
            await ssh_child.run(process, command, environment, first=first)


def below(command: str, root: Path) -> str:
    """Return the command line with `root` as the script's root prefix; nothing else but `true` runs here."""
    before, mark, after = command.rpartition(_AS_ROOT)
    if not mark:
        return "true" if command == "true" else "echo 'not a command of deployer' >&2; exit 126"
    return f"{before} deployer {root} {after}"


class _Server(asyncssh.SSHServer):
    """Forwards what probes ask a host for to what answers in its place."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        self._ports = ports

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> "Awaitable[asyncssh.SSHTCPSession[bytes]] | bool":
        if port := self._ports.get(dest_port):
            forwarding = self._connection.forward_connection("127.0.0.1", port)
            return cast("Awaitable[asyncssh.SSHTCPSession[bytes]]", forwarding)
        return False


async def _serve(fleet: Fleet, asked: Mapping[str, Any]) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    may_enter = asyncssh.read_private_key(asked["key"]).export_public_key().decode()
    silent = set(asked.get("silent", ()))
    answering = [number for number in range(1, asked["hosts"] + 1) if number not in silent]
    acceptor = await asyncssh.listen(
        [addresses.address_of(number) for number in answering],
        asked.get("port") or addresses.free_port(),
        server_host_keys=[key],
        server_factory=lambda: _Server(fleet.ports),
        process_factory=fleet.run,
        authorized_client_keys=asyncssh.import_authorized_keys(may_enter),
        encoding=None,
        login_timeout=0,
    )
    port = acceptor.sockets[0].getsockname()[1]
    if silent:
        await asyncio.start_server(_say_nothing, [addresses.address_of(each) for each in silent], port)
    told = {"port": port, "host_key": key.export_public_key().decode().strip()}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def main(arguments: Sequence[str]) -> None:
    """Serve what the one argument asks for."""
    asked = json.loads(arguments[0])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(asked["folder"])
    late = {int(number): float(seconds) for number, seconds in asked.get("late", {}).items()}
    with (
        made(folder) as machines,
        served(folder / "sites", Path(asked["certificates"]), asked["backend"]) as ports,
    ):
        for number in asked.get("refusing", ()):
            (machines.root(number) / REFUSES).touch()
        recorded = Recorded() if asked.get("recorded") else None
        asyncio.run(_serve(Fleet(machines, ports, late, recorded), asked))


if __name__ == "__main__":
    main(sys.argv[1:])
