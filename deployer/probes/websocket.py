"""Asking by WebSocket: 101 with the right accept (RFC 6455), and an echo where one is promised."""

import asyncio
import secrets
import time

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from deployer.probes.answer import STARTING, Answer, failed, milliseconds, off, passed, status_words
from deployer.probes.questions import Question, base_url
from deployer.probes.verdicts import hint, turned_away
from deployer.probes.way import Way

_HINTS = {
    403: ": the backend refuses the site's own origin?",
    404: ": the backend does not know the path?",
    426: ": Upgrade does not reach the backend?",
}


class _Handshake(connect):
    """One handshake as a browser does it: a redirect is not followed."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def shake_hands(question: Question, way: Way) -> Answer:
    """Open the WebSocket with the site's own origin, and echo where the location promises it.

    Raises:
        TimeoutError: No answer to the handshake within the deadline.
        OSError: No connection, or no trust.
        websockets.exceptions.InvalidHandshake: No HTTP, or a wrong Sec-WebSocket-Accept.
    """
    started = time.perf_counter()
    try:
        async with _handshake(question, way) as socket:
            return await _opened(question, socket, way=way, seconds=time.perf_counter() - started)
    except InvalidStatus as error:
        seconds = time.perf_counter() - started
        return _refused(question, error.response.status_code, seconds=seconds)


def _handshake(question: Question, way: Way) -> _Handshake:
    return _Handshake(
        question.url,
        origin=Origin(base_url(question.site, "https" if question.secure else "http")),
        user_agent_header="deployer-probe",
        proxy=None,
        open_timeout=way.deadline,
        close_timeout=1,
        ping_interval=None,
        host=way.address.host,
        port=way.address.port,
        ssl=way.tls if question.secure else None,
    )


async def _opened(question: Question, socket: ClientConnection, *, way: Way, seconds: float) -> Answer:
    if question.status not in (None, 101):
        return failed(f"101 instead of {question.status}")
    if question.location is None or question.location.probe != "echo":
        return passed(f"101 in {milliseconds(seconds)}")
    try:
        return passed(f"101, echo in {milliseconds(await _echo(socket, way.deadline))}")
    except TimeoutError:
        return failed(f"101, but no echo within {way.deadline:g} s")
    except ConnectionClosed as error:
        return failed(f"101, but closed before the echo: {error}")


async def _echo(socket: ClientConnection, deadline: float) -> float:
    """Return the seconds from a frame to its echo; what the server says unasked is passed over."""
    text = f"deployer probe {secrets.token_hex(8)}"
    started = time.perf_counter()
    async with asyncio.timeout(deadline):
        await socket.send(text)
        while await socket.recv() not in (text, text.encode()):
            pass
    return time.perf_counter() - started


def _refused(question: Question, status: int, *, seconds: float) -> Answer:
    if limit := turned_away(question, status):
        return off(limit)
    if status == question.status:
        return passed(f"{status} in {milliseconds(seconds)}")
    why = hint(question, status) or _HINTS.get(status, "")
    said = f"{status_words(status)} instead of {question.status or 101}{why}"
    return failed(said, again=status in STARTING)
