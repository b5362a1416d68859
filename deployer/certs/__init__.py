"""Certificates of the sites: judged before a host is contacted, kept while good, obtained when needed.

Where a certificate comes from is a `Source`: `files`, `local_ca`, `self_signed`. A further one is one
more module with the four functions of `deployer.certs.source.Source` and its line in
`deployer.certs.sites.SOURCES`.
"""

from deployer.certs.checks import check
from deployer.certs.sites import ca_notice, decide, obtain, trust
from deployer.certs.source import Decision

__all__ = ["Decision", "ca_notice", "check", "decide", "obtain", "trust"]
