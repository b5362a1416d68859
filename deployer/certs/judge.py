"""What is wrong with a chain and its key, before nginx and the browsers find out.

`nginx -t` passes most of it: a key of another kind, a certificate that has expired or has other
names, an intermediate that does not belong to the leaf.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from deployer.certs.names import certified_names, common_name, title, uncovered
from deployer.certs.pem import Chain, same_key
from deployer.errors import Problem

SOON = timedelta(days=14)
"""A certificate that ends within this time is worth a warning."""

_CERTIFICATE = "certificate"


def pair_problems(chain: Chain, key: PublicKeyTypes) -> Iterator[Problem]:
    """Yield what is wrong between a chain and the public half of the private key."""
    if same_key(chain[0].public_key(), key):
        return
    if any(same_key(other.public_key(), key) for other in chain[1:]):
        yield Problem(
            f"the chain does not begin with the key's own certificate, but with {title(chain[0])}",
            path=_CERTIFICATE,
            suggestion="put the leaf first, then its issuer",
        )
        return
    kinds = f"{_kind(chain[0].public_key())} certificate, {_kind(key)} key"
    yield Problem(f"the key does not match the certificate ({kinds})", path="key")


def _kind(key: PublicKeyTypes) -> str:
    match key:
        case rsa.RSAPublicKey():
            return "RSA"
        case ec.EllipticCurvePublicKey():
            return "EC"
        case _:
            return type(key).__name__.strip("_").removesuffix("PublicKey")


def name_problems(leaf: x509.Certificate, server_names: Sequence[str]) -> Iterator[Problem]:
    """Yield the one problem of all server names that `leaf` does not vouch for."""
    if missing := uncovered(leaf, server_names):
        covered = ", ".join(certified_names(leaf)) or "no name at all"
        yield Problem(
            f"the certificate does not cover {', '.join(missing)}; it covers {covered}", path=_CERTIFICATE
        )


def date_problems(chain: Chain, now: datetime) -> Iterator[Problem]:
    """Yield the certificates of the chain that are not valid at `now`."""
    for certificate in chain:
        if now > certificate.not_valid_after_utc:
            ended = certificate.not_valid_after_utc.date()
            yield Problem(f"the certificate of {title(certificate)} expired on {ended}", path=_CERTIFICATE)
        if now < certificate.not_valid_before_utc:
            begins = certificate.not_valid_before_utc
            yield Problem(
                f"the certificate of {title(certificate)} is not valid before {begins:%Y-%m-%d %H:%M} UTC",
                path=_CERTIFICATE,
            )


def chain_problems(chain: Chain) -> Iterator[Problem]:
    """Yield the links of the chain that do not hold: each certificate is signed by the next."""
    for certificate, issuer in pairwise(chain):
        if not _follows(certificate, issuer):
            yield _broken_link(chain, certificate, found=issuer)
        elif not _may_issue(issuer):
            yield Problem(f"{title(issuer)} signs a certificate but is not a CA", path=_CERTIFICATE)


def _follows(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """A signature too weak to be verified at all is a problem of its own."""
    if _weak_signature(certificate):
        return certificate.issuer == issuer.subject
    return issued_by(certificate, issuer)


def _broken_link(chain: Chain, certificate: x509.Certificate, *, found: x509.Certificate) -> Problem:
    if any(_follows(certificate, other) for other in chain if other is not certificate):
        return Problem(
            f"the chain is out of order: the issuer of {title(certificate)} does not follow it",
            path=_CERTIFICATE,
            suggestion="put the leaf first, then its issuer, then the issuer's issuer",
        )
    return Problem(
        f"{title(found)} in the chain did not issue {title(certificate)}",
        path=_CERTIFICATE,
        suggestion=f"put the certificate of {common_name(certificate.issuer)} there",
    )


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether `issuer` is named as the issuer of `certificate` and has signed it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def authority_problems(certificates: Chain) -> Iterator[Problem]:
    """Yield those of `certificates` that are no CA's."""
    for certificate in certificates:
        if not _may_issue(certificate):
            yield Problem(f"{title(certificate)} is not a CA", path=_CERTIFICATE)


def lacks_issuer(chain: Chain) -> bool:
    """Tell whether the leaf stands alone although another has issued it."""
    return len(chain) == 1 and chain[0].issuer != chain[0].subject


def completeness_problems(chain: Chain, roots: Chain) -> Iterator[Problem]:
    """Yield the intermediate that is missing: visitors know roots, and only those of their systems.

    A chain that ends with an intermediate of a private CA is complete: its root may be left out.

    Args:
        chain: Leaf first.
        roots: What visitors trust without being told.
    """
    if not lacks_issuer(chain) or any(_follows(chain[0], root) for root in roots):
        return
    issuer = common_name(chain[0].issuer)
    yield Problem(
        f"the chain ends with {title(chain[0])}: the intermediate {issuer}, which issued it, is missing",
        path=_CERTIFICATE,
        suggestion=f"append the certificate of {issuer}, also where it is your own root",
    )


def key_kind_problems(chain: Chain, *, beside_rsa: bool) -> Iterator[Problem]:
    """Yield the problem of two pairs that are of one kind: nginx would serve the last one alone.

    Args:
        chain: Leaf first.
        beside_rsa: Whether it stands beside one with an RSA key; else it should have such a key itself.
    """
    is_rsa = isinstance(chain[0].public_key(), rsa.RSAPublicKey)
    if is_rsa and beside_rsa:
        yield Problem("both certificates have an RSA key", path=_CERTIFICATE, suggestion="leave rsa out")
    if not is_rsa and not beside_rsa:
        yield Problem(f"the key is not RSA but {_kind(chain[0].public_key())}", path=_CERTIFICATE)


def strength_problems(chain: Chain) -> Iterator[Problem]:
    """Yield keys and signatures of the chain that OpenSSL or browsers refuse as too weak."""
    for certificate in chain:
        if weakness := _weak_key(certificate.public_key()):
            yield Problem(f"the certificate of {title(certificate)} has {weakness}", path=_CERTIFICATE)
        if _weak_signature(certificate):
            name = getattr(certificate.signature_hash_algorithm, "name", "").upper()
            yield Problem(
                f"the certificate of {title(certificate)} is signed with {name}, which no browser accepts",
                path=_CERTIFICATE,
            )


def _weak_key(key: PublicKeyTypes) -> str:
    match key:
        case rsa.RSAPublicKey() if key.key_size < 2048:
            return f"an RSA key of {key.key_size} bits; 2048 is the least"
        case ec.EllipticCurvePublicKey() if key.key_size < 224:
            return f"an EC key of {key.key_size} bits; 256 is usual"
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey():
            return ""
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return ""
        case _:
            return f"a key of a kind that TLS does not use ({_kind(key)})"


def _weak_signature(certificate: x509.Certificate) -> bool:
    """A root's own signature proves nothing, so that its weakness does not matter."""
    weak = isinstance(certificate.signature_hash_algorithm, hashes.SHA1 | hashes.MD5)
    return weak and certificate.issuer != certificate.subject


def purpose_problems(leaf: x509.Certificate) -> Iterator[Problem]:
    """Yield the problem of a certificate that is for something else than a server."""
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
        yield Problem("the certificate is not for servers (extended key usage)", path=_CERTIFICATE)


def warnings_about(site_name: str, chain: Chain, *, now: datetime) -> Iterator[str]:
    """Yield sentences about what will be a problem."""
    for certificate in chain:
        if now <= certificate.not_valid_after_utc <= now + SOON:
            yield (
                f"{site_name}: the certificate of {title(certificate)} ends in "
                f"{days_left(certificate, now)}, on {certificate.not_valid_after_utc.date()}"
            )


def days_left(certificate: x509.Certificate, now: datetime) -> str:
    """Return how long the certificate lasts, in whole days: `1 day`, `9 days`."""
    days = (certificate.not_valid_after_utc - now).days
    return "1 day" if days == 1 else f"{days} days"
