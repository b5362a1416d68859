"""Asking all questions of a host, some at a time, and again while a backend is starting."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from deployer.model.site import Site
from deployer.outcome import ProbeResult, Verdict
from deployer.probes import certificate, clients, cors, websocket
from deployer.probes.answer import Answer
from deployer.probes.failures import EXPECTED, explain
from deployer.probes.http import fetch
from deployer.probes.questions import Question
from deployer.probes.verdicts import judge
from deployer.probes.way import Way, trusting, trusting_nobody
from deployer.transport import Address

AddressOf = Callable[[int], Awaitable[Address]]
"""Leads to a port of the host: a transport's `forward`."""

PemOf = Callable[[Site], bytes | None]
"""Certificates in PEM for a site."""

_PAUSE = 0.5


@dataclass(frozen=True)
class Timing:
    """How long to wait.

    Attributes:
        deadline: Seconds that one answer may take.
        patience: Seconds, from the start, in which a question is asked again while its backend gives
            502, 503, 504 or no answer at all; 0 asks once.
        parallel: How many questions are asked at one time.
    """

    deadline: float = 10.0
    patience: float = 0.0
    parallel: int = 8


_ONCE = Timing()


def _unknown(site: Site) -> bytes | None:
    return None


async def ask(
    questions: Sequence[Question],
    address_of: AddressOf,
    *,
    trust: PemOf,
    on_disk: PemOf = _unknown,
    timing: Timing = _ONCE,
) -> tuple[ProbeResult, ...]:
    """Ask all questions as a visitor would, by the names of the sites.

    Args:
        questions: In any order; the results have the same.
        address_of: Leads to a port of the host.
        trust: What a visitor of the site trusts; None for the system's store.
        on_disk: The chain that nginx should serve; None where that is not known.
        timing: How long to wait.

    Returns:
        One result per question; a question that got no answer has failed, in words.

    Raises:
        UnreachableError: The connection to the host itself was lost.
    """
    addresses = {port: await address_of(port) for port in sorted({q.port for q in questions if not q.off})}
    visit = _Visit(
        addresses,
        _contexts(questions, trust),
        on_disk,
        timing,
        until=asyncio.get_running_loop().time() + timing.patience,
        gate=asyncio.Semaphore(timing.parallel),
    )
    return tuple(await asyncio.gather(*map(visit.result, questions)))


def _contexts(questions: Sequence[Question], trust: PemOf) -> dict[str, ssl.SSLContext]:
    secure = {question.site.name: question.site for question in questions if question.secure}
    return {name: trusting(trust(site)) for name, site in secure.items()}


@dataclass(frozen=True)
class _Visit:
    """One round of questions to one host; `until` is when patience ends, by the loop's clock."""

    addresses: Mapping[int, Address]
    contexts: Mapping[str, ssl.SSLContext]
    on_disk: PemOf
    timing: Timing
    until: float
    gate: asyncio.Semaphore

    async def result(self, question: Question) -> ProbeResult:
        if question.off:
            return question.result(Verdict.OFF, question.off)
        answer = await self._patient_answer(question)
        return question.result(answer.verdict, answer.said)

    async def _patient_answer(self, question: Question) -> Answer:
        """The pause is outside the gate: who waits for a slow backend holds nobody up."""
        while True:
            async with self.gate:
                answer = await self._answer(question)
            if not answer.again or asyncio.get_running_loop().time() + _PAUSE > self.until:
                return answer
            await asyncio.sleep(_PAUSE)

    async def _answer(self, question: Question) -> Answer:
        try:
            return await self._asked(question, self._way(question))
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
            case "redirect" | "static" | "php" | "tomcat" | "proxy":
                return judge(question, await fetch(question.url, way))
            case _:
                assert_never(question.kind)

    def _way(self, question: Question) -> Way:
        tls = self.contexts[question.site.name] if question.secure else trusting_nobody()
        return Way(self.addresses[question.port], tls, self.timing.deadline)
