"""Certificates that the operator has, in files on the controller or in the inventory itself."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from deployer.bundle import Certificate
from deployer.certs import judge, pem
from deployer.certs.roots import system_roots
from deployer.certs.source import SECOND, Findings
from deployer.errors import CertificateError, Problem
from deployer.model.site import CertificateFiles, Site
from deployer.secret import Secret


def check(site: Site, folder: Path, *, now: datetime) -> Findings:
    """Judge the chain, the key, and both together; see `Source.check`."""
    said = _said(site)
    problems: list[Problem] = []
    chain, key = None, None
    try:
        chain = _chain(said, folder)
    except CertificateError as error:
        problems.extend(error.problems)
    try:
        key = _key(said, folder)
    except CertificateError as error:
        problems.extend(error.problems)
    if chain:
        problems.extend(_chain_problems(chain, site, now=now))
        problems.extend(_kind_problems(chain, site))
    if chain and key:
        problems.extend(judge.pair_problems(chain, key.public_key()))
    return Findings(tuple(problems), tuple(judge.warnings_about(site.name, chain, now=now)) if chain else ())


def _chain_problems(chain: pem.Chain, site: Site, *, now: datetime) -> list[Problem]:
    return [
        *judge.name_problems(chain[0], site.server_names),
        *judge.date_problems(chain, now),
        *judge.chain_problems(chain),
        *judge.completeness_problems(chain, system_roots() if judge.lacks_issuer(chain) else ()),
        *judge.strength_problems(chain),
        *judge.purpose_problems(chain[0]),
    ]


def _kind_problems(chain: pem.Chain, site: Site) -> Iterator[Problem]:
    """One certificate may have any key; of two the first is not RSA, and the second is."""
    if _said(site).rsa or site.name.endswith(SECOND):
        yield from judge.key_kind_problems(chain, beside_rsa=_said(site).rsa is not None)


def outdated(site: Site, folder: Path, *, live: bytes, now: datetime) -> str:
    """A certificate stays while the host has the same chain to the byte; see `Source.outdated`."""
    return "" if pem.chain_pem(_chain(_said(site), folder)) == live else "file changed"


def obtain(site: Site, folder: Path, *, now: datetime) -> Certificate:
    """Load chain and key, without the comments of the files; see `Source.obtain`."""
    said = _said(site)
    chain = pem.chain_pem(_chain(said, folder))
    return Certificate(site.name, chain, Secret(pem.key_pem(_key(said, folder)).decode()))


def trust(site: Site, folder: Path, *, serving: bytes | None) -> bytes | None:
    """Trust the last certificate of the supplied chain; see `Source.trust`."""
    return pem.chain_pem(_chain(_said(site), folder)[-1:])


def _said(site: Site) -> CertificateFiles:
    if site.tls is None or site.tls.files is None:
        raise ValueError(f"site {site.name} has no certificate files")
    return site.tls.files


def _chain(said: CertificateFiles, folder: Path) -> pem.Chain:
    return pem.parse_chain(pem.read_certificate(said.certificate, folder))


def _key(said: CertificateFiles, folder: Path) -> PrivateKeyTypes:
    return pem.parse_key(pem.read_key(said.key, folder))
