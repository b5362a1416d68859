"""What is said on one connection to one host, for the length of one walk."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from deployer import applier, certs, probes
from deployer.deploy.reaching import Reach, Watch
from deployer.drift import leftovers
from deployer.facts import Observation
from deployer.model.host import Host
from deployer.outcome import Phase, ProbeResult
from deployer.render import backends
from deployer.transport import Transport

LOCK_INTERVAL = 1.0
"""Seconds between two looks at a host that another run holds."""

MAX_SKEW = 60
"""Seconds that the clocks of controller and host may differ before we say so."""


@dataclass
class Session:
    """An open connection and what is said on it, who is told of the phases, and how to become root."""

    host: Host
    transport: Transport
    privilege: applier.Privilege
    conversation: applier.Conversation
    watch: Watch
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def begin(cls, host: Host, transport: Transport, watch: Watch, reach: Reach) -> Self:
        """Begin a conversation with `host` on a connection that is open."""
        settings = host.settings
        privilege = applier.Privilege(
            become=settings.ansible_become,
            user=settings.ansible_become_user,
            password=settings.ansible_become_password,
            shell=reach.shell,
            root=reach.root,
        )
        return cls(host, transport, privilege, applier.Conversation(transport, privilege), watch)

    def enter(self, phase: Phase, note: str = "") -> None:
        """Tell that the host enters `phase`."""
        self.watch(self.host.name, phase, note)

    async def observe(self, *questions: str) -> Observation:
        """Look at the host once; also which backends' names its /etc/hosts has."""
        self.enter(Phase.OBSERVE)
        names = backends.names(self.host.sites, self.host.settings.upstreams)
        return await self.conversation.observe(*(f"name:{name}" for name in names), *questions)

    async def ask(
        self,
        questions: Sequence[probes.Question],
        serving: Mapping[str, bytes],
        *,
        patience: float = 0,
    ) -> tuple[ProbeResult, ...]:
        """Ask `questions` as a visitor would.

        Args:
            questions: Of the host's sites.
            serving: Site name to the certificate chain that the host has.
            patience: Seconds in which a backend may still be starting.
        """
        return await probes.ask(
            questions,
            self.transport.stream,
            trust=lambda site: certs.trust(self.host, site, serving=serving),
            on_disk=lambda site: serving.get(site.name),
            timing=probes.Timing(patience=patience),
        )

    def warnings(self, seen: Observation) -> tuple[str, ...]:
        """Warn of what makes an observation doubtful (another run, a wrong clock) and of what dpkg left."""
        warnings = [f"another run holds the host: {seen.lock}"] if seen.lock else []
        skew = seen.clock - self.now.timestamp()
        if abs(skew) > MAX_SKEW:
            # Dates of certificates mean little then.
            direction = "ahead of" if skew > 0 else "behind"
            warnings.append(f"the host's clock is {abs(skew):.0f} s {direction} the controller's")
        return (*warnings, *leftovers(seen))


async def unlocked(session: Session, *questions: str, patience: float) -> Observation:
    """Look at the host; while another run holds it, once more each second.

    Args:
        session: An open connection.
        questions: What to ask beyond the current release.
        patience: Seconds after which the look is returned as it is, `lock` and all.
    """
    deadline = time.monotonic() + patience
    while (seen := await session.observe(*questions)).lock and time.monotonic() < deadline:
        session.enter(Phase.OBSERVE, f"waiting for the host: {seen.lock}")
        await asyncio.sleep(LOCK_INTERVAL)
    return seen
