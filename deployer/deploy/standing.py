"""The walk that tells how a host stands: its release, drift, certificates, connections."""

from deployer.deploy.certifying import served, worries
from deployer.deploy.entering import Options
from deployer.deploy.looking import told
from deployer.deploy.preparing import prepare
from deployer.deploy.reaching import Reach, Watch, opened
from deployer.deploy.records import in_quarantine
from deployer.model.host import Host
from deployer.outcome import Action, Change, Outcome, Phase, State

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
        waiting = pending(prepared.changes)
        return Outcome(
            host.name,
            State.PLANNED if waiting else State.UNCHANGED,
            Phase.PROBE,
            serving=seen.running,
            changes=waiting,
            linked=seen.current,
            drift=prepared.plan.drift,
            history=tuple(told(each, seen) for each in seen.releases if each.name == seen.current),
            certificates=certificates,
            workers=seen.workers,
            warnings=(
                *session.warnings(seen),
                *(in_quarantine(seen) if waiting else ()),
                *worries(certificates),
            ),
        )


def pending(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return what an apply would change because the inventory says so, of all that it would change."""
    return tuple(change for change in changes if change.detail or not (change.drift or _follows(change)))


def _follows(change: Change) -> bool:
    """A reload without a reason of its own only follows from other changes."""
    return change.action in (Action.RELOAD, Action.RESTART) and not change.detail
