"""Asking all questions of a host, some at a time, and again while a backend is starting."""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from operator import itemgetter
from typing import assert_never

from deployer.crowd import QUESTIONS
from deployer.model.site import Site
from deployer.outcome import ProbeResult, Verdict
from deployer.probes import certificate, clients, cors, websocket
from deployer.probes.answer import Answer
from deployer.probes.failures import EXPECTED, explain
from deployer.probes.http import fetch
from deployer.probes.questions import Question
from deployer.probes.together import together
from deployer.probes.verdicts import judge
from deployer.probes.way import StreamTo, Way, trusting
from deployer.transport import Stream
from deployer.waiting import Wait

PemOf = Callable[[Site], bytes | None]
"""Certificates in PEM for a site."""

_PAUSE = 0.5


@dataclass(frozen=True)
class Timing:
    """How long to wait.

    Attributes:
        deadline: Seconds that one answer may take.
        patience: Seconds, from the start, in which a question is asked again while its backend gives
            502, 503, 504 or no answer at all; 0 asks once. What this program was late does not count.
        parallel: How many questions are asked at one time.
    """

    deadline: float = 10.0
    patience: float = 0.0
    parallel: int = QUESTIONS


_ONCE = Timing()


def longest(count: int, timing: Timing = _ONCE) -> float:
    """Return the seconds after which the last of `count` questions has an answer, or has failed."""
    return math.ceil(count / timing.parallel) * 2 * timing.deadline


def _unknown(site: Site) -> bytes | None:
    return None


async def ask(
    questions: Sequence[Question],
    stream_to: StreamTo,
    *,
    trust: PemOf,
    on_disk: PemOf = _unknown,
    timing: Timing = _ONCE,
) -> tuple[ProbeResult, ...]:
    """Ask all questions as a visitor would, by the names of the sites.

    Args:
        questions: In any order; the results have the same.
        stream_to: Connects to a port of the host.
        trust: What a visitor of the site trusts; None for the system's store.
        on_disk: The chain that nginx should serve; None where that is not known.
        timing: How long to wait.

    Returns:
        One result per question; a question that got no answer has failed, in words.

    Raises:
        UnreachableError: The connection to the host itself was lost.
    """
    with Wait(timing.patience) as patience:
        gate = asyncio.Semaphore(timing.parallel)
        visit = _Visit(stream_to, trust, on_disk, timing, patience, gate)
        try:
            return await visit.results(questions)
        finally:
            await visit.aclose()


@dataclass(frozen=True)
class _Visit:
    """One round of questions to one host."""

    stream_to: StreamTo
    trust: PemOf
    on_disk: PemOf
    timing: Timing
    patience: Wait
    gate: asyncio.Semaphore
    ways: dict[tuple[str, str, int, bool], Way] = field(default_factory=dict)
    waiting: set[Way] = field(default_factory=set)

    async def results(self, questions: Sequence[Question]) -> tuple[ProbeResult, ...]:
        """Ask what nginx answers by itself first: on a common line it waits for nothing behind nginx then."""
        order = sorted(range(len(questions)), key=lambda index: bool(questions[index].behind))
        found = await together(self.result(questions[index]) for index in order)
        return tuple(result for _, result in sorted(zip(order, found, strict=True), key=itemgetter(0)))

    async def aclose(self) -> None:
        """Close all common lines."""
        for way in self.ways.values():
            await way.aclose()

    async def result(self, question: Question) -> ProbeResult:
        if question.off:
            return question.result(Verdict.OFF, question.off)
        async with self.gate:
            answer = await self._answer(question, self._common_way(question))
        while answer.again and self.patience.left >= _PAUSE:
            # Outside the gate: who waits for a slow backend holds nobody up.
            await asyncio.sleep(_PAUSE)
            async with self.gate, aclosing(self._way(question)) as way:
                answer = await self._answer(question, way)
        return question.result(answer.verdict, answer.said)

    async def _answer(self, question: Question, way: Way) -> Answer:
        try:
            return await self._asked(question, way)
        except EXPECTED as error:
            return explain(error, self.timing.deadline)

    async def _asked(self, question: Question, way: Way) -> Answer:
        if clients.asks_for_certificate(question):
            return await clients.knock(question, way)
        match question.kind:
            case "certificate":
                return await certificate.look(question, way, on_disk=self.on_disk(question.site))
            case "websocket":
                return await websocket.shake_hands(question, way)
            case "cors":
                return await cors.preflight(question, way)
            case "redirect" | "static":
                return judge(question, await fetch(question.url, way))
            case "php" | "tomcat" | "proxy":
                return judge(question, await fetch(question.url, way, alone=self._is_late(way)))
            case _:
                assert_never(question.kind)

    def _common_way(self, question: Question) -> Way:
        key = question.site.name, question.name, question.port, question.secure
        if key not in self.ways:
            self.ways[key] = self._way(question)
        return self.ways[key]

    def _is_late(self, way: Way) -> bool:
        """Whether another backend is waited for on the common line: one is enough."""
        is_late = way in self.waiting
        self.waiting.add(way)
        return is_late

    def _way(self, question: Question) -> Way:
        async def connect() -> Stream:
            return await self.stream_to(question.port)

        tls = trusting(self.trust(question.site)) if question.secure else None
        return Way(connect, tls, name=question.name, deadline=self.timing.deadline)
