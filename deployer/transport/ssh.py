"""A host by SSH, over one connection for the whole run."""

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator, Sequence
from typing import Self

import asyncssh

from deployer import ahead
from deployer.errors import UnreachableError
from deployer.model.host import Host
from deployer.transport import LineSink, Result, Stream
from deployer.transport.preconnect import Preconnection
from deployer.transport.ssh_errors import lost
from deployer.transport.ssh_login import Patience, dial
from deployer.transport.ssh_stream import Ports
from deployer.transport.streams import CHUNK, Lines, converse, copy, feed

_Connection = asyncssh.SSHClientConnection
_Process = asyncssh.SSHClientProcess[bytes]
_GOODBYE = 2.0
"""Seconds that a server has to answer a goodbye."""


class SshTransport:
    """One login by asyncssh: known_hosts enforced, no terminal, no agent forwarding."""

    def __init__(self, route: Sequence[_Connection], name: str) -> None:
        self._route = tuple(route)
        self._connection = self._route[-1]
        self._name = name
        self._ports = Ports(self._connection)

    @classmethod
    async def open(
        cls, host: Host, *, patience: Patience | None = None, begun: Preconnection | None = None
    ) -> Self:
        """Log in to `host`, over the connection that was `begun` to it where there is one.

        Raises:
            UnreachableError: Name unknown, refused, silent, host key unknown or changed, login refused.
        """
        return cls(await dial(host, patience or Patience(), begun), host.address)

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: AsyncIterator[bytes] | None = None,
        on_line: LineSink | None = None,
    ) -> Result:
        """Run `argv` through the login shell; a signal's death is 128 + its number."""
        process = await self._start(shlex.join(argv))
        out, err = Lines(on_line), Lines()
        try:
            await converse(
                feed(stdin, process.stdin),
                copy(self._chunks(process.stdout), out.feed),
                copy(self._chunks(process.stderr), err.feed),
                process.wait_closed(),
            )
        except asyncssh.Error as error:
            raise lost(error, self._name) from error
        finally:
            process.close()
        return Result(self._exit_code(process), out.finish(), err.finish())

    async def stream(self, port: int) -> Stream:
        """Open a channel to the host's `port`; nothing of it shows on the controller."""
        return await self._ports.open(port)

    async def close(self) -> None:
        """Say goodbye, innermost connection first; hang up where nobody answers."""
        for connection in reversed(self._route):
            connection.close()
            try:
                await asyncio.wait_for(connection.wait_closed(), _GOODBYE)
            except (OSError, asyncssh.Error, TimeoutError):
                connection.abort()

    async def _start(self, command: str) -> _Process:
        try:
            process = await self._connection.create_process(command, encoding=None, request_pty=False)
        except asyncssh.ChannelOpenError as error:
            # asyncssh says the same of a server that refuses and of a connection that is gone.
            if self._connection.is_closed():
                raise lost(error, self._name) from error
            raise UnreachableError(f"{self._name} runs no command: {error.reason}") from error
        except (asyncssh.Error, OSError) as error:
            raise lost(error, self._name) from error
        asyncio.get_running_loop().call_soon(ahead.catch_up)  # the host is busy with its answer
        return process

    async def _chunks(self, reader: asyncssh.SSHReader[bytes]) -> AsyncIterator[bytes]:
        try:
            while chunk := await reader.read(CHUNK):
                yield chunk
        except (asyncssh.Error, OSError) as error:
            raise lost(error, self._name) from error

    def _exit_code(self, process: _Process) -> int:
        if process.exit_signal is not None:
            return 128 + _signal_number(process.exit_signal[0])
        if process.exit_status is None:
            raise lost(None, self._name)
        return process.exit_status


def _signal_number(name: str) -> int:
    """Return the number of a signal named as in RFC 4254, 6.10 (`KILL`); 0 for one unknown here."""
    return getattr(signal, f"SIG{name}", 0)
