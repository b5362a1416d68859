"""WebSockets for tests that are not asynchronous.

Not `websockets.sync`: it shares one TLS connection between two threads, which now and then hangs before
Python 3.13.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers

PATIENCE = 30.0
"""Seconds for anything that should happen at once."""


class WebSocket:
    """One open WebSocket; the options are those of `websockets.asyncio.client.connect`."""

    def __init__(self, uri: str, **options: Any) -> None:  # noqa: ANN401 - those of websockets
        self._loop = asyncio.Runner()
        try:
            self._socket: ClientConnection = self._loop.run(_opened(uri, options))
        except BaseException:
            self._loop.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def subprotocol(self) -> str | None:
        """What both sides agreed on."""
        return self._socket.subprotocol

    @property
    def headers(self) -> Headers:
        """Those of the 101."""
        assert self._socket.response is not None
        return self._socket.response.headers

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        self._loop.run(asyncio.wait_for(self._socket.send(message), PATIENCE))

    def recv(self, timeout: float = PATIENCE) -> str | bytes:
        """Wait for one message; TimeoutError if none comes."""
        answer: str | bytes = self._loop.run(asyncio.wait_for(self._socket.recv(), timeout))
        return answer

    def close(self) -> None:
        """Close the socket and its loop; may be called twice."""
        self._loop.run(self._socket.close())
        self._loop.close()


async def _opened(uri: str, options: Mapping[str, Any]) -> ClientConnection:
    # Nobody runs the loop between two calls, so nobody could answer a ping in time.
    return await connect(uri, **{"proxy": None, "ping_interval": None, "open_timeout": PATIENCE, **options})


def echoed(socket: WebSocket, message: str | bytes) -> str | bytes:
    """Send a message and return what comes back."""
    socket.send(message)
    return socket.recv()
