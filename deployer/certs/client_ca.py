"""The CAs whose certificates the visitors of a site must have."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from deployer.certs import judge
from deployer.certs.pem import parse_chain, read_certificate
from deployer.errors import CertificateError, Problem

_PATH = "client_ca"


def problems(said: str, folder: Path, *, now: datetime) -> Iterator[Problem]:
    """Yield what forbids to let visitors in by these CAs.

    Args:
        said: Certificates in PEM, or the path of a file with them, from `folder`.
        folder: The inventory's.
        now: Aware, UTC.
    """
    try:
        pem = read_certificate(said, folder)
        authorities = parse_chain(pem)
    except CertificateError as error:
        yield from (replace(problem, path=_PATH) for problem in error.problems)
        return
    if b"PRIVATE KEY-----" in pem:
        yield Problem("a private key is in there; it would become readable on the host", path=_PATH)
    for found in (
        *judge.authority_problems(authorities),
        *judge.date_problems(authorities, now),
        *judge.strength_problems(authorities),
    ):
        yield replace(found, path=_PATH)
