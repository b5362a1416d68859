"""Certificates that nobody vouches for."""

from datetime import datetime
from pathlib import Path

from deployer.bundle import Certificate
from deployer.certs.issue import issue_self_signed
from deployer.certs.judge import issued_by
from deployer.certs.own import live_leaf, worn
from deployer.certs.pem import chain_pem
from deployer.certs.source import Findings
from deployer.model.site import Site


def check(site: Site, folder: Path, *, now: datetime) -> Findings:
    """Nothing can be wrong beforehand; see `Source.check`."""
    return Findings()


def outdated(site: Site, folder: Path, *, live: bytes, now: datetime) -> str:
    """A certificate stays while it signs itself and is not worn; see `Source.outdated`."""
    leaf = live_leaf(live)
    if leaf is None:
        return "what is there is not a certificate"
    return worn(leaf, site, now=now) if issued_by(leaf, leaf) else "issued by a CA"


def obtain(site: Site, folder: Path, *, now: datetime) -> Certificate:
    """Issue a new one; see `Source.obtain`."""
    return issue_self_signed(site, now)


def trust(site: Site, folder: Path, *, serving: bytes | None) -> bytes | None:
    """Trust the very certificate that the host has; see `Source.trust`."""
    leaf = live_leaf(serving) if serving else None
    return chain_pem((leaf,)) if leaf else None
