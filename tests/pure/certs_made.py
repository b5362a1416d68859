"""Certificates and hosts for the tests, good and bad ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployer.errors import Place
from deployer.model.host import Host, HostVariables

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Made:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.encrypted_key_pem(b"")

    def encrypted_key_pem(self, passphrase: bytes) -> str:
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            encryption = serialization.BestAvailableEncryption(passphrase)
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        ).decode()


@dataclass(frozen=True)
class Wish:
    """What kind of certificate a test wants."""

    names: tuple[str, ...] = ()
    issuer: Made | None = None
    ca: bool = False
    path_length: int | None = None
    begins: datetime = NOW - timedelta(days=1)
    ends: datetime = NOW + YEAR
    rsa_bits: int = 0
    for_clients: bool = False


def make(name: str, wish: Wish = Wish()) -> Made:
    """Make a certificate for `name`; its own issuer where the wish names none."""
    key = (
        rsa.generate_private_key(65537, wish.rsa_bits)
        if wish.rsa_bits
        else ec.generate_private_key(ec.SECP256R1())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = wish.issuer.certificate.subject if wish.issuer else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wish.begins)
        .not_valid_after(wish.ends)
        .add_extension(x509.BasicConstraints(ca=wish.ca, path_length=wish.path_length), critical=True)
    )
    if wish.ca:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if wish.names:
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in wish.names])
        builder = builder.add_extension(names, critical=False)
    if wish.for_clients:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usage, critical=False)
    return Made(
        builder.sign(wish.issuer.key if wish.issuer else key, hashes.SHA256()),
        key,
    )


def tls_site(tls: dict[str, Any], names: Sequence[str] = ("abc.com",), name: str = "abc") -> dict[str, Any]:
    return {
        "name": name,
        "server_names": list(names),
        "tls": tls,
        "locations": [{"path": "/", "static": {"root": "/srv/www"}}],
    }


def host(directory: Path, *sites: dict[str, Any], name: str = "edge1") -> Host:
    """A host whose TLS values are written in an inventory.yaml, one line per value."""
    places = {
        f"sites[{index}].tls.files.{value}": Place("inventory.yaml", 10 * index + line, 9)
        for index in range(len(sites))
        for line, value in ((7, "certificate"), (8, "key"))
    }
    places |= {
        f"sites[{index}].tls": Place("inventory.yaml", 10 * index + 5, 9) for index in range(len(sites))
    }
    settings = HostVariables.model_validate({"sites": list(sites)})
    return Host(name, settings=settings, places=places, directory=str(directory))
