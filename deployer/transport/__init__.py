"""The one seam to a host: run one command, connect to one port, close."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

LineSink = Callable[[str], None]
"""Called with each line of standard output as it arrives, without its newline."""


class Address(NamedTuple):
    """Where the controller connects to reach a port of the host."""

    host: str
    port: int


class Stream(Protocol):
    """One connection to one port of a host, as plain bytes in both directions."""

    async def read(self) -> bytes:
        """Return what has come as soon as there is something; nothing at the end.

        Raises:
            OSError: The connection broke.
        """
        ...

    def write(self, data: bytes) -> None:
        """Take `data` for sending."""
        ...

    def close(self) -> None:
        """Hang up; never raises, may be called twice."""
        ...


@dataclass(frozen=True)
class Result:
    """What one command left behind. A non-zero exit is a value."""

    exit_code: int
    stdout: str
    stderr: str


class Transport(Protocol):
    """One connection to one host; implementations: `ssh`, `docker`, `local`, `fake`."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: AsyncIterator[bytes] | None = None,
        on_line: LineSink | None = None,
    ) -> Result:
        """Run `argv` on the host, without a terminal, and wait for its end.

        Args:
            argv: Program and arguments; quoted for the host's shell where one is between.
            stdin: Chunks sent as they come; the input is closed when the iterator ends, and at once
                if it is None. The iterator may wait for lines that `on_line` saw. A command that
                ends without reading all of its input is not an error.
            on_line: Sees each line of standard output as soon as it is complete.

        Raises:
            UnreachableError: No connection, or it was lost before the command ended.
        """
        ...

    async def stream(self, port: int) -> Stream:
        """Connect to the host's own loopback `port`.

        Where the host refuses forwarding, its own address is asked in its stead.

        Raises:
            OSError: Nobody answers there.
            UnreachableError: There is no way to ports of this host.
        """
        ...

    async def close(self) -> None:
        """Close the connection and all streams through it; never raises, may be called twice."""
        ...
