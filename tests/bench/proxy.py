"""A longer wire: a TCP proxy that lets every byte wait, and counts round trips.

    python -m tests.bench.proxy MILLISECONDS

Reads one JSON line on standard input, `[["10.0.0.2", 22], ...]`, listens on a loopback port for each, and
prints `[PORT, ...]`. After each further line it prints what has passed since the line before, one entry per
target, bytes as the client sees them:

    [{"connections": 1, "round_trips": 9, "sent": 4100, "received": 5300}]

It ends with its input.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tests.bench.wire import Wire


@dataclass
class Traffic:
    """What passed to and from one target."""

    connections: int = 0
    round_trips: int = 0
    sent: int = 0
    received: int = 0


class Proxy:
    """One target behind a wire of so many seconds per round trip."""

    def __init__(self, target: tuple[str, int], delay: float) -> None:
        self._target = target
        self._delay = delay
        self._wires: list[Wire] = []
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        """Listen on a free loopback port and return it."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no longer, and wait until the connections that there are have ended."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.gather(*self._carrying)

    def take(self) -> Traffic:
        """Return what has passed since the last call; connections must have ended by then."""
        wires, self._wires = self._wires, []
        return Traffic(
            connections=len(wires),
            round_trips=sum(wire.round_trips for wire in wires),
            sent=sum(wire.sent for wire in wires),
            received=sum(wire.received for wire in wires),
        )

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        await task

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(self._delay)
        self._wires.append(wire)
        try:
            await wire.carry((reader, writer), self._target)
        except* OSError:
            pass  # one side hung up: the other one was told
        finally:
            writer.close()


async def main(milliseconds: float) -> None:
    """Serve the targets of the first line until the input ends."""
    lines = await _lines()
    targets = [(str(host), int(port)) for host, port in json.loads(await lines.readline())]
    proxies = [Proxy(target, milliseconds / 1000) for target in targets]
    _answer([await proxy.listen() for proxy in proxies])
    while await lines.readline():
        _answer([asdict(proxy.take()) for proxy in proxies])


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _answer(document: Sequence[object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
