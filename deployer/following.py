"""A walk on hosts whose outcomes so far are known, as a value."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from deployer.fleet import Watch
from deployer.model.host import Host
from deployer.outcome import Outcome

Follow = Callable[[Host, Outcome, Watch], Awaitable[Outcome]]
"""What is done on a host whose outcome so far is known."""


@dataclass(frozen=True)
class Following:
    """A walk like any other for who walks it.

    Attributes:
        follow: What is done.
        before: The outcome so far of each host, by its name.
    """

    follow: Follow
    before: Mapping[str, Outcome]

    async def __call__(self, host: Host, watch: Watch) -> Outcome:
        """Walk `host`; errors are those of `follow`."""
        return await self.follow(host, self.before[host.name], watch)

    def among(self, hosts: Sequence[Host]) -> "Following":
        """Return the same for some of the hosts."""
        return replace(self, before={host.name: self.before[host.name] for host in hosts})
