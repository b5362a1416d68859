"""From a host as it is to a plan of what to change, with all that the plan is made of."""

from dataclasses import dataclass
from pathlib import Path

from deployer import applier, certs
from deployer.bundle import Bundle
from deployer.deploy.entering import Options
from deployer.deploy.records import current_record
from deployer.deploy.session import Session, unlocked
from deployer.diffs import with_diffs
from deployer.facts import Observation
from deployer.model.host import Host
from deployer.outcome import Change, Outcome, Phase
from deployer.plan import Plan, make_plan, unanswered, with_issues
from deployer.release import Record, Target
from deployer.resources import share


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


@dataclass(frozen=True)
class Walked:
    """How a walk ended, and what tells whose fault that is: the host's own words about which bundle."""

    outcome: Outcome
    applied: "applier.Applied | None" = None
    bundle: Bundle | None = None

    @property
    def outdated(self) -> bool:
        """Whether the host is another than the plan was for, or another run took it meanwhile."""
        return self.applied is not None and self.applied.ending in ("stale", "moved", "locked")


async def prepare(session: Session, options: Options, *, also: tuple[str, ...] = ()) -> Prepared:
    """Observe, render and plan; asks a second time only for what the current release does not know.

    Args:
        session: An open connection.
        options: `diff` makes a further round trip for the texts.
        also: Questions beyond those of the plan.
    """
    host = session.host
    seen = await unlocked(session, *also, patience=options.conduct.lock_timeout)
    session.enter(Phase.RENDER)
    compiled = options.compiler.compile(host, seen.facts, search_path(host))
    bundle, target = compiled.bundle, compiled.target
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
        changes = with_diffs(changes, bundle, seen)
    return Prepared(seen, bundle, target, former, decisions, issues, plan, changes)


def search_path(host: Host) -> tuple[Path, ...]:
    """Return where roles are looked for: beside the inventory, then in the project."""
    return (Path(host.directory) / "roles", share() / "roles")
