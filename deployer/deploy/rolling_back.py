"""Rollback: the same walk, to a release that the host already has."""

from dataclasses import dataclass, field, replace

from deployer import probes
from deployer.deploy.conduct import Conduct
from deployer.deploy.deciding import take_back
from deployer.deploy.draining import will_cut
from deployer.deploy.drifting import with_backups
from deployer.deploy.endings import outcome, still_broken
from deployer.deploy.reaching import Reach, Watch, opened
from deployer.deploy.records import current_record
from deployer.deploy.running import Work, asked, carry_out
from deployer.deploy.session import Session, unlocked
from deployer.errors import LockedError, RefusedError
from deployer.facts import Observation, Pending
from deployer.model.host import Host
from deployer.outcome import Action, Outcome, Phase, State, Verdict
from deployer.plan import Plan, make_plan, unanswered
from deployer.release import ORIGINAL, Record, Target, parse_record


@dataclass(frozen=True)
class RollbackOptions:
    """What the operator asked of a rollback.

    Attributes:
        to: A release's name or an unmistakable beginning of it, or `original`; empty for the previous one.
        steps: How many releases back, where `to` is empty.
        leaving: Go back from this release only; empty for whichever is current. A host that is on `to`
            already, because nobody confirmed it, is where it should be.
        check: Stop after the plan.
        diff: Accepted for symmetry with apply; a release kept has no text here to show.
        who: `user@controller`, for the hosts' history.
        conduct: How hosts are changed.
        reach: How hosts are reached.
    """

    to: str = ""
    steps: int = 1
    leaving: str = ""
    check: bool = False
    diff: bool = False
    who: str = "unknown"
    conduct: Conduct = field(default_factory=Conduct)
    reach: Reach = field(default_factory=Reach)

    def takes_back(self, pending: Pending | None) -> bool:
        """Tell whether what is asked is to end a release that waits to be confirmed."""
        if pending is None or not pending.until or self.check or self.steps > 1:
            return False
        return self.to in ("", pending.former)


async def rollback(host: Host, options: RollbackOptions, watch: Watch) -> Outcome:
    """Go back to an earlier release: validate, switch, reload, probe, confirm.

    A release that waits to be confirmed is taken back, which is what the host would do by itself.

    Raises:
        UnreachableError: No connection, or it was lost; a host that was switched goes back by itself.
        RefusedError: There is no such release.
        LockedError: Another run is under way, or the host is no longer on the release that is to be left.
    """
    async with opened(host, watch, options.reach) as session:
        seen = await session.observe("manifests")
        if options.leaving not in ("", seen.current) and seen.current != options.to:
            raise LockedError(f"another run has put release {seen.current} there since")
        if options.takes_back(seen.pending):
            return await take_back(session, who=options.who)
        if seen.lock:
            seen = await unlocked(session, "manifests", patience=options.conduct.lock_timeout)
        if seen.lock and not options.check:
            raise LockedError(f"another run holds the host: {seen.lock}")
        former = current_record(seen)
        release = pick(seen, to=options.to, steps=options.steps)
        if release == seen.current:
            return Outcome(host.name, State.UNCHANGED, Phase.PLAN, serving=seen.running)
        record = _record(seen, release)
        target = _target(seen, release, record=record, former=former)
        if questions := unanswered(target, seen):
            seen = await session.observe("manifests", *questions)
        session.enter(Phase.PLAN, f"to {release}")
        plan = _plan(target, seen, former, release)
        if options.check:
            planned = Outcome(
                host.name, State.PLANNED, Phase.PLAN, serving=seen.running, changes=plan.changes
            )
            warned = (*session.warnings(seen), *will_cut(plan, seen))
            return replace(planned, drift=plan.drift, warnings=warned)
        then = frozenset(record.probes) if record else frozenset()
        work = Work(
            seen=seen,
            plan=plan,
            target=target,
            release=release,
            # What the inventory can ask today and the release of that time answered.
            questions=tuple(question for question in probes.questions(host) if asked(question) in then),
            who=options.who,
            conduct=options.conduct,
            known=frozenset(former.probes) if former else frozenset(),
        )
        return await _carry_out(session, work)


def pick(seen: Observation, *, to: str, steps: int) -> str:
    """Choose the release to go back to.

    Raises:
        RefusedError: There is none, or `to` fits none or several.
    """
    names = [release.name for release in seen.releases]
    if not seen.current or (seen.current == ORIGINAL and not to):
        raise RefusedError("there is no release to go back from: what was there before us serves")
    if to:
        fitting = [name for name in names if name == to] or [name for name in names if name.startswith(to)]
        if len(fitting) != 1:
            problem = "fits several releases" if fitting else "is no release of this host"
            raise RefusedError(f"{to} {problem}; it has {', '.join(names)}")
        return fitting[0]
    release = seen.current
    for _ in range(steps):
        release = _good_before(seen, release)
    return release


def _good_before(seen: Observation, release: str) -> str:
    """Return the last release before `release` that was confirmed; never what was there before us."""
    while True:
        record = _record(seen, release)
        release = record.parent if record else ""
        if release in ("", ORIGINAL):
            raise RefusedError(
                "there is no earlier good release on this host",
                next_step="--to original gives the host back as it was before deployer",
            )
        if release not in seen.by_name:
            raise RefusedError(f"release {release} is no longer on this host; choose one with --to")
        if seen.by_name[release].confirmed:
            return release


def _record(seen: Observation, release: str) -> Record | None:
    meta = seen.by_name[release].meta if release in seen.by_name else ""
    if not meta:
        return None
    try:
        return parse_record(meta)
    except ValueError as error:
        raise RefusedError(f"release {release} is damaged: {error}") from error


def _target(seen: Observation, release: str, *, record: Record | None, former: Record | None) -> Target:
    """Return what the host will be: as the release says, or as it was before us.

    What was there before us has no record: the services and checks of the current release stand in.
    """
    if release != ORIGINAL and record:
        return replace(record.target, files=seen.manifests.get(release, {}))
    if release == ORIGINAL and former:
        return replace(former.target, digest=ORIGINAL, files={}, named=frozenset(), absent=frozenset(),
                       directories={}, packages=())  # fmt: skip
    raise RefusedError(f"release {release} does not say what it is")


def _plan(target: Target, seen: Observation, former: Record | None, release: str) -> Plan:
    plan = make_plan(
        target, seen, former=former.target if former else Target(""), certificates={}, switching=True
    )
    if release != ORIGINAL:
        return plan
    changes = tuple(
        replace(change, action=Action.RESTORE, detail="as it was before us")
        if change.kind == "file"
        else change
        for change in plan.changes
    )
    return replace(plan, changes=changes)


async def _carry_out(session: Session, work: Work) -> Outcome:
    applied, probed = await carry_out(session, work)
    ended = outcome(session.host.name, applied, seen=work.seen, target=work.release, bundle=None)
    failed = [result for result in probed.results if result.verdict == Verdict.FAILED]
    return replace(
        ended,
        changes=work.plan.changes if ended.state.switched else (),
        probes=probed.results,
        drift=with_backups(work.plan.drift, applied.kept),
        warnings=(
            *session.warnings(work.seen),
            *work.conduct.warnings,
            *still_broken(failed, probed.regressions),
        ),
    )
