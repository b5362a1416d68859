"""The walk that tells how a host stands: its release, drift, certificates, connections."""

from dataclasses import replace

from deployer.deploy.applying import Options, current_record, prepare
from deployer.deploy.certificates import served, worries
from deployer.deploy.looking import told
from deployer.deploy.session import Reach, Watch, opened
from deployer.facts import Observation
from deployer.model.host import Host
from deployer.outcome import Action, Change, Outcome, Phase, State
from deployer.plan import make_plan, unanswered
from deployer.release import Record

_ANYWHERE = Reach()


async def status(host: Host, watch: Watch, *, reach: Reach = _ANYWHERE) -> Outcome:
    """Tell how `host` stands; changes nothing.

    Raises:
        UnreachableError: No connection, or it was lost.
        RoleError: A role or a template of the host is wrong.
        CertificateError: What the controller holds cannot be read.
    """
    async with opened(host, watch, reach) as session:
        prepared = await prepare(session, Options(), also=("stored", "workers", "journal"))
        seen = prepared.seen
        certificates = await served(session, seen)
        drifted = drift(current_record(seen), seen)
        waiting = pending(prepared.changes, drifted)
        return Outcome(
            host.name,
            State.PLANNED if waiting else State.UNCHANGED,
            Phase.PROBE,
            serving=seen.running,
            changes=waiting,
            linked=seen.current,
            drift=drifted,
            history=tuple(told(each, seen) for each in seen.releases if each.name == seen.current),
            certificates=certificates,
            workers=seen.workers,
            warnings=(*session.warnings(seen), *worries(certificates)),
        )


def drift(record: Record | None, seen: Observation) -> tuple[Change, ...]:
    """Return what differs on the host from the very release that is linked: others did that, or a run died.

    It is the plan that leads from the host to its own release; what the inventory says does not matter.
    """
    if record is None:
        return ()
    target = replace(record.target, files=seen.manifests.get(seen.current, {}))
    if unanswered(target, seen):
        sentence = "drift: what it needs of the host cannot be told"
        return (Change(Action.UPDATE, "release", seen.current, sentence),)
    plan = make_plan(target, seen, former=record.target, certificates={})
    return tuple(change for change in plan.changes if not _follows(change))


def pending(changes: tuple[Change, ...], drifted: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return what an apply would change because the inventory says so, of all that it would change."""
    return tuple(change for change in changes if change not in drifted and not _follows(change))


def _follows(change: Change) -> bool:
    """A reload without a reason of its own only follows from other changes."""
    return change.action in (Action.RELOAD, Action.RESTART) and not change.detail
