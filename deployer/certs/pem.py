"""Certificates and keys as PEM (RFC 7468): read with words for what is wrong, written plainly."""

from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from deployer.certs.source import refusal
from deployer.errors import CertificateError
from deployer.secret import Secret

Chain = tuple[x509.Certificate, ...]
"""Leaf first, each followed by its issuer; never empty."""

_BEGIN = "-----BEGIN"


def read_certificate(value: str, folder: Path) -> bytes:
    """Return the PEM that `value` is, or that is in the file it names.

    Raises:
        CertificateError: The file cannot be read.
    """
    if value.lstrip().startswith(_BEGIN):
        return value.encode()
    path = folder / Path(value).expanduser()
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise refusal(f"cannot read the certificate {path}: {reason}", path="certificate") from error


def read_key(value: Secret, folder: Path) -> bytes:
    """Return the PEM that `value` is, or that is in the file it names.

    A value that names no file might be a key with its first line lost: it is not repeated in the error.

    Raises:
        CertificateError: The file cannot be read.
    """
    text = value.reveal()
    if text.lstrip().startswith(_BEGIN):
        return text.encode()
    path = folder / Path(text).expanduser()
    try:
        return path.read_bytes()
    except PermissionError as error:
        raise refusal(f"cannot read the key {path}: {error.strerror}", path="key") from error
    except (OSError, ValueError):
        raise refusal(
            "the key is neither PEM nor a file that can be read",
            path="key",
            suggestion=f"write the path of the key file, relative to {folder.absolute()}",
        ) from None


@lru_cache(maxsize=256)
def parse_chain(pem: bytes) -> Chain:
    """Parse certificates in PEM; the same for all hosts that have the same.

    Raises:
        CertificateError: It is not PEM, not a certificate, or broken.
    """
    try:
        chain = tuple(x509.load_pem_x509_certificates(pem))
        for certificate in chain:
            certificate.extensions  # noqa: B018 - parsed on first use only
            certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise _not_a_certificate(pem) from error
    return chain


def _not_a_certificate(pem: bytes) -> CertificateError:
    if b"PRIVATE KEY-----" in pem:
        return refusal(
            "this is a private key, not a certificate",
            path="certificate",
            suggestion="exchange certificate and key",
        )
    if b"-----BEGIN CERTIFICATE-----" in pem:
        return refusal("the certificate is damaged", path="certificate")
    return refusal(
        "the certificate is not PEM",
        path="certificate",
        suggestion="convert it with `openssl x509 -inform der -outform pem`",
    )


def parse_key(pem: bytes) -> PrivateKeyTypes:
    """Parse an unencrypted private key in PEM.

    Raises:
        CertificateError: It is encrypted, not PEM, or not a key; never repeats any of it.
    """
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise refusal(
            "the key is encrypted, and nginx would wait for its passphrase at every start",
            path="key",
            suggestion="decrypt it with `openssl pkey -in KEY -out PLAIN`, and keep it at mode 0600",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _not_a_key(pem) from None


def is_encrypted(pem: bytes) -> bool:
    """Tell whether a private key in PEM is behind a passphrase, in either of its forms."""
    return b"BEGIN ENCRYPTED PRIVATE KEY" in pem or b"Proc-Type: 4,ENCRYPTED" in pem


def parse_protected_key(pem: bytes, passphrase: Secret | None) -> PrivateKeyTypes:
    """Parse a private key in PEM that may be behind `passphrase`.

    Raises:
        CertificateError: The passphrase is missing or wrong, or it is no key; never repeats any of it.
    """
    if not is_encrypted(pem):
        return parse_key(pem)
    if passphrase is None:
        raise refusal(
            "the key is behind a passphrase",
            path="key",
            suggestion="set DEPLOYER_CA_PASSPHRASE, or run on a terminal, where it is asked for",
        )
    try:
        return load_pem_private_key(pem, password=passphrase.reveal().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise refusal("the passphrase does not open the key", path="key") from None


def _not_a_key(pem: bytes) -> CertificateError:
    if b"-----BEGIN CERTIFICATE-----" in pem:
        return refusal(
            "this is a certificate, not a private key", path="key", suggestion="exchange certificate and key"
        )
    return refusal("the key is not an unencrypted private key in PEM", path="key")


def chain_pem(chain: Chain) -> bytes:
    """Write certificates as PEM, without the comments that the file may have had."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def key_pem(key: PrivateKeyTypes, passphrase: Secret | None = None) -> bytes:
    """Write a private key as PKCS #8, behind `passphrase` if there is one."""
    protection = BestAvailableEncryption(passphrase.reveal().encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def same_key(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    """Tell whether two public keys are the same, whatever their kinds."""
    return _public_bytes(one) == _public_bytes(other)


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
