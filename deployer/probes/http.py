"""Asking by HTTP, through whatever leads to the host, by the site's own name."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import cast
from urllib.parse import urlsplit

import httpx

from deployer.probes.answer import Seen
from deployer.probes.way import Way

_LONGEST_BODY = 65536
_BODY_SECONDS = 1.0


async def fetch(url: str, way: Way, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Seen:
    """Ask for `url` at the end of `way`, with its name in SNI and Host; redirects are not followed.

    Raises:
        TimeoutError: The answer came in drips, for more than twice the deadline.
        httpx.HTTPError: No connection, no trust, no HTTP, or nothing for the length of the deadline; its
            cause says which.
    """
    target = urlsplit(url)
    sent = {"Host": target.netloc, "User-Agent": "deployer-probe", "Accept-Encoding": "identity"}
    # httpx's own timeouts come first: cancelled in a TLS handshake, it leaves the socket open.
    async with asyncio.timeout(2 * way.deadline), _client(way) as client:
        request = client.build_request(
            method,
            f"{target.scheme}://{_host(way)}:{way.address.port}{target.path or '/'}",
            headers=sent | dict(headers or {}),
            extensions={"sni_hostname": target.hostname},
        )
        started = time.perf_counter()
        response = await client.send(request, stream=True)
        try:
            seconds = time.perf_counter() - started
            return Seen(response.status_code, response.headers, await _body(response), seconds)
        finally:
            await response.aclose()


def _client(way: Way) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=way.tls, trust_env=False, timeout=way.deadline)


def _host(way: Way) -> str:
    return f"[{way.address.host}]" if ":" in way.address.host else way.address.host


def _chunks(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """httpx declares an iterator; that it is a generator, which can be closed, matters here."""
    return cast(AsyncGenerator[bytes, None], response.aiter_raw())


async def _body(response: httpx.Response) -> bytes:
    """An endless answer (server-sent events, long polling) is an answer, too: take what comes in a second."""
    body = bytearray()
    with suppress(TimeoutError):
        async with asyncio.timeout(_BODY_SECONDS), aclosing(_chunks(response)) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= _LONGEST_BODY:
                    break
    return bytes(body[:_LONGEST_BODY])
