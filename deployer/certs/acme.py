"""Certificates by ACME: the host asks the CA itself, with certbot, and renews without us.

What is decided here is when an apply has to ask for one. Until the CA has issued the first, the site
serves with a bootstrap certificate that signs itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from deployer.bundle import Certificate
from deployer.certs import pem
from deployer.certs.issue import issue_self_signed
from deployer.certs.judge import days_left
from deployer.certs.names import uncovered
from deployer.certs.own import live_leaf
from deployer.certs.source import Findings
from deployer.errors import CertificateError, Problem
from deployer.model.site import Acme, Site

BOOTSTRAP = "deployer bootstrap"
"""Organisation in the subject of the certificate that serves until the CA has issued one."""

_LATE = 4
"""The host's timer renews when a third of a life is left; at a quarter it has had its chances."""


@dataclass(frozen=True)
class Issue:
    """One certificate that the host is to ask its CA for.

    Attributes:
        name: The site's name.
        names: The names to vouch for.
        acme: The CA, and how to ask it.
        reason: Why, in the words of the plan.
    """

    name: str
    names: tuple[str, ...]
    acme: Acme
    reason: str


def check(site: Site, folder: Path, *, now: datetime) -> Findings:
    """Judge what the inventory says; the certificate itself is the CA's business. See `Source.check`."""
    return Findings((*_wildcards(site), *_unreadable(_said(site), folder)))


def _wildcards(site: Site) -> Iterator[Problem]:
    wild = [name for name in site.server_names if name.startswith("*.")]
    if wild:
        yield Problem(
            f"ACME over port 80 cannot vouch for {', '.join(wild)}: CAs want a DNS record for a wildcard",
            suggestion="name the names one by one, or bring the certificate with files",
        )


def _unreadable(said: Acme, folder: Path) -> Iterator[Problem]:
    for key, value in (("ca_bundle", said.ca_bundle), ("trust", said.trust)):
        try:
            if value is not None:
                pem.parse_chain(pem.read_certificate(value, folder))
        except CertificateError as error:
            yield Problem(error.problems[0].sentence, path=key, suggestion=error.problems[0].suggestion)


def outdated(site: Site, folder: Path, *, live: bytes, now: datetime) -> str:
    """What the host has stays until the CA has issued another; see `Source.outdated`."""
    return "" if live_leaf(live) else "what is there is not a certificate"


def obtain(site: Site, folder: Path, *, now: datetime) -> Certificate:
    """Issue the bootstrap certificate; see `Source.obtain`."""
    return issue_self_signed(site, now, organization=BOOTSTRAP)


def trust(site: Site, folder: Path, *, serving: bytes | None) -> bytes | None:
    """Trust what visitors do, and a bootstrap certificate as itself; see `Source.trust`.

    No system knows the root of Let's Encrypt's staging CA: there, the top of the served chain stands in.
    """
    chain = pem.parse_chain(serving) if serving and live_leaf(serving) else ()
    if chain and is_bootstrap(chain[0]):
        return pem.chain_pem(chain[:1])
    said = _said(site)
    if said.trust is not None:
        return pem.chain_pem(pem.parse_chain(pem.read_certificate(said.trust, folder)))
    return pem.chain_pem(chain[-1:]) if said.staging and chain else None


def is_bootstrap(leaf: x509.Certificate) -> bool:
    """Tell whether `leaf` is one that we put there until the CA has issued one."""
    found = leaf.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    return leaf.issuer == leaf.subject and any(each.value == BOOTSTRAP for each in found)


def wanting(site: Site, *, live: bytes | None, renewed_from: str, now: datetime) -> str:
    """Say why the host must ask the CA now; empty while its timer has all in hand.

    Args:
        site: One with `tls.acme`.
        live: The chain in PEM that the host holds.
        renewed_from: The directory that the host's own renewals ask; empty where there are none.
        now: Aware, UTC.
    """
    said = _said(site)
    leaf = live_leaf(live) if live else None
    if leaf is None or is_bootstrap(leaf):
        return "none was issued yet"
    if renewed_from != said.url:
        return f"instead of the one from {renewed_from or 'elsewhere'}"
    if isinstance(leaf.public_key(), ec.EllipticCurvePublicKey) != (said.key_type == "ecdsa"):
        return f"with an {said.key_type.upper()} key"
    if missing := uncovered(leaf, site.server_names):
        return f"names changed: + {', '.join(missing)}"
    left, life = leaf.not_valid_after_utc - now, leaf.not_valid_after_utc - leaf.not_valid_before_utc
    if left * _LATE < life:
        return f"ends in {days_left(leaf, now)}" if now < leaf.not_valid_after_utc else "expired"
    return ""


def _said(site: Site) -> Acme:
    if site.tls is None or site.tls.acme is None:
        raise ValueError(f"site {site.name} has no acme")
    return site.tls.acme
