"""The walk that looks at certificates: what each site serves, what is on disk, whether both agree."""

import asyncio

from deployer import certs, probes
from deployer.deploy.reaching import Reach, Watch, opened
from deployer.deploy.session import Session
from deployer.facts import Observation
from deployer.model.host import Host
from deployer.model.site import Site, Tls
from deployer.outcome import Outcome, Phase, State
from deployer.standing import ServedCertificate

_ANYWHERE = Reach()


async def certificates(host: Host, watch: Watch, *, reach: Reach = _ANYWHERE) -> Outcome:
    """Tell the certificate of every TLS site of `host`.

    Raises:
        UnreachableError: No connection, or it was lost.
    """
    async with opened(host, watch, reach) as session:
        seen = await session.observe("stored")
        return certified(session, seen, await served(session, seen))


async def served(session: Session, seen: Observation) -> tuple[ServedCertificate, ...]:
    """Ask every TLS site for its certificate, through the one connection; `stored` must have been asked."""
    session.enter(Phase.PROBE)
    found = tuple(certs.certificates(session.host))
    leaves = await asyncio.gather(*(_leaf(session, site, tls) for site, tls, _ in found))
    return tuple(
        certs.describe(site, seen.stored.get(site.name), wire=leaf.der, failure=leaf.failure, now=session.now)
        for (site, *_), leaf in zip(found, leaves, strict=True)
    )


async def _leaf(session: Session, site: Site, tls: Tls) -> "probes.Leaf":
    second = site.name.endswith(certs.SECOND)
    # Nobody can ask for the RSA one where TLS 1.3 is all that is spoken.
    if second and tls.policy == "modern":
        return probes.Leaf()
    return await probes.leaf_served(site, session.transport.stream, only_rsa=second)


def certified(session: Session, seen: Observation, found: tuple[ServedCertificate, ...]) -> Outcome:
    """Return the outcome of a look at certificates; what is wrong or due is a warning of its own."""
    return Outcome(
        session.host.name,
        State.UNCHANGED,
        Phase.PROBE,
        serving=seen.running,
        certificates=found,
        warnings=(*session.warnings(seen), *worries(found)),
    )


def worries(found: tuple[ServedCertificate, ...]) -> tuple[str, ...]:
    """Say what is wrong, or should have happened, in sentences."""
    return tuple(f"{each.site}: {said}" for each in found for said in (each.wrong, each.due) if said)
