"""Which certificate visitors get, whoever vouches for it."""

import asyncio
import ssl
from typing import NamedTuple

from deployer.model.site import Site
from deployer.probes.failures import EXPECTED, explain
from deployer.probes.line import Line
from deployer.probes.questions import concrete, visited_name
from deployer.probes.way import StreamTo

_DEADLINE = 10.0


class Leaf(NamedTuple):
    """What a handshake showed: the leaf in DER, or why there was none."""

    der: bytes = b""
    failure: str = ""


async def leaf_served(site: Site, stream_to: StreamTo, *, only_rsa: bool = False) -> Leaf:
    """Shake hands by the site's first name and take what is shown: an expired one is found here, too.

    Args:
        site: With TLS.
        stream_to: Connects to a port of the host.
        only_rsa: As a client that knows no elliptic curves in certificates, over TLS 1.2.
    """
    context = _believing_anything(only_rsa=only_rsa)
    try:
        async with asyncio.timeout(_DEADLINE):
            stream = await stream_to(site.https_port)
            line = await Line.open(stream, context, concrete(visited_name(site)))
    except EXPECTED as error:
        return Leaf(failure=explain(error, _DEADLINE).said)
    line.close()
    return Leaf((line.tls and line.tls.getpeercert(binary_form=True)) or b"")


def _believing_anything(*, only_rsa: bool) -> ssl.SSLContext:
    """Trust is judged elsewhere: here every certificate is wanted, the bad ones above all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if only_rsa:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("aRSA")
    return context
