"""What the sites of the job pass requests on to: one HTTP and WebSocket echo server for all hosts.

    python -m tests.bench.backends ADDRESS

Prints its port, and serves until its input ends.
"""

import asyncio
import http
import sys
from contextlib import suppress

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


async def main(address: str) -> None:
    """Serve on a free port of `address`."""
    async with serve(_echo, address, 0, process_request=_answer_plain_http, ping_interval=None) as server:
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


async def _echo(socket: ServerConnection) -> None:
    # Who asks may leave without a word.
    with suppress(ConnectionClosed):
        async for message in socket:
            await socket.send(message)


def _answer_plain_http(socket: ServerConnection, request: Request) -> Response | None:
    if "websocket" in request.headers.get("Upgrade", "").lower():
        return None
    return socket.respond(http.HTTPStatus.OK, "backend\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
