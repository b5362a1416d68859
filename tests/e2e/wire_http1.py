"""HTTP/1.1 on one connection, which tells exactly when the server closed it."""

import asyncio
import contextlib

import h11


class ClosedError(Exception):
    """The server closed a connection before a byte of the answer came."""


class Http1:
    """One connection of HTTP/1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = 0
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)

    @property
    def reusable(self) -> bool:
        """Whether a careful client would send another request here: nobody has said or done otherwise."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return self._http.our_state is h11.IDLE and not self._reader.at_eof()

    async def ask(self, path: str, *, last: bool = False) -> tuple[int, bytes]:
        """Ask for one page.

        Raises:
            ClosedError: The connection was closed without a byte of an answer.
            OSError: It broke in the middle of the answer.
        """
        headers = [("Host", "abc.test"), *([("Connection", "close")] if last else [])]
        request = self._http.send(h11.Request(method="GET", target=path, headers=headers))
        end = self._http.send(h11.EndOfMessage())
        self.asked += 1
        try:
            self._writer.write((request or b"") + (end or b""))
            await self._writer.drain()
        except OSError as error:
            raise ClosedError from error
        return await self._answer()

    async def _answer(self) -> tuple[int, bytes]:
        status, body, heard = 0, b"", False
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                try:
                    received = await self._reader.read(65536)
                except OSError as error:
                    if heard:
                        raise
                    raise ClosedError from error
                if not received and not heard:
                    raise ClosedError
                heard = True
                self._http.receive_data(received)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
