"""Asking by HTTP, through whatever leads to the host, by the site's own name."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import h11

from deployer.probes.answer import Seen
from deployer.probes.failures import EXPECTED
from deployer.probes.line import Line
from deployer.probes.way import Way

_LONGEST_HEADER = 102_400
_LONGEST_BODY = 65536
_BODY_SECONDS = 1.0
_IN_PATHS = "/%:@!$&'()*+,;=~"


async def fetch(
    url: str,
    way: Way,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    alone: bool = False,
) -> Seen:
    """Ask for `url` at the end of `way`, with its name in Host; redirects are not followed.

    Whoever is not `alone` asks on the way's common line, without waiting for the answers to others (RFC 9112,
    9.3.2). Where it is not answered there because of one before it, it asks again on a line of its own.

    Raises:
        TimeoutError: Nothing came for the length of the deadline, or drips for more than twice of it.
        OSError: No connection, or no trust.
        h11.ProtocolError: No HTTP, or the connection was closed.
    """
    request = _request(url, method, headers or {})
    waits = _Waits(way.deadline)
    async with asyncio.timeout(2 * way.deadline):
        common = None if alone else await way.shared()
        if common and not common.is_spent and (seen := await _Answer(request, common, waits).in_turn()):
            return seen
        line = await way.open()
        try:
            return await _Answer(request, line, waits).seen()
        finally:
            line.close()


def _request(url: str, method: str, headers: Mapping[str, str]) -> h11.Request:
    target = urlsplit(url)
    sent = {
        "Host": target.netloc,
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "keep-alive",
        "User-Agent": "deployer-probe",
    }
    path = quote(target.path or "/", safe=_IN_PATHS)
    return h11.Request(method=method, target=path, headers=list((sent | dict(headers)).items()))


@dataclass(frozen=True)
class _Waits:
    """Seconds without a byte, and since when a visitor waits."""

    deadline: float
    started: float = field(default_factory=time.perf_counter)


class _Answer:
    """The answer to one request, which is sent at once."""

    def __init__(self, request: h11.Request, line: Line, waits: _Waits) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEADER)
        self._line = line
        self._waits = waits
        sent = (self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        line.write(sent)
        self._is_first, line.is_fresh = line.is_fresh, False

    async def in_turn(self) -> Seen | None:
        """Wait for one's turn; None where there is no answer, which may be because of who asked before.

        Raises:
            TimeoutError: Nobody had asked before.
        """
        try:
            async with self._line.turn:
                if self._line.is_spent:
                    return None
                seen = await self.seen()
                self._line.rest = self._http.trailing_data[0]
                return seen
        except EXPECTED as error:
            if self._is_first and isinstance(error, TimeoutError):
                raise
            return None
        finally:
            # Also where its turn was not waited for: the next one would take this answer for its own.
            if self._http.their_state is not h11.DONE:
                self._line.close()

    async def seen(self) -> Seen:
        """Return what comes."""
        if self._line.rest:
            self._http.receive_data(self._line.rest)
        while not isinstance(event := await self._next(), h11.Response):
            pass
        seconds = time.perf_counter() - self._waits.started
        fields = tuple((name.decode(), value.decode(errors="replace")) for name, value in event.headers)
        return Seen(event.status_code, fields, await self._body(), seconds)

    async def _body(self) -> bytes:
        """Take what comes in a second: an endless answer (server-sent events, long polling) is one, too."""
        body = bytearray()
        with suppress(TimeoutError):
            async with asyncio.timeout(_BODY_SECONDS):
                while len(body) < _LONGEST_BODY and isinstance(event := await self._next(), h11.Data):
                    body += event.data
        return bytes(body[:_LONGEST_BODY])

    async def _next(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(self._waits.deadline):
                self._http.receive_data(await self._line.read())
        return event
