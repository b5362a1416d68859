"""Apply: from one host of the inventory to the same host on earth."""

from deployer.deploy.draining import counts_later, will_cut
from deployer.deploy.drifting import notices, refused, undone
from deployer.deploy.entering import Options
from deployer.deploy.preparing import Prepared, Walked, prepare
from deployer.deploy.records import in_quarantine
from deployer.deploy.session import Session
from deployer.errors import LockedError
from deployer.outcome import Outcome, Phase, State

ATTEMPTS = 3
"""How often a plan is made while the host moves under it: another nginx, another run that was faster."""


async def walk(session: Session, options: Options) -> Walked:
    """Walk one host on a connection that is open; see `apply` for errors."""
    for more in reversed(range(ATTEMPTS)):
        prepared = await prepare(session, options)
        if prepared.seen.lock and not options.check:
            # Whatever it looks like now, the other run may still go back.
            raise LockedError(f"another run holds the host: {prepared.seen.lock}")
        if options.check or not prepared.changes:
            break
        if options.keep_drift and undone(prepared.plan.drift):
            return Walked(refused(session.host.name, prepared.seen.running, prepared.plan.drift))
        for notice in notices(prepared.plan.drift):
            session.enter(Phase.STAGE, notice)
        from deployer.deploy.carrying import carry_out_plan  # late: most hosts need nothing

        walked = await carry_out_plan(session, prepared, options)
        if not (walked.outdated and more):
            return walked
    return Walked(_planned(session, prepared, options))


def _planned(session: Session, prepared: Prepared, options: Options) -> Outcome:
    # Without changes the inventory has come back to what such a site is.
    left_out = prepared.changes and not options.quarantined
    return Outcome(
        session.host.name,
        State.PLANNED if prepared.changes else State.UNCHANGED,
        Phase.PLAN,
        serving=prepared.seen.running,
        changes=prepared.changes,
        warnings=(
            *session.warnings(prepared.seen),
            *will_cut(prepared.plan, prepared.seen),
            *counts_later(session.host, prepared.plan, prepared.seen),
            *(in_quarantine(prepared.seen) if left_out else ()),
        ),
        drift=prepared.plan.drift,
    )
