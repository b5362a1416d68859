"""New certificates and nothing else: the walk of an apply, with the release that the host has."""

from dataclasses import dataclass, field, replace

from deployer import certs, probes
from deployer.deploy.certifying import certified, served
from deployer.deploy.drifting import with_backups
from deployer.deploy.endings import outcome
from deployer.deploy.quarantining import as_held
from deployer.deploy.reaching import Reach, Watch, opened
from deployer.deploy.records import current_record
from deployer.deploy.running import Work, asked, carry_out
from deployer.deploy.session import Session
from deployer.deploy.substituting import UnfitError
from deployer.errors import RefusedError
from deployer.facts import Observation
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase
from deployer.plan import Plan, make_plan, unanswered, with_issues
from deployer.release import Record, Target


@dataclass(frozen=True)
class RenewOptions:
    """What the operator asked of a renewal.

    Attributes:
        force: Also certificates that are good still; without it those that an apply would replace.
        who: `user@controller`, for the hosts' history.
        reach: How hosts are reached.
    """

    force: bool = False
    who: str = "unknown"
    reach: Reach = field(default_factory=Reach)


async def renew(host: Host, options: RenewOptions, watch: Watch) -> Outcome:
    """Replace certificates of `host`, prove them, and tell what is served then; files stay as they are.

    Raises:
        UnreachableError: No connection, or it was lost; a host that was switched goes back by itself.
        RefusedError: Nothing is deployed on the host yet.
        CertificateError: A certificate cannot be had.
    """
    async with opened(host, watch, options.reach) as session:
        return await _renew(session, options)


async def _renew(session: Session, options: RenewOptions) -> Outcome:
    seen = await session.observe("stored")
    former = current_record(seen)
    if former is None:
        raise RefusedError("nothing is deployed here yet: the first apply brings certificates, too")
    if former.quarantined:
        session = replace(session, host=await _held(session, former))
    target = _target(seen, former)
    if questions := unanswered(target, seen):
        seen = await session.observe("stored", *questions)
    session.enter(Phase.PLAN)
    work = _work(session, seen, target, former=former, options=options)
    if not work.plan.changes:
        return certified(session, seen, await served(session, seen))
    return await _carry_out(session, work)


async def _held(session: Session, former: Record) -> Host:
    """Return the host as it serves: a site in quarantine has the names of its last good version."""
    try:
        return as_held(session.host, await session.observe("sites"), former.quarantined)
    except UnfitError as reason:
        raise RefusedError(f"which names its sites in quarantine have is not known: {reason}") from reason


def _target(seen: Observation, former: Record) -> Target:
    """The release as it is, judged by its own checks; of its services only nginx is concerned."""
    return Target(
        former.target.digest,
        files=seen.manifests.get(seen.current, {}),
        checks=former.target.checks,
        services=tuple(service for service in former.target.services if service.name == "nginx"),
    )


def _work(
    session: Session, seen: Observation, target: Target, *, former: Record, options: RenewOptions
) -> Work:
    host, now = session.host, session.now
    deployed = {site for site, _, kind, *_ in former.probes if kind == "certificate"}
    decisions = tuple(
        decision
        for decision in certs.decide(host, seen.certificates, now, renew=options.force, kept=True)
        if decision.needed and decision.name in deployed
    )
    issues = tuple(
        issue
        for issue in certs.to_issue(host, seen.certificates, seen.renewals, now=now, renew=options.force)
        if issue.name in deployed
    )
    plan = make_plan(
        target,
        seen,
        former=former.target,
        certificates={decision.name: decision.reason for decision in decisions},
    )
    plan = with_issues(
        plan, {issue.name: f"to be issued by {issue.acme.url}: {issue.reason}" for issue in issues}
    )
    return Work(
        seen=seen,
        plan=alone(plan),
        target=target,
        release=seen.current,
        questions=tuple(each for each in probes.questions(host) if asked(each) in former.probes),
        who=options.who,
        certificates=certs.obtain(host, decisions, now),
        issues=issues,
        known=frozenset(former.probes),
    )


def alone(plan: Plan) -> Plan:
    """Leave of a plan what new certificates need: themselves, and nginx to load them."""
    changes = tuple(
        change for change in plan.changes if change.kind == "certificate" or change.subject == "nginx"
    )
    if not any(change.kind == "certificate" for change in changes):
        return Plan()
    return Plan(changes=changes, services=tuple(replace(order, enable=False) for order in plan.services))


async def _carry_out(session: Session, work: Work) -> Outcome:
    applied, probed = await carry_out(session, work)
    ended = outcome(session.host.name, applied, seen=work.seen, target=work.release, bundle=None)
    if not ended.state.switched:
        return replace(ended, probes=probed.results)
    seen = await session.observe("stored")
    looked = certified(session, seen, await served(session, seen))
    return replace(
        ended,
        changes=work.plan.changes,
        drift=with_backups((), applied.kept),
        probes=probed.results,
        certificates=looked.certificates,
        warnings=looked.warnings,
    )
