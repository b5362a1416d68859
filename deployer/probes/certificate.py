"""Asking for the certificate: the chain is trusted, every name of the site is vouched for."""

import asyncio
import ssl
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from deployer.probes.answer import Answer, failed, milliseconds, passed
from deployer.probes.failures import explain
from deployer.probes.questions import Question, concrete
from deployer.probes.way import Way

_PEM_END = "-----END CERTIFICATE-----"


class _Greeting(NamedTuple):
    """What one TLS handshake showed: the protocol, the end of the leaf's life, the leaf in DER."""

    protocol: str
    ends: datetime
    leaf: bytes


async def look(question: Question, way: Way, *, on_disk: bytes | None) -> Answer:
    """Shake hands by every server name of the site.

    Args:
        question: Of kind certificate.
        way: Its context trusts what a visitor should.
        on_disk: The chain in PEM that nginx should serve, leaf first; None where that is not known.

    Raises:
        TimeoutError: No handshake within the deadline.
        OSError: No connection.
    """
    started = time.perf_counter()
    names = [concrete(name) for name in question.site.server_names]
    for name in names:
        try:
            greeting = await _greet(name, way)
        except ssl.SSLError as error:
            answer = explain(error, way.deadline)
            return replace(answer, said=f"{name}: {answer.said}")
    if on_disk and greeting.leaf != _first_der(on_disk):
        return failed("nginx serves another certificate than the host has: it was not reloaded", again=True)
    count = f"{len(names)} name{'s' if len(names) > 1 else ''}"
    seconds = (time.perf_counter() - started) / len(names)
    return passed(f"{greeting.protocol}, {count}, until {greeting.ends.date()}, in {milliseconds(seconds)}")


async def _greet(name: str, way: Way) -> _Greeting:
    async with asyncio.timeout(way.deadline):
        _, writer = await asyncio.open_connection(
            *way.address, ssl=way.tls, server_hostname=name, ssl_shutdown_timeout=1
        )
    try:
        return _seen(writer.get_extra_info("ssl_object"))
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            await writer.wait_closed()


def _seen(connection: ssl.SSLObject) -> _Greeting:
    facts = connection.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(facts["notAfter"]))
    leaf = connection.getpeercert(binary_form=True) or b""
    return _Greeting(connection.version() or "", datetime.fromtimestamp(ends, UTC), leaf)


def _first_der(chain: bytes) -> bytes:
    first = chain.decode("ascii", "replace").partition(_PEM_END)[0]
    return ssl.PEM_cert_to_DER_cert(first.strip() + "\n" + _PEM_END)
