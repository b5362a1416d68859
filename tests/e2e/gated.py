"""An HTTP backend of the test's own, which answers when the test lets it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

_PATIENCE = 240.0


class Backend:
    """Listens on an address of this machine that the lab's hosts reach; use as a context."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._open = threading.Event()
        self._open.set()
        self._asked = threading.Event()
        self.port = 0
        self.listen()

    def listen(self) -> None:
        """Listen, on the same port as before if there was one."""
        backend, self._is_down = self, False

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                backend._asked.set()
                backend._open.wait(_PATIENCE)
                if backend._is_down:
                    return
                self.send_response(200)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"ok\n")

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer((self._address, self.port), Answer)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no longer; who waits for an answer gets none."""
        self._is_down = True
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Be away while the context lasts."""
        self.stop()
        try:
            yield
        finally:
            self.listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.set()
        self.stop()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Answer nobody while the context lasts."""
        self._asked.clear()
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def wait_for_a_question(self) -> None:
        """Wait until somebody has asked since the backend was held."""
        assert self._asked.wait(_PATIENCE), "nobody has asked the backend"
