"""Asking for the certificate: the chain is trusted, every name of the site is vouched for."""

import asyncio
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from deployer.probes.answer import Answer, failed, milliseconds, passed
from deployer.probes.failures import explain
from deployer.probes.questions import Question, concrete
from deployer.probes.together import together
from deployer.probes.way import Way

_AT_ONCE = 16
"""Names of one site that are asked for at one time."""
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
    gate = asyncio.Semaphore(_AT_ONCE)
    greeted = await together(_greet(name, way, gate) for name in names)
    if refused := [each for each in greeted if isinstance(each, Answer)]:
        return refused[0]
    greeting = [each for each in greeted if isinstance(each, _Greeting)][-1]
    if on_disk and greeting.leaf != _first_der(on_disk):
        return failed("nginx serves another certificate than the host has: it was not reloaded", again=True)
    count = f"{len(names)} name{'s' if len(names) > 1 else ''}"
    took = milliseconds(time.perf_counter() - started)
    return passed(f"{greeting.protocol}, {count}, until {greeting.ends.date()}, in {took}")


async def _greet(name: str, way: Way, gate: asyncio.Semaphore) -> _Greeting | Answer:
    """Shake hands by `name`; a refusal is the answer. By the name of the way others will ask on that line."""
    async with gate:
        try:
            if name == way.name:
                return _seen((await way.shared()).tls)
            line = await way.open(name)
        except ssl.SSLError as error:
            answer = explain(error, way.deadline)
            return replace(answer, said=f"{name}: {answer.said}")
    line.close()
    return _seen(line.tls)


def _seen(connection: ssl.SSLObject | None) -> _Greeting:
    if connection is None:
        raise ValueError("a certificate is asked for where there is no TLS")
    facts = connection.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(facts["notAfter"]))
    leaf = connection.getpeercert(binary_form=True) or b""
    return _Greeting(connection.version() or "", datetime.fromtimestamp(ends, UTC), leaf)


def _first_der(chain: bytes) -> bytes:
    first = chain.decode("ascii", "replace").partition(_PEM_END)[0]
    return ssl.PEM_cert_to_DER_cert(first.strip() + "\n" + _PEM_END)
