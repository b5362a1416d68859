"""HTTP/2 on one connection, frame by frame: the library h2 goes deaf at a GOAWAY (RFC 9113, 6.8)."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_WINDOW = 1 << 30


class RefusedStreamError(Exception):
    """The server said that it never looked at this request."""


class CutStreamError(Exception):
    """The connection or the stream ended before the answer was whole; `status` 0: before it began."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(f"{why}, status {status}")
        self.status = status


@dataclass
class _Stream:
    ended: asyncio.Future[None]
    status: int = 0
    body: bytes = b""
    headers: bytes = field(default=b"", repr=False)


class Http2:
    """One connection. It is always read, so that a GOAWAY is heard between two requests, too."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = self.answered = 0
        self.last: int | None = None
        self.closed = False
        self._reader, self._writer = reader, writer
        self._encoder, self._decoder = Encoder(), Decoder()
        self._streams: dict[int, _Stream] = {}
        settings = {SettingsFrame.INITIAL_WINDOW_SIZE: _WINDOW, SettingsFrame.ENABLE_PUSH: 0}
        writer.write(_PREFACE)
        self._send(SettingsFrame(0, settings=settings), WindowUpdateFrame(0, window_increment=_WINDOW))
        self._ear = asyncio.create_task(self._listen())

    @property
    def usable(self) -> bool:
        """Whether new requests are welcome."""
        return not self.closed and self.last is None

    async def ask(self, path: str) -> tuple[int, bytes]:
        """Ask for one page; several may be under way.

        Raises:
            RefusedStreamError: It may be asked again elsewhere.
            CutStreamError: Nobody knows whether it was done.
        """
        number, self.asked = 2 * self.asked + 1, self.asked + 1
        stream = self._streams[number] = _Stream(asyncio.get_running_loop().create_future())
        headers = {":method": "GET", ":scheme": "https", ":authority": "abc.test", ":path": path}
        block = self._encoder.encode(list(headers.items()))
        try:
            self._send(HeadersFrame(number, data=block, flags=["END_HEADERS", "END_STREAM"]))
            await stream.ended
            self.answered += 1
        finally:
            del self._streams[number]
        return stream.status, stream.body

    async def close(self) -> None:
        self._ear.cancel()
        await asyncio.gather(self._ear, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def _send(self, *frames: Frame) -> None:
        self._writer.write(b"".join(frame.serialize() for frame in frames))

    async def _listen(self) -> None:
        try:
            while True:
                frame, length = Frame.parse_frame_header(memoryview(await self._reader.readexactly(9)))
                frame.parse_body(memoryview(await self._reader.readexactly(length)))
                self._heed(frame)
        except (asyncio.IncompleteReadError, OSError):
            self.closed = True
            for stream in self._streams.values():
                self._end(stream, CutStreamError("closed", stream.status))

    def _heed(self, frame: Frame) -> None:
        match frame:
            case GoAwayFrame():
                self._part(frame)
            case SettingsFrame() if "ACK" not in frame.flags:
                self._send(SettingsFrame(0, flags=["ACK"]))
            case PingFrame() if "ACK" not in frame.flags:
                self._send(PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]))
            case _ if frame.stream_id in self._streams:
                self._hear(self._streams[frame.stream_id], frame)
            case HeadersFrame() | ContinuationFrame():
                raise AssertionError(f"headers of a stream that nobody waits for: {frame}")
            case _:
                pass

    def _part(self, frame: GoAwayFrame) -> None:
        assert frame.error_code == 0, frame
        self.last = frame.last_stream_id
        for number, stream in self._streams.items():
            if number > self.last:
                self._end(stream, RefusedStreamError())

    def _hear(self, stream: _Stream, frame: Frame) -> None:
        match frame:
            case HeadersFrame() | ContinuationFrame():
                stream.headers += frame.data
                if "END_HEADERS" in frame.flags:
                    said = dict(self._decoder.decode(stream.headers))
                    stream.status = int(said.get(":status", stream.status))
                    stream.headers = b""
            case DataFrame():
                stream.body += frame.data
                credit = WindowUpdateFrame(0, window_increment=max(1, frame.flow_controlled_length))
                self._send(credit)
            case RstStreamFrame():
                # 7 is REFUSED_STREAM: not processed (RFC 9113, 8.7).
                refused = frame.error_code == 7
                cut = CutStreamError(f"reset: {frame}", stream.status)
                self._end(stream, RefusedStreamError() if refused else cut)
        if "END_STREAM" in frame.flags:
            self._end(stream, None)

    @staticmethod
    def _end(stream: _Stream, error: Exception | None) -> None:
        if stream.ended.done():
            return
        if error:
            stream.ended.set_exception(error)
        else:
            stream.ended.set_result(None)
