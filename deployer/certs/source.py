"""What every source of certificates can be asked, and what it answers."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from deployer.bundle import Certificate
from deployer.errors import CertificateError, Problem
from deployer.model.site import Site

SECOND = "+rsa"
"""What the name of a site's second certificate ends with; no site's own name can have it."""


class Findings(NamedTuple):
    """What a look at one site found.

    Attributes:
        problems: What forbids to serve it; `path` is relative to the source's own value, `place` unset.
        warnings: Sentences about what is not an error yet.
    """

    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Whether the certificate on the host stays.

    Attributes:
        name: The site's name, which is the certificate's.
        needed: Whether a new one has to be obtained.
        reason: Why, in the words of the plan; empty where it stays.
    """

    name: str
    needed: bool
    reason: str = ""


class Source(Protocol):
    """One way to come by a certificate. A module with these four functions is one.

    `site` has this source in its `tls`; `folder` is the inventory's, where relative paths start;
    times are aware and in UTC.
    """

    def check(self, site: Site, folder: Path, *, now: datetime) -> Findings:
        """Judge what the controller holds for `site`; reads files, makes nothing."""
        ...

    def outdated(self, site: Site, folder: Path, *, live: bytes, now: datetime) -> str:
        """Say why the chain `live` (PEM) on the host must go; empty where it stays."""
        ...

    def obtain(self, site: Site, folder: Path, *, now: datetime) -> Certificate:
        """Load or issue a certificate for `site`; CertificateError if that is impossible."""
        ...

    def trust(self, site: Site, folder: Path, *, serving: bytes | None) -> bytes | None:
        """Return what a visitor should trust, in PEM; None for the system's own store.

        Args:
            site: The site that is visited.
            folder: The inventory's folder.
            serving: The chain in PEM that the host has now, None where it has none.
        """
        ...


def refusal(sentence: str, *, path: str = "", suggestion: str = "") -> CertificateError:
    """Build the error of one problem whose place is not known here."""
    return CertificateError([Problem(sentence, path=path, suggestion=suggestion)])
