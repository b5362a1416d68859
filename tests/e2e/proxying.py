"""A link between controller and host that can be slow, cut, silent, or lead nowhere yet."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self

from deployer.transport import Address

_CHUNK = 1 << 15
_PATIENCE = 240.0


class Link:
    """A TCP proxy on loopback, in a thread of its own; use as a context.

    Attributes:
        port: Where it listens.
        delay: Seconds that each byte is on its way, in each direction.
        upload_limit: Bytes towards the host after which the link drops; None for no limit.
        silent: Nothing passes, and nobody is told.
    """

    def __init__(self, target: Callable[[], Address]) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._gate = asyncio.Event()
        self._called = threading.Event()
        self._uploaded = 0
        self.port = 0
        self.delay = 0.0
        self.upload_limit: int | None = None
        self.silent = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._gate.set()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def cut(self) -> None:
        """End every connection at once, on both sides."""
        self._do(self._abort())

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Accept connections, and lead them nowhere while the context lasts."""
        self._called.clear()
        self._loop.call_soon_threadsafe(self._gate.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._gate.set)

    def wait_for_a_call(self) -> None:
        """Wait until somebody has connected since the link was held."""
        assert self._called.wait(_PATIENCE), "nobody has called"

    @contextlib.contextmanager
    def bad(
        self, *, delay: float = 0.0, upload_limit: int | None = None, silent: bool = False
    ) -> Iterator[Self]:
        """Be a bad link while the context lasts; a connection that was silent is cut at its end."""
        self._uploaded = 0
        self.delay, self.upload_limit, self.silent = delay, upload_limit, silent
        try:
            yield self
        finally:
            if self.silent:
                self.cut()
            self.delay, self.upload_limit, self.silent = 0.0, None, False

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - whatever the work returns
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    async def _abort(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._abort()
        self._gate.set()
        await asyncio.gather(*tuple(self._serving))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._writers.add(writer)
        self._called.set()
        try:
            await self._gate.wait()
            host, port = self._target()
            far_reader, far_writer = await asyncio.open_connection(host, port)
            self._writers.add(far_writer)
            try:
                await asyncio.gather(
                    self._pump(reader, far_writer, upwards=True),
                    self._pump(far_reader, writer, upwards=False),
                )
            finally:
                self._writers.discard(far_writer)
                far_writer.transport.abort()
        except OSError:
            pass  # a link that ends is what it is for
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, upwards: bool
    ) -> None:
        """Pass bytes on, each `delay` after it came; many may be on their way."""
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(travelling, writer))
        try:
            while chunk := await reader.read(_CHUNK):
                if upwards:
                    self._uploaded += len(chunk)
                    if self.upload_limit is not None and self._uploaded > self.upload_limit:
                        await self._abort()
                if not self.silent:
                    travelling.put_nowait((self._loop.time() + self.delay, chunk))
            travelling.put_nowait((self._loop.time() + self.delay, b""))
            await arriving
        finally:
            arriving.cancel()

    async def _arrive(
        self, travelling: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due, chunk = await travelling.get()
            await asyncio.sleep(due - self._loop.time())
            if not chunk:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()
