"""Issuing certificates: a CA, leaves under it, and leaves that sign themselves (RFC 5280)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployer.bundle import Certificate
from deployer.certs.names import alternative_name
from deployer.certs.pem import chain_pem, key_pem
from deployer.model.site import Site
from deployer.secret import Secret

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=90)
SELF_SIGNED_LIFETIME = timedelta(days=365)

# A controller whose clock is a day ahead must not issue what visitors refuse until tomorrow.
_CLOCK_SKEW = timedelta(days=2)
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True)
class Authority:
    """A CA: its certificate, the key that signs, and how the CA before vouches for it, if there was one."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes
    cross: x509.Certificate | None = None


def new_authority(now: datetime, *, name: x509.Name | None = None) -> Authority:
    """Make a CA for ten years that may issue leaves, and vouch for the CA that takes over from it.

    Its name ends with the first digits of its key identifier, unless `name` is said: a browser that
    trusts two CAs of ours must not mistake one for the other.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    called = name or _name(f"deployer local CA {identifier.digest.hex()[:8]}")
    lifetime = (now - _CLOCK_SKEW, now + CA_LIFETIME)
    builder = _authority(key, called, lifetime=lifetime, path_length=1).issuer_name(called)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def successor(old: Authority, now: datetime) -> Authority:
    """Make the CA that takes over from `old`.

    A CA that may not have another below it (path length 0) still vouches for itself under another key: RFC
    5280, 4.2.1.9 does not count certificates whose subject is their issuer. Then the name stays.
    """
    found = (extension.value for extension in old.certificate.extensions)
    lowest = any(isinstance(value, x509.BasicConstraints) and value.path_length == 0 for value in found)
    return new_authority(now, name=old.certificate.subject if lowest else None)


def cross_sign(new: Authority, old: Authority, now: datetime) -> x509.Certificate:
    """Let `old` vouch for the key and the name of `new`, as long as both last."""
    key, subject = cast(ec.EllipticCurvePublicKey, new.key.public_key()), new.certificate.subject
    ends = min(old.certificate.not_valid_after_utc, new.certificate.not_valid_after_utc)
    builder = (
        _authority(key, subject, lifetime=(now - _CLOCK_SKEW, ends), path_length=0)
        .issuer_name(old.certificate.subject)
        .add_extension(_authority_identifier(old.certificate), critical=False)
    )
    return builder.sign(old.key, _digest(old.key))


def _authority(
    key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey,
    name: x509.Name,
    *,
    lifetime: tuple[datetime, datetime],
    path_length: int,
) -> x509.CertificateBuilder:
    public = key if isinstance(key, ec.EllipticCurvePublicKey) else key.public_key()
    return (
        _builder(public, begins=lifetime[0], ends=lifetime[1])
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )


def issue(site: Site, authority: Authority, *, now: datetime) -> Certificate:
    """Issue a certificate for `site` under `authority`, 90 days at most, never longer than the CA's.

    The chain is the leaf alone: who trusts the CA has its certificate. After a rotation the former CA's
    word for this one follows, for those who trust the former.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    begins = now - _CLOCK_SKEW
    ends = min(begins + LEAF_LIFETIME, authority.certificate.not_valid_after_utc)
    builder = (
        _leaf(_builder(key.public_key(), begins=begins, ends=ends), site, subject=_subject(site))
        .issuer_name(authority.certificate.subject)
        .add_extension(_authority_identifier(authority.certificate), critical=False)
    )
    certificate = _certificate(site, builder.sign(authority.key, _digest(authority.key)), key=key)
    cross = authority.cross
    if cross is None or cross.not_valid_after_utc <= now:
        return certificate
    return replace(certificate, fullchain=certificate.fullchain + chain_pem((cross,)))


def issue_self_signed(site: Site, now: datetime, *, organization: str = "") -> Certificate:
    """Issue a certificate for `site` that only its own key vouches for, for 365 days.

    Args:
        site: Its names are vouched for.
        now: Aware, UTC.
        organization: Stands in the subject, so that the certificate can be recognised; empty for none.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    begins = now - _CLOCK_SKEW
    subject = _subject(site, organization)
    builder = _leaf(
        _builder(key.public_key(), begins=begins, ends=begins + SELF_SIGNED_LIFETIME), site, subject=subject
    )
    certificate = builder.issuer_name(subject).sign(key, hashes.SHA256())
    return _certificate(site, certificate, key=key)


def _certificate(site: Site, leaf: x509.Certificate, *, key: ec.EllipticCurvePrivateKey) -> Certificate:
    return Certificate(site.name, chain_pem((leaf,)), Secret(key_pem(key).decode()))


def _builder(key: ec.EllipticCurvePublicKey, *, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _leaf(builder: x509.CertificateBuilder, site: Site, *, subject: x509.Name) -> x509.CertificateBuilder:
    return (
        builder.subject_name(subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternative_name(site.server_names), critical=False)
    )


def _subject(site: Site, organization: str = "") -> x509.Name:
    first = site.server_names[0].lower()
    return _name(first if len(first) <= _LONGEST_COMMON_NAME else site.name, organization)


def _name(common_name: str, organization: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_identifier(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        subject = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        subject = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject)


def _digest(key: CertificateIssuerPrivateKeyTypes) -> hashes.SHA256 | None:
    """Ed25519 and Ed448 bring their own digest: an operator may have put a CA of his own there."""
    own = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return None if own else hashes.SHA256()
