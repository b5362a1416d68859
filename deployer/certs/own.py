"""When a certificate that we issued ourselves has to be replaced: the part common to its sources."""

from datetime import datetime

from cryptography import x509

from deployer.certs.judge import days_left
from deployer.certs.names import certified_names, uncovered
from deployer.certs.pem import parse_chain
from deployer.errors import CertificateError
from deployer.model.site import Site


def live_leaf(live: bytes) -> x509.Certificate | None:
    """Return the leaf of a chain in PEM as a host holds it; None where that is not a certificate."""
    try:
        return parse_chain(live)[0]
    except CertificateError:
        return None


def worn(leaf: x509.Certificate, site: Site, *, now: datetime) -> str:
    """Say why `leaf` no longer serves `site`; empty while it does.

    It does while it covers the names and more than a third of its lifetime is left: a fraction, so that
    shorter certificates need no other rule. Names that the site has no longer do no harm:
    `deployer rollback` may want them back.
    """
    if missing := uncovered(leaf, site.server_names):
        known = certified_names(leaf)
        added = ", ".join(name for name in site.server_names if name in missing)
        return f"names changed: + {added}" if known else "it has no names"
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now > ends:
        return f"expired on {ends.date()}"
    if now < begins:
        return f"not valid before {begins:%Y-%m-%d %H:%M} UTC"
    return f"ends in {days_left(leaf, now)}" if (ends - now) * 3 <= ends - begins else ""
