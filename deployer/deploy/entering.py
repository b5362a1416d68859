"""The way into an apply: all that is needed before a host has answered."""

from collections.abc import Callable
from dataclasses import dataclass, field

from deployer import ahead
from deployer.compiling import Compiler
from deployer.deploy.conduct import Conduct
from deployer.deploy.reaching import Reach, Watch, opened
from deployer.model.host import Host
from deployer.outcome import Outcome, Quarantined


@dataclass(frozen=True)
class Options:
    """What the operator asked of an apply.

    Attributes:
        check: Stop after the plan.
        keep_drift: Refuse a host on which an apply would overwrite what somebody changed by hand.
        diff: Show the text of the differences.
        who: `user@controller`, for the hosts' history.
        revision: Tells the version-control revision of the inventory; may take its time.
        conduct: How hosts are changed.
        reach: How hosts are reached.
        quarantined: Sites that this walk leaves as they are: the host it is given has their last good
            versions in their place, or lacks them.
        compiler: Shared by all hosts of the run.
    """

    check: bool = False
    keep_drift: bool = False
    diff: bool = False
    who: str = "unknown"
    revision: Callable[[], str] = str
    conduct: Conduct = field(default_factory=Conduct)
    reach: Reach = field(default_factory=Reach)
    quarantined: tuple[Quarantined, ...] = ()
    compiler: Compiler = field(default_factory=Compiler, repr=False, compare=False)


async def apply(host: Host, options: Options, watch: Watch) -> Outcome:
    """Make `host` what the inventory says, prove it, and go back where the proof fails.

    Raises:
        UnreachableError: No connection, or it was lost; a host that was switched goes back by itself.
        RoleError: A role or a template of the host is wrong.
        CertificateError: A certificate cannot be had.
        LockedError: Another run is under way.
    """
    ahead.want("deployer.deploy.applying")
    ahead.want("deployer.roles.loading")
    ahead.want("deployer.render.bundling")
    async with opened(host, watch, options.reach) as session:
        from deployer.deploy.applying import walk  # late: the host has work of its own meanwhile

        return (await walk(session, options)).outcome
