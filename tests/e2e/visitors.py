"""A visitor who asks all the time, and remembers every answer."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

SITE = "matrix.test"
LINES = 400
"""Of the page, each the version's name: a page that is cut short or mixed shows."""
PAUSE = 0.05
PATIENCE = 20.0
"""Seconds for one answer; nobody waits longer for a page."""


@dataclass(frozen=True)
class Answer:
    """One answer, or none.

    Attributes:
        kind: `page`, `redirect`, `frame`.
        asked: Monotonic seconds.
        answered: Monotonic seconds.
        version: What it was a whole answer of; `frame` for a frame that came back; empty for an error.
        error: What came instead.
    """

    kind: str
    asked: float
    answered: float
    version: str = ""
    error: str = ""


def page_of(version: str) -> str:
    """The page that a version has."""
    return f"{version}\n" * LINES


class Visitor:
    """Asks for the page and the redirect, each on a connection of its own, and talks over a WebSocket.

    Use as a context; `answers` is whole after it.
    """

    def __init__(self, address: Callable[[], str], trust: ssl.SSLContext) -> None:
        self._address, self._trust = address, trust
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._visit()), daemon=True)
        self._down: list[tuple[float, float]] = []
        self.answers: list[Answer] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait_for_more()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.wait_for_more()
        self._over.set()
        self._thread.join(30)

    def wait_for_more(self, *, seconds: float = 120) -> None:
        """Wait until each kind of question was asked and answered once more, however."""
        since, deadline = time.monotonic(), time.monotonic() + seconds
        while {answer.kind for answer in self.answers if answer.asked > since} != {
            "page",
            "redirect",
            "frame",
        }:
            assert time.monotonic() < deadline, f"the visitor got no answers: {self.answers[-3:]}"
            time.sleep(0.02)

    @contextlib.contextmanager
    def nobody_there(self) -> Iterator[None]:
        """Allow errors to questions that were open while the context lasts."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._down.append((begun, time.monotonic()))

    def wait_for(self, version: str, *, seconds: float = 240) -> None:
        """Wait until page and redirect are those of `version`, and a frame has come back since."""
        since, deadline = time.monotonic(), time.monotonic() + seconds
        while True:
            seen = {each.kind: each.version for each in self.answers if each.asked > since}
            if seen == {"page": version, "redirect": version, "frame": "frame"}:
                return
            assert time.monotonic() < deadline, f"not {version} but {seen}, {self.errors()[-3:]}"
            time.sleep(0.02)

    def errors(self) -> list[Answer]:
        """What went wrong while somebody should have answered."""
        return [each for each in self.answers if each.error and not self._is_excused(each)]

    def versions(self) -> set[str]:
        """Whose pages and redirects were seen."""
        return {each.version for each in self.answers if each.kind != "frame" and each.version}

    def last(self) -> set[str]:
        """The versions of the last page and the last redirect."""
        seen = {each.kind: each.version for each in self.answers}
        return {seen["page"], seen["redirect"]}

    def _is_excused(self, answer: Answer) -> bool:
        return any(answer.asked < end and begin < answer.answered for begin, end in self._down)

    async def _visit(self) -> None:
        await asyncio.gather(self._ask(), self._talk())

    async def _ask(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            verify=self._trust, limits=limits, timeout=PATIENCE, trust_env=False
        ) as client:
            while not self._over.is_set():
                await self._look(client, "page", "/")
                await self._look(client, "redirect", "/version")
                await asyncio.sleep(PAUSE)

    async def _look(self, client: httpx.AsyncClient, kind: str, path: str) -> None:
        asked = time.monotonic()
        try:
            said = await client.get(
                f"https://{self._address()}{path}",
                headers={"Host": SITE},
                extensions={"sni_hostname": SITE},
            )
        except (httpx.HTTPError, OSError) as error:
            self._note(kind, asked, error=repr(error))
            return
        version = _version(kind, said)
        self._note(
            kind, asked, version=version, error="" if version else f"{said.status_code} {said.text[:80]!r}"
        )

    async def _talk(self) -> None:
        """Talk over one socket, and open another where that one is gone, as a page does."""
        number = 0
        while not self._over.is_set():
            asked = time.monotonic()
            try:
                async with connect(
                    f"wss://{SITE}/wss",
                    host=self._address(),
                    port=443,
                    ssl=self._trust,
                    origin=f"https://{SITE}",  # type: ignore[arg-type] # a NewType of str
                    proxy=None,
                    ping_interval=None,
                    open_timeout=PATIENCE,
                    close_timeout=1,
                ) as socket:
                    while not self._over.is_set():
                        asked, number = time.monotonic(), number + 1
                        await socket.send(f"frame {number}")
                        said = await asyncio.wait_for(socket.recv(), PATIENCE)
                        whole = said == f"frame {number}"
                        self._note(
                            "frame",
                            asked,
                            version="frame" if whole else "",
                            error="" if whole else repr(said),
                        )
                        await asyncio.sleep(PAUSE)
            except (OSError, TimeoutError, WebSocketException) as error:
                self._note("frame", asked, error=repr(error))
                await asyncio.sleep(PAUSE)

    def _note(self, kind: str, asked: float, *, version: str = "", error: str = "") -> None:
        self.answers.append(Answer(kind, asked, time.monotonic(), version, error))


def _version(kind: str, said: httpx.Response) -> str:
    """The version that this is a whole answer of; empty where it is none."""
    if kind == "redirect":
        return said.headers["location"].rpartition("/")[2] if said.status_code == 302 else ""
    first = said.text.partition("\n")[0]
    return first if said.status_code == 200 and said.text == page_of(first) else ""
