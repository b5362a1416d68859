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
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

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
    """Yield sentences about what will be, or may be, a problem."""
    for certificate in chain:
        if now <= certificate.not_valid_after_utc <= now + SOON:
            yield (
                f"{site_name}: the certificate of {title(certificate)} ends in "
                f"{days_left(certificate, now)}, on {certificate.not_valid_after_utc.date()}"
            )
    if len(chain) == 1 and _issuer_is_published(chain[0]):
        issuer = common_name(chain[0].issuer)
        yield f"{site_name}: the chain has no intermediate; visitors who do not know {issuer} will refuse it"


def _issuer_is_published(leaf: x509.Certificate) -> bool:
    """A certificate that says where to fetch its issuer is not issued by a root of the visitors' own."""
    try:
        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(entry.access_method == AuthorityInformationAccessOID.CA_ISSUERS for entry in access)


def days_left(certificate: x509.Certificate, now: datetime) -> str:
    """Return how long the certificate lasts, in whole days: `1 day`, `9 days`."""
    days = (certificate.not_valid_after_utc - now).days
    return "1 day" if days == 1 else f"{days} days"
