"""How a probe gets to the site: the address to connect to, what it trusts, how long it waits."""

import ssl
from dataclasses import dataclass

from deployer.transport import Address


@dataclass(frozen=True)
class Way:
    """The way to one port of a host.

    Attributes:
        address: Where to connect to.
        tls: For the server's certificate; names are checked against the SNI.
        deadline: Seconds that one answer may take.
    """

    address: Address
    tls: ssl.SSLContext
    deadline: float


def trusting(pem: bytes | None) -> ssl.SSLContext:
    """Return a context that trusts the certificates in `pem` and no other; None means the system's.

    An intermediate will do as an anchor: a chain that was supplied without its root is proven up to
    its own top.
    """
    context = ssl.create_default_context(cadata=pem.decode() if pem else None)
    if pem:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def trusting_nobody() -> ssl.SSLContext:
    """Return a context for plain HTTP, where no certificate is seen."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
