"""Certificates from a CA that the controller keeps, made on first use."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from deployer.bundle import Certificate
from deployer.certs import ca_folder
from deployer.certs.issue import issue
from deployer.certs.judge import days_left, issued_by
from deployer.certs.own import live_leaf, worn
from deployer.certs.pem import chain_pem
from deployer.certs.source import Findings, refusal
from deployer.errors import Problem
from deployer.model.site import Site

_CA_SOON = timedelta(days=90)


def check(site: Site, folder: Path, *, now: datetime) -> Findings:
    """Judge the CA, where there is one already; see `Source.check`.

    A key whose passphrase nobody has told yet is not looked into: nothing may have to be issued.
    """
    directory = ca_directory(site, folder)
    certificate = ca_folder.certificate(directory)
    if certificate is None:
        return Findings()
    where = certificate_path(site, folder)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return Findings((_ended(where, certificate, path="directory"),))
    if not ca_folder.wants_passphrase(directory):
        ca_folder.load(directory)
    if certificate.not_valid_after_utc <= now + _CA_SOON:
        return Findings(warnings=(f"the local CA {where} ends in {days_left(certificate, now)}",))
    return Findings(warnings=_exposed(where.with_name(ca_folder.KEY)))


def _exposed(key: Path) -> tuple[str, ...]:
    if key.stat().st_mode & 0o077:
        return (f"others can read the key of the local CA: chmod 600 {key}",)
    return ()


def _ended(where: Path, certificate: x509.Certificate, *, path: str) -> Problem:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Problem(
        f"the local CA {where} is valid from {begins.date()} to {ends.date()} only",
        path=path,
        suggestion=f"take {where.parent} away to have a new CA made, and trust that one",
    )


def outdated(site: Site, folder: Path, *, live: bytes, now: datetime) -> str:
    """A certificate stays while our CA issued it and it is not worn; see `Source.outdated`."""
    leaf = live_leaf(live)
    if leaf is None:
        return "what is there is not a certificate"
    certificate = ca_folder.certificate(ca_directory(site, folder))
    if certificate is None or not issued_by(leaf, certificate):
        return "issued by another CA"
    return worn(leaf, site, now=now)


def obtain(site: Site, folder: Path, *, now: datetime) -> Certificate:
    """Issue a certificate, and make the CA first where there is none; see `Source.obtain`."""
    authority = ca_folder.load_or_make(ca_directory(site, folder), now)
    if now >= authority.certificate.not_valid_after_utc:
        raise refusal(_ended(certificate_path(site, folder), authority.certificate, path="").sentence)
    return issue(site, authority, now=now)


def trust(site: Site, folder: Path, *, serving: bytes | None) -> bytes | None:
    """Trust the CA, and the one before it after a rotation; see `Source.trust`."""
    return chain_pem(ca_folder.trusted(ca_directory(site, folder))) or None


def certificate_path(site: Site, folder: Path) -> Path:
    """Return where the CA's certificate is, or will be; absolute."""
    return ca_directory(site, folder) / ca_folder.CERTIFICATE


def ca_directory(site: Site, folder: Path) -> Path:
    """Return the folder of the CA of `site`; absolute."""
    if site.tls is None or site.tls.local_ca is None:
        raise ValueError(f"site {site.name} has no local CA")
    said = site.tls.local_ca.directory
    directory = folder / Path(said).expanduser() if said else _data_home() / "deployer" / "ca"
    return directory.absolute()


def _data_home() -> Path:
    """Where the XDG Base Directory Specification keeps a user's data; relative values do not count."""
    said = Path(os.environ.get("XDG_DATA_HOME", ""))
    return said if said.is_absolute() else Path.home() / ".local" / "share"
