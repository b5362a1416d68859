"""The way to one host: how it is reached, who is told of it, and the connection that is opened."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.model.host import Host
from deployer.outcome import Phase
from deployer.transport import Transport
from deployer.transport.connect import connect

if TYPE_CHECKING:
    from deployer.deploy.session import Session

Watch = Callable[[str, Phase, str], None]
"""Called with the host's name, the phase it enters, and a note for people."""


@dataclass(frozen=True)
class Reach:
    """How hosts are reached; tests and simulations reach something else.

    Attributes:
        connect: Opens the one connection.
        root: A directory on the host that stands for `/`, empty on a real one.
        shell: The POSIX shell that runs the script.
    """

    connect: Callable[[Host], Awaitable[Transport]] = connect
    root: str = ""
    shell: str = "sh"


@contextlib.asynccontextmanager
async def opened(host: Host, watch: Watch, reach: Reach) -> "AsyncIterator[Session]":
    """Connect to `host`, and close the connection whatever happens.

    Raises:
        UnreachableError: No connection could be made.
    """
    watch(host.name, Phase.CONNECT, "")
    transport = await reach.connect(host)
    try:
        from deployer.deploy.session import Session  # late: the host has work of its own meanwhile

        session = Session.begin(host, transport, watch, reach)
        try:
            yield session
        finally:
            await session.conversation.close()
    finally:
        await transport.close()
