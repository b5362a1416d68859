"""Asking as a script of another origin would (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from deployer.model.location import Cors
from deployer.probes.answer import STARTING, Answer, Seen, failed, milliseconds, passed
from deployer.probes.http import fetch
from deployer.probes.questions import Question
from deployer.probes.together import together
from deployer.probes.way import Way

FOREIGN = "https://deployer-probe.invalid"
"""An origin that nobody has (RFC 6761)."""


async def preflight(question: Question, way: Way) -> Answer:
    """Send the preflight of an allowed origin, and of a foreign one.

    Raises:
        As `fetch`.
    """
    if question.location is None or question.location.cors is None:
        raise ValueError(f"{question.url} has no CORS")
    cors = question.location.cors
    allowed, foreign = await together(
        fetch(question.url, way, method="OPTIONS", headers=_asking(cors, origin))
        for origin in (allowed_origin(cors), FOREIGN)
    )
    return judge_cors(cors, allowed, foreign=foreign)


def allowed_origin(cors: Cors) -> str:
    """Return an origin that `cors` lets in."""
    return FOREIGN if "*" in cors.origins else cors.origins[0]


def _asking(cors: Cors, origin: str) -> dict[str, str]:
    asked = {"Origin": origin, "Access-Control-Request-Method": cors.methods[-1]}
    return asked | ({"Access-Control-Request-Headers": cors.headers[0]} if cors.headers else {})


def judge_cors(cors: Cors, allowed: Seen, *, foreign: Seen) -> Answer:
    """Judge the answers to both preflights; pure."""
    origin = allowed_origin(cors)
    if not 200 <= allowed.status < 300:
        said = f"preflight of {origin}: {allowed.words} instead of 204"
        return failed(said, again=allowed.status in STARTING)
    if wrong := _allows_wrongly(cors, allowed, origin=origin):
        return failed(f"preflight of {origin}: {wrong}")
    granted = foreign.fields("access-control-allow-origin")
    if granted and "*" not in cors.origins:
        return failed(f"preflight of a foreign origin is allowed: Access-Control-Allow-Origin {granted[0]}")
    return passed(f"preflight {allowed.status} for {origin} in {milliseconds(allowed.seconds)}")


def _allows_wrongly(cors: Cors, seen: Seen, *, origin: str) -> str:
    """Say what a browser would miss in the answer; empty where it lets the script through."""
    granted = seen.fields("access-control-allow-origin")
    methods = seen.field("access-control-allow-methods")
    if len(granted) != 1:
        return f"{len(granted)} Access-Control-Allow-Origin instead of 1"
    if granted[0] != origin and (granted[0] != "*" or cors.credentials):
        return f"Access-Control-Allow-Origin is {granted[0]}"
    if cors.credentials and seen.field("access-control-allow-credentials") != "true":
        return "Access-Control-Allow-Credentials is missing"
    if cors.methods[-1] not in _listed(methods):
        return f"{cors.methods[-1]} is not in Access-Control-Allow-Methods"
    if granted[0] != "*" and "ORIGIN" not in _listed(seen.field("vary")):
        return "Vary: Origin is missing"
    return ""


def _listed(value: str) -> set[str]:
    return {item.strip().upper() for item in value.split(",")}
