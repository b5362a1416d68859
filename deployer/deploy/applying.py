"""Apply: from one host of the inventory to the same host on earth."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from deployer import __version__, certs, probes
from deployer.bundle import Bundle
from deployer.deploy.endings import left_behind, outcome, still_broken
from deployer.deploy.running import Probed, Work, asked, carry_out
from deployer.deploy.session import Reach, Session, Watch, opened
from deployer.errors import LockedError
from deployer.facts import Observation
from deployer.model.host import Host
from deployer.outcome import Change, Outcome, Phase, State, Verdict
from deployer.plan import Plan, make_plan, unanswered, with_diffs, with_issues
from deployer.release import Record, Target, parse_record, release_name, target_of
from deployer.render import render_bundle
from deployer.resources import share
from deployer.roles import load_role


@dataclass(frozen=True)
class Options:
    """What the operator asked of an apply.

    Attributes:
        check: Stop after the plan.
        diff: Show the text of the differences.
        who: `user@controller`, for the hosts' history.
        revision: Version-control revision of the inventory.
        reach: How hosts are reached.
    """

    check: bool = False
    diff: bool = False
    who: str = "unknown"
    revision: str = ""
    reach: Reach = field(default_factory=Reach)


@dataclass(frozen=True)
class Prepared:
    """A plan with all that it was made of."""

    seen: Observation
    bundle: Bundle
    target: Target
    former: Record | None
    decisions: tuple[certs.Decision, ...]
    issues: tuple[certs.Issue, ...]
    plan: Plan
    changes: tuple[Change, ...]


async def apply(host: Host, options: Options, watch: Watch) -> Outcome:
    """Make `host` what the inventory says, prove it, and go back where the proof fails.

    Raises:
        UnreachableError: No connection, or it was lost; a host that was switched goes back by itself.
        RoleError: A role or a template of the host is wrong.
        CertificateError: A certificate cannot be had.
        LockedError: Another run is under way.
    """
    async with opened(host, watch, options.reach) as session:
        prepared = await prepare(session, options)
        if options.check:
            return _planned(session, prepared)
        if prepared.seen.lock:
            # Whatever it looks like now, the other run may still go back.
            raise LockedError(f"another run holds the host: {prepared.seen.lock}")
        if not prepared.changes:
            return _planned(session, prepared)
        ended = await _carry_out(session, prepared, options)
        if ended is None:
            # The package brought another nginx than expected: plan again, for that one.
            prepared = await prepare(session, options)
            ended = await _carry_out(session, prepared, options)
        return ended or _stale(host, prepared)


async def prepare(session: Session, options: Options, *, also: tuple[str, ...] = ()) -> Prepared:
    """Observe, render and plan; asks a second time only for what the current release does not know.

    Args:
        session: An open connection.
        options: `diff` makes a further round trip for the texts.
        also: Questions beyond those of the plan.
    """
    host = session.host
    seen = await session.observe(*also)
    session.enter(Phase.RENDER)
    bundle = render_bundle(host, [load_role(name, search_path(host)) for name in host.roles], seen.facts)
    target = target_of(bundle)
    questions = unanswered(target, seen)
    if questions:
        seen = await session.observe(*also, *questions)
    session.enter(Phase.PLAN)
    decisions = certs.decide(host, seen.certificates, session.now)
    former = current_record(seen)
    issues = certs.to_issue(host, seen.certificates, seen.renewals, now=session.now)
    plan = make_plan(
        target,
        seen,
        former=former.target if former else Target(""),
        certificates={decision.name: decision.reason for decision in decisions if decision.needed},
    )
    plan = with_issues(
        plan, {issue.name: f"to be issued by {issue.acme.url}: {issue.reason}" for issue in issues}
    )
    changes = plan.changes
    if options.diff and any(change.kind == "file" for change in changes):
        texts = [f"text:{change.subject}" for change in changes if change.kind == "file"]
        seen = await session.observe(*also, *questions, *texts)
        changes = with_diffs(plan, bundle, seen)
    return Prepared(seen, bundle, target, former, decisions, issues, plan, changes)


def search_path(host: Host) -> tuple[Path, ...]:
    """Return where roles are looked for: beside the inventory, then in the project."""
    return (Path(host.directory) / "roles", share() / "roles")


def current_record(seen: Observation) -> Record | None:
    """Return who made the current release of what; None where there is none of ours, or it is damaged."""
    release = seen.by_name.get(seen.current)
    if release is None or not release.meta:
        return None
    try:
        return parse_record(release.meta)
    except ValueError:
        return None


def _planned(session: Session, prepared: Prepared) -> Outcome:
    return Outcome(
        session.host.name,
        State.PLANNED if prepared.changes else State.UNCHANGED,
        Phase.PLAN,
        serving=prepared.seen.running,
        changes=prepared.changes,
        warnings=session.warnings(prepared.seen),
    )


async def _carry_out(session: Session, prepared: Prepared, options: Options) -> Outcome | None:
    """Run the plan; None where the host turned out to have another nginx than the plan is for."""
    work = _work(session, prepared, options)
    applied, probed = await carry_out(session, work)
    if applied.ending == "stale":
        return None
    ended = outcome(session.host.name, applied, seen=work.seen, target=work.release, bundle=work.bundle)
    return replace(
        ended,
        changes=prepared.changes if ended.state in (State.CHANGED, State.INCOMPLETE) else (),
        probes=probed.results,
        warnings=(*session.warnings(work.seen), *_still_broken(probed), *left_behind(applied)),
    )


def _still_broken(probed: Probed) -> tuple[str, ...]:
    failed = [
        result for result in probed.results if result.verdict == Verdict.FAILED and not probed.excused(result)
    ]
    return still_broken(failed, probed.regressions)


def _work(session: Session, prepared: Prepared, options: Options) -> Work:
    seen, host = prepared.seen, session.host
    certificates = certs.obtain(host, prepared.decisions, session.now)
    questions = probes.questions(host)
    current = seen.by_name.get(seen.current)
    # What was never confirmed has no claim to be broken already.
    known = (
        frozenset(prepared.former.probes)
        if prepared.former and current and current.confirmed
        else frozenset()
    )
    work = Work(
        seen=seen,
        plan=prepared.plan,
        target=prepared.target,
        release=seen.current,
        questions=questions,
        who=options.who,
        certificates=certificates,
        issues=prepared.issues,
        known=known,
    )
    if not prepared.plan.new_release:
        return work
    release = release_name(seen.clock, prepared.bundle.digest, seen.by_name)
    record = Record(
        release=release,
        parent=seen.current,
        made=_iso(seen.clock),
        who=options.who,
        revision=options.revision,
        version=__version__,
        probes=tuple(asked(question) for question in questions),
        target=prepared.target,
    )
    return replace(work, release=release, record=record, bundle=prepared.bundle)


def _iso(clock: int) -> str:
    return f"{datetime.fromtimestamp(clock, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"


def _stale(host: Host, prepared: Prepared) -> Outcome:
    return Outcome(
        host.name,
        State.REFUSED,
        Phase.STAGE,
        message="nginx changed its version twice during this run; nothing was switched",
        serving=prepared.seen.running,
    )
