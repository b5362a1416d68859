"""Certificates of the sites: judged before a host is contacted, kept while good, obtained when needed.

Where a certificate comes from is a `Source`: `files`, `local_ca`, `self_signed`, `acme`. A further one is one
more module with the four functions of `deployer.certs.source.Source` and its line in
`deployer.certs.sites.SOURCES`.
"""

from typing import TYPE_CHECKING

from deployer.lazily import names

if TYPE_CHECKING:
    from deployer.certs.acme import Issue
    from deployer.certs.authorities import make_all, rotate_all, sealed, unseal
    from deployer.certs.checks import check
    from deployer.certs.served import describe
    from deployer.certs.sites import ca_notice, certificates, decide, obtain, to_issue, trust
    from deployer.certs.source import SECOND, Decision
else:
    # What is served is looked at by few commands, and late.
    _MODULES = {
        "acme": "Issue",
        "authorities": "make_all rotate_all sealed unseal",
        "checks": "check",
        "served": "describe",
        "sites": "ca_notice certificates decide obtain to_issue trust",
        "source": "SECOND Decision",
    }
    __getattr__ = names(__name__, _MODULES)

__all__ = [
    "SECOND",
    "Decision",
    "Issue",
    "ca_notice",
    "certificates",
    "check",
    "decide",
    "describe",
    "make_all",
    "obtain",
    "rotate_all",
    "sealed",
    "to_issue",
    "trust",
    "unseal",
]
