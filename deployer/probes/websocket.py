"""Asking by WebSocket: 101 with the right accept (RFC 6455), and an echo where one is promised."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import enable_client_permessage_deflate
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.typing import Origin
from websockets.uri import parse_uri

from deployer.probes.answer import STARTING, Answer, failed, milliseconds, off, passed, status_words
from deployer.probes.line import Line
from deployer.probes.questions import Question, base_url
from deployer.probes.verdicts import hint, turned_away
from deployer.probes.way import Way

_HINTS = {
    403: ": the backend refuses the site's own origin?",
    404: ": the backend does not know the path?",
    426: ": Upgrade does not reach the backend?",
}


async def shake_hands(question: Question, way: Way) -> Answer:
    """Open the WebSocket with the site's own origin, and echo where the location promises it.

    A redirect is not followed, as no browser does.

    Raises:
        TimeoutError: No answer to the handshake within the deadline.
        OSError: No connection, or no trust.
        websockets.exceptions.InvalidHandshake: No HTTP, or a wrong Sec-WebSocket-Accept.
    """
    started = time.perf_counter()
    until = asyncio.get_running_loop().time() + way.deadline
    socket = _Socket(question, await way.open())
    try:
        async with asyncio.timeout_at(until):
            await socket.shake_hands()
        return await _opened(question, socket, way=way, seconds=time.perf_counter() - started)
    except InvalidStatus as error:
        return _refused(question, error.response.status_code, seconds=time.perf_counter() - started)
    finally:
        socket.leave()


class _Socket:
    """The protocol of `websockets` on a line."""

    def __init__(self, question: Question, line: Line) -> None:
        self._line = line
        self._protocol = ClientProtocol(
            parse_uri(question.url),
            origin=Origin(base_url(question.site, "https" if question.secure else "http")),
            extensions=enable_client_permessage_deflate(None),
        )

    async def shake_hands(self) -> None:
        """Ask, and wait for the answer."""
        request = self._protocol.connect()
        request.headers["User-Agent"] = "deployer-probe"
        self._protocol.send_request(request)
        self._flush()
        while self._protocol.state is State.CONNECTING and not self._protocol.handshake_exc:
            await self._receive()
        if self._protocol.handshake_exc:
            raise self._protocol.handshake_exc

    def send(self, text: str) -> None:
        """Send a message."""
        self._protocol.send_text(text.encode())
        self._flush()

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """Yield what the server says; a message may come in fragments.

        Raises:
            ConnectionClosed: At its end.
        """
        message = b""
        while True:
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                    message += event.data
                    if event.fin:
                        yield message
                        message = b""
            if self._protocol.state is not State.OPEN:
                self._protocol.receive_eof()
                raise self._protocol.close_exc
            await self._receive()

    def leave(self) -> None:
        """Go as a browser does whose tab is closed: say so, and wait for no answer."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self._line.close()

    async def _receive(self) -> None:
        if came := await self._line.read():
            self._protocol.receive_data(came)
        else:
            self._protocol.receive_eof()
        self._flush()

    def _flush(self) -> None:
        if said := b"".join(self._protocol.data_to_send()):
            self._line.write(said)


async def _opened(question: Question, socket: _Socket, *, way: Way, seconds: float) -> Answer:
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


async def _echo(socket: _Socket, deadline: float) -> float:
    """Return the seconds from a frame to its echo; what the server says unasked is passed over."""
    text = f"deployer probe {secrets.token_hex(8)}"
    started = time.perf_counter()
    socket.send(text)
    async with asyncio.timeout(deadline), aclosing(socket.messages()) as messages:
        async for message in messages:
            if message == text.encode():
                break
    return time.perf_counter() - started


def _refused(question: Question, status: int, *, seconds: float) -> Answer:
    if limit := turned_away(question, status):
        return off(limit)
    if status == question.status:
        return passed(f"{status} in {milliseconds(seconds)}")
    why = hint(question, status) or _HINTS.get(status, "")
    said = f"{status_words(status)} instead of {question.status or 101}{why}"
    return failed(said, again=status in STARTING)
