"""Which certificate visitors get, whoever vouches for it."""

import asyncio
import ssl
from contextlib import suppress
from typing import NamedTuple

from deployer.model.site import Site
from deployer.probes.failures import EXPECTED, explain
from deployer.probes.questions import concrete, visited_name
from deployer.transport import Address

_DEADLINE = 10.0


class Leaf(NamedTuple):
    """What a handshake showed: the leaf in DER, or why there was none."""

    der: bytes = b""
    failure: str = ""


async def leaf_served(site: Site, address: Address, *, only_rsa: bool = False) -> Leaf:
    """Shake hands by the site's first name and take what is shown: an expired one is found here, too.

    Args:
        site: With TLS.
        address: Leads to the site's HTTPS port.
        only_rsa: As a client that knows no elliptic curves in certificates, over TLS 1.2.
    """
    try:
        async with asyncio.timeout(_DEADLINE):
            _, writer = await asyncio.open_connection(
                *address,
                ssl=_believing_anything(only_rsa=only_rsa),
                server_hostname=concrete(visited_name(site)),
                ssl_shutdown_timeout=1,
            )
    except EXPECTED as error:
        return Leaf(failure=explain(error, _DEADLINE).said)
    try:
        return Leaf(writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b"")
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            await writer.wait_closed()


def _believing_anything(*, only_rsa: bool) -> ssl.SSLContext:
    """Trust is judged elsewhere: here every certificate is wanted, the bad ones above all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if only_rsa:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("aRSA")
    return context
