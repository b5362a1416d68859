"""Asking a site for visitors with certificates: the probe has none and must not be let in."""

from urllib.parse import urlsplit

from deployer.probes.answer import Answer, Seen, failed, milliseconds, passed
from deployer.probes.http import fetch
from deployer.probes.questions import Question
from deployer.probes.way import Way


def asks_for_certificate(question: Question) -> bool:
    """Tell whether the location in question is for visitors with a certificate only."""
    tls = question.site.tls
    return (
        question.secure and question.kind != "certificate" and tls is not None and tls.client_ca is not None
    )


async def knock(question: Question, way: Way) -> Answer:
    """Ask for the location without a certificate.

    Raises:
        As `fetch`.
    """
    return judge_refusal(await fetch(urlsplit(question.url)._replace(scheme="https").geturl(), way))


def judge_refusal(seen: Seen) -> Answer:
    """Judge the answer to a visitor without a certificate; pure. What is behind stays unproven."""
    if 400 <= seen.status < 500:
        return passed(f"{seen.status}, asks for a client certificate, in {milliseconds(seen.seconds)}")
    return failed(f"{seen.words}, although the visitor has no client certificate")
