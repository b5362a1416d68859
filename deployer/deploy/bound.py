"""Walks with their options bound. They are values, so that another process can walk them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from deployer.deploy.entering import Options
from deployer.deploy.reaching import Watch
from deployer.model.host import Host
from deployer.outcome import Outcome, ProbeResult

if TYPE_CHECKING:
    from deployer.deploy.rolling_back import RollbackOptions

Wanted = TypeVar("Wanted")
Patient = TypeVar("Patient", bound="Options | RollbackOptions")


@dataclass(frozen=True)
class Bound(Generic[Wanted]):
    """One walk, and what the operator asked of it.

    Attributes:
        walk: A function of a module, such as `deploy.apply`.
        options: Its second argument.
    """

    walk: Callable[[Host, Wanted, Watch], Awaitable[Outcome]]
    options: Wanted

    async def __call__(self, host: Host, watch: Watch) -> Outcome:
        """Walk `host`; errors are those of the walk."""
        return await self.walk(host, self.options, watch)

    def patient(self, seconds: float) -> "Bound[Wanted]":
        """Return the same walk with so much patience at least for a host that another run holds."""
        from deployer.deploy.rolling_back import RollbackOptions  # late: a walk of its own

        if isinstance(self.options, Options | RollbackOptions):
            return replace(self, options=_patient(self.options, seconds))
        return self


@dataclass(frozen=True)
class TakingBack:
    """The walk that takes a host back to the release that a run replaced."""

    options: "RollbackOptions"

    async def __call__(self, host: Host, before: Outcome, watch: Watch) -> Outcome:
        """Go back from `before.serving` to `before.replaced`; see `rollback` for errors."""
        from deployer.deploy.rolling_back import rollback  # late: most runs take nothing back

        there = replace(self.options, to=before.replaced, leaving=before.serving)
        return await rollback(host, there, watch)

    def patient(self, seconds: float) -> "TakingBack":
        """Return the same walk with so much patience at least for a host that another run holds."""
        return TakingBack(_patient(self.options, seconds))


async def again(host: Host, before: Outcome, watch: Watch) -> Outcome:
    """Ask once more what visitors of `host` were answered after its switch; see `verify_again` for errors."""
    from deployer.deploy.looking import verify_again  # late: most runs have one wave

    return await verify_again(host, comparable(before), watch)


def _patient(options: Patient, seconds: float) -> Patient:
    conduct = options.conduct
    return replace(options, conduct=replace(conduct, lock_timeout=max(conduct.lock_timeout, seconds)))


def comparable(before: Outcome) -> tuple[ProbeResult, ...]:
    """Return the answers that can be had again: the inventory does not know what a site in quarantine is."""
    held = {each.site for each in before.quarantined}
    return tuple(probe for probe in before.probes if probe.site not in held)
