"""From a plan to a host that runs it: probes before, orders, probes after, the decision."""

import asyncio
import base64
import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deployer import applier, certs, probes
from deployer.applier import AcmeOrder, Applied, Event, Orders
from deployer.bundle import Bundle, Certificate
from deployer.deploy.conduct import Conduct, Policy
from deployer.deploy.endings import broken
from deployer.deploy.session import Session
from deployer.facts import Observation
from deployer.outcome import Phase, ProbeResult, Verdict
from deployer.plan import Plan
from deployer.release import ProbeKey, Record, Target

PATIENCE = 10.0
"""Seconds after a switch in which a backend may still be starting before its probe has failed."""

PATIENCE_AT_START = 45.0
"""The same where the run itself starts or restarts one: Tomcat takes half a minute on a busy host."""


_STAGED = frozenset({"package", "directory", "command"})
"""Kinds of changes made before the switch: what visitors see may suffer, so it is looked at first."""

MARGIN = 60.0
"""Seconds beyond the longest look before the switch after which the host holds us for dead."""

PROBING_SHARE = 0.75
"""Of the time in which the host must be confirmed: what a backend may take of it to start."""


@dataclass(frozen=True)
class Work:
    """One run that is ready to go.

    Attributes:
        seen: The observation that the plan was made of.
        plan: What will be done.
        target: What the host will be.
        release: The release to switch to.
        record: Of a new release; None where the release is on the host already.
        bundle: Of a new release.
        certificates: To be put in place.
        issues: That the host asks its CA for after the switch.
        questions: That the sites must answer afterwards.
        known: The questions that the current release answers.
        sites: sites.json of a new release.
        who: `user@controller`.
        conduct: What the probes decide, and whether to confirm.
    """

    seen: Observation
    plan: Plan
    target: Target
    release: str
    questions: tuple[probes.Question, ...]
    who: str
    record: Record | None = None
    bundle: Bundle | None = None
    certificates: tuple[Certificate, ...] = ()
    issues: tuple[certs.Issue, ...] = ()
    known: frozenset[ProbeKey] = frozenset()
    conduct: Conduct = field(default_factory=Conduct)
    sites: bytes = b""


@dataclass
class Probed:
    """What visitors saw before the switch and after it.

    Attributes:
        before: Answers of the release that the run began with; empty where they would decide nothing.
        results: All answers; empty where it never came so far.
        regressions: Those that make the host go back.
        issued: Site name to the chain in PEM that its CA has just issued.
        unissued: Sites whose CA did not issue: their old certificate may lack a name, which is told
            by itself and no reason to go back.
    """

    before: tuple[ProbeResult, ...] = ()
    results: tuple[ProbeResult, ...] = ()
    regressions: tuple[ProbeResult, ...] = field(default=())
    issued: dict[str, bytes] = field(default_factory=dict)
    unissued: set[str] = field(default_factory=set)

    def excused(self, result: ProbeResult) -> bool:
        """Tell whether this failure is what the CA did not issue."""
        return result.kind == "certificate" and result.site in self.unissued


_EXPECTED: Mapping[str, bool | set[str]] = {
    "redirect": True,
    "cors": True,
    "probe": True,
    "websocket": {"origins", "allow_http"},
    "allowed_networks": True,
    "rate_limit": True,
    "connection_limit": True,
}
"""What of a location decides which answer is right; what is behind it does not."""


def asked(question: probes.Question) -> ProbeKey:
    """Identify `question` with the answer that it expects.

    Only the very same question, asked of two releases, tells which one is worse: a redirect that leads
    elsewhere by intent is no regression, neither after an apply nor after a rollback.
    """
    expected = (
        question.location.model_dump(mode="json", include=_EXPECTED)
        if question.location
        else list(question.site.server_names)
    )
    said = json.dumps([question.url, question.status, expected], sort_keys=True)
    return (*question.key, hashlib.sha256(said.encode()).hexdigest()[:12])


async def carry_out(session: Session, work: Work) -> tuple[Applied, Probed]:
    """Switch the host, look at it as a visitor would, and confirm or go back, by the work's policy.

    Raises:
        UnreachableError: The connection was lost; a host that was switched goes back by itself.
    """
    at_once = not any(change.kind in _STAGED for change in work.plan.changes)
    probed = Probed(() if at_once else await _before(session, work))

    async def look_before() -> None:
        if at_once:
            probed.before = await _before(session, work)

    async def decide() -> str:
        if work.conduct.policy != Policy.OFF:
            probed.results = await _ask_patiently(session, work, probed)
        worse = probes.regressions(probed.before, probed.results)
        probed.regressions = tuple(result for result in worse if not probed.excused(result))
        if probed.regressions:
            return applier.revert(broken(probed.regressions))
        return applier.LEAVE if work.conduct.leave else applier.CONFIRM

    def on_event(event: Event) -> None:
        if event.kind == "phase":
            session.enter(Phase(event[0]))
        elif event.kind == "issuing":
            session.enter(Phase.RELOAD, f"waiting for the certificate of {event[0]} from {event[1]}")
        elif event.kind == "issued":
            probed.issued[event[0]] = base64.b64decode(event[1])
        elif event.kind == "unissued":
            probed.unissued.add(event[0])
        elif event.kind == "kept":
            session.enter(Phase.SWITCH, f"{event[0]} was changed by hand: that version is kept in {event[1]}")
        elif event.kind == "reverting":
            session.enter(Phase.PROBE, f"going back: {event[0]}")

    watching = applier.Watching(look_before, decide, on_event)
    return await session.conversation.apply(_encoded(work, session), watching), probed


async def _before(session: Session, work: Work) -> tuple[ProbeResult, ...]:
    known = _asked_before(work)
    return await session.ask(known, work.seen.certificates) if known else ()


def _asked_before(work: Work) -> Sequence[probes.Question]:
    """Return what the current release is asked, where what was broken before may stay so."""
    if work.conduct.policy != Policy.REGRESSIONS:
        return ()
    return [question for question in work.questions if asked(question) in work.known]


async def _ask_patiently(session: Session, work: Work, probed: Probed) -> tuple[ProbeResult, ...]:
    """Wait for what should work; ask what was broken before only once."""
    was_broken = {result.key for result in probed.before if result.verdict == Verdict.FAILED}
    new = {each.name: each.fullchain for each in work.certificates}
    serving = {**work.seen.certificates, **new, **probed.issued}
    hopeful = [question for question in work.questions if question.key not in was_broken]
    others = [question for question in work.questions if question.key in was_broken]
    patience = min(_patience(work.plan), PROBING_SHARE * session.host.settings.confirm_seconds)
    found = await asyncio.gather(
        session.ask(hopeful, serving, patience=patience), session.ask(others, serving)
    )
    order = {question.key: index for index, question in enumerate(work.questions)}
    return tuple(sorted(itertools.chain(*found), key=lambda result: order.get(result.key, len(order))))


def _patience(plan: Plan) -> float:
    begins = (order.action in ("start", "restart") and order.name != "nginx" for order in plan.services)
    return PATIENCE_AT_START if any(begins) else PATIENCE


def _encoded(work: Work, session: Session) -> bytes:
    packed = applier.archive(work.bundle, work.record, work.certificates, sites=work.sites)
    return _orders(work, session).encode(packed)


def _orders(work: Work, session: Session) -> Orders:
    plan, target, facts = work.plan, work.target, work.seen.facts
    runs_nginx = any(service.name == "nginx" for service in target.services)
    return Orders(
        who=work.who,
        current=work.seen.current,
        target=work.release,
        picked=work.record is None,
        keep=session.host.settings.keep_releases,
        confirm_within=session.host.settings.confirm_seconds,
        go_within=math.ceil(MARGIN + probes.longest(len(_asked_before(work)))),
        nginx=".".join(map(str, facts.nginx_version)) if runs_nginx and work.record else "",
        packages=plan.packages,
        directories=target.directories,
        links=plan.links,
        unlinks=plan.unlinks,
        absent=plan.absent,
        restores=plan.restores,
        checks=target.checks,
        commands=target.commands if work.record else (),
        services=_service_orders(plan),
        certificates=work.certificates,
        acme=[_acme_order(issue) for issue in work.issues],
    )


def _acme_order(issue: certs.Issue) -> AcmeOrder:
    acme = issue.acme
    return AcmeOrder(
        issue.name, issue.names, acme.url, acme.email, acme.key_type, own_roots=acme.ca_bundle is not None
    )


def _service_orders(plan: Plan) -> Sequence[tuple[str, str, bool]]:
    return [(order.name, order.action, order.enable) for order in plan.services]
