"""How a probe gets to the site: the port to connect to, what it trusts, how long it waits."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache

from deployer.probes.line import Line
from deployer.transport import Stream

StreamTo = Callable[[int], Awaitable[Stream]]
"""Connects to a port of the host: a transport's `stream`."""


class Way:
    """The way to one site at one port of a host.

    Attributes:
        name: The site's, for SNI.
        deadline: Seconds that one answer may take.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Stream]],
        tls: ssl.SSLContext | None,
        *,
        name: str,
        deadline: float,
    ) -> None:
        self._connect = connect
        self._tls = tls
        self.name = name
        self.deadline = deadline
        self._shared: asyncio.Task[Line] | None = None

    async def open(self, name: str = "") -> Line:
        """Open a line of one's own, by the name of the way or by another one.

        Args:
            name: For SNI, and to be in the certificate.

        Raises:
            TimeoutError: Not within the deadline.
            OSError: No connection, or no trust.
        """
        async with asyncio.timeout(self.deadline):
            return await Line.open(await self._connect(), self._tls, name or self.name)

    async def shared(self) -> Line:
        """Return the one line of all who ask for it; who comes first opens it.

        Raises:
            As `open`.
        """
        if self._shared is None:
            self._shared = asyncio.ensure_future(self.open())
        return await asyncio.shield(self._shared)

    async def aclose(self) -> None:
        """Close the common line."""
        if self._shared is None:
            return
        self._shared.cancel()
        (line,) = await asyncio.gather(self._shared, return_exceptions=True)
        if isinstance(line, Line):
            line.close()


@lru_cache(maxsize=128)
def trusting(pem: bytes | None) -> ssl.SSLContext:
    """Return a context that trusts the certificates in `pem` and no other; None means the system's.

    One for all sites and hosts with the same anchor: the system's store alone takes milliseconds to read.
    An intermediate will do as an anchor: a chain that was supplied without its root is proven up to
    its own top.
    """
    context = ssl.create_default_context(cadata=pem.decode() if pem else None)
    context.set_alpn_protocols(["http/1.1"])
    if pem:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
