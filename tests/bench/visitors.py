"""Whether a tool has done the job: every host is visited, whatever the tool says of itself."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.bench.hosts import Target

_AT_A_TIME = 20
_PATIENCE = 10.0
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 0.0)
"""Seconds between looks: not every tool waits until nginx has reloaded."""


class UndoneError(Exception):
    """A host does not serve what the job says."""


async def visit(targets: Sequence[Target], authority: Path, revision: str) -> None:
    """Look at every site of every host.

    Args:
        targets: Reached by `web`.
        authority: The CA of the sites' certificates.
        revision: What the header that the one-line change changes must say.

    Raises:
        UndoneError: Names the host and what it served.
    """
    trust = ssl.create_default_context(cafile=str(authority))
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def one(target: Target) -> None:
        async with gate:
            for pause in _PAUSES:
                if not (seen := await _seen(target, trust, revision)):
                    return
                await asyncio.sleep(pause)
            raise UndoneError(f"{target.name}: {seen}")

    await asyncio.gather(*(one(target) for target in targets))


async def _seen(target: Target, trust: ssl.SSLContext, revision: str) -> str:
    """Say what is not as it should be, empty where all is."""
    try:
        await _look(target, trust, revision)
    except (OSError, AssertionError, httpx.HTTPError, WebSocketException) as error:
        return f"{type(error).__name__}: {error}"
    return ""


async def _look(target: Target, trust: ssl.SSLContext, revision: str) -> None:
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=_PATIENCE) as client:
        www = await _get(client, target, "https://www.bench.test/")
        assert (www.status_code, www.text) == (200, "bench\n"), www
        assert www.headers["X-Revision"] == revision, www.headers
        assert www.headers["X-Content-Type-Options"] == "nosniff", www.headers
        old = await _get(client, target, "https://www.bench.test/old")
        assert (old.status_code, old.headers["Location"]) == (308, "/new"), old
        api = await _get(client, target, "https://app.bench.test/api/x")
        assert (api.status_code, api.text) == (200, "backend\n"), api
        insecure = await _get(client, target, "http://www.bench.test/")
        assert insecure.headers["Location"] == "https://www.bench.test/", insecure
        plain = await _get(client, target, "http://plain.bench.test/")
        assert (plain.status_code, plain.text) == (200, "bench\n"), plain
    socket = connect(
        "wss://app.bench.test/wss", host=target.web, port=443, ssl=trust, proxy=None, open_timeout=_PATIENCE
    )
    async with socket as opened:
        await opened.send("hello")
        assert await opened.recv() == "hello"


async def _get(client: httpx.AsyncClient, target: Target, url: str) -> httpx.Response:
    scheme, _, rest = url.partition("://")
    name, _, path = rest.partition("/")
    return await client.get(
        f"{scheme}://{target.web}/{path}", headers={"Host": name}, extensions={"sni_hostname": name}
    )
