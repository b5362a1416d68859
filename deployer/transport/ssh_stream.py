"""The ports of a host, through its SSH connection."""

import asyncio

import asyncssh

from deployer.transport import Address, Stream
from deployer.transport.streams import connected

_LOOPBACK = "127.0.0.1"
_WINDOW = 131_072
"""Bytes that the host may send before they are read."""


class Ports:
    """Leads to the loopback ports of the host.

    A server says only to a real connection that it forwards none: the first one to hear it, and all after it,
    are led to the host's own address instead.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection
        self._is_forbidden = False

    async def open(self, port: int) -> Stream:
        """Connect to `port`.

        Raises:
            OSError: Nobody answers there, or the SSH connection is gone.
        """
        if not self._is_forbidden:
            channel = _Channel()
            try:
                await self._connection.create_connection(lambda: channel, _LOOPBACK, port, window=_WINDOW)
            except asyncssh.ChannelOpenError as error:
                # A port where nothing listens is refused by another code (RFC 4254, 5.1).
                if error.code == asyncssh.OPEN_CONNECT_FAILED:
                    raise ConnectionAbortedError(error.reason) from error
                self._is_forbidden = True
            except asyncssh.Error as error:
                raise ConnectionAbortedError(error.reason) from error
            else:
                return channel
        return await connected(Address(self._connection.get_extra_info("host"), port))


class _Channel(asyncssh.SSHTCPSession[bytes]):
    """One channel as a stream."""

    def __init__(self) -> None:
        self._coming: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        """Note the channel."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Keep it until it is read."""
        self._coming.put_nowait(data)

    def eof_received(self) -> bool:
        """Let the channel close: nobody here writes after the end."""
        self._coming.put_nowait(b"")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take it for the end: why a whole connection was lost is told by the command on it."""
        self._coming.put_nowait(b"")

    async def read(self) -> bytes:
        """Return what has come; after the end nothing, however often."""
        chunk = await self._coming.get()
        if not chunk:
            self._coming.put_nowait(chunk)
        return chunk

    def write(self, data: bytes) -> None:
        """Send it, unless the channel has been closed."""
        if not self._channel.is_closing():
            self._channel.write(data)

    def close(self) -> None:
        """Close the channel once everything is sent."""
        self._channel.close()
