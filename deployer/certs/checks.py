"""The check before anything is contacted: every certificate of every host, every problem at once."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from deployer.certs import client_ca
from deployer.certs.address import at
from deployer.certs.sites import SOURCES, certificates, source_name
from deployer.certs.source import SECOND, Findings
from deployer.errors import CertificateError, Problem
from deployer.model.host import Host
from deployer.model.site import Site, Tls


def check(hosts: Sequence[Host], now: datetime) -> tuple[str, ...]:
    """Judge the certificates of all sites of `hosts`; contacts nothing, makes nothing.

    Those of sites in quarantine have been judged when they were put in place.

    What many hosts share is read once and reported once.

    Args:
        hosts: The hosts that will be contacted.
        now: Aware, UTC.

    Returns:
        Warnings, such as certificates that end within 14 days.

    Raises:
        CertificateError: With every problem of every host, in inventory order.
    """
    judged: dict[tuple[object, ...], Findings] = {}
    problems: dict[Problem, None] = {}
    warnings: dict[str, None] = {}
    for host in hosts:
        for site, tls, value in certificates(host):
            if site.name.removesuffix(SECOND) in host.kept:
                continue
            key = (site.name, site.server_names, tls, host.directory)
            if key not in judged:
                judged[key] = _judge(site, tls, folder=Path(host.directory), now=now)
            found = judged[key]
            warnings.update(dict.fromkeys(found.warnings))
            problems.update(dict.fromkeys(at(host, value, problem=problem) for problem in found.problems))
        problems.update(dict.fromkeys(_of_clients(host, now=now)))
    if problems:
        raise CertificateError(tuple(problems))
    return tuple(warnings)


def _of_clients(host: Host, *, now: datetime) -> Iterator[Problem]:
    """Yield what is wrong with the CAs whose certificates visitors may have."""
    for index, site in enumerate(host.sites):
        if site.tls and site.tls.client_ca and site.name not in host.kept:
            for problem in client_ca.problems(site.tls.client_ca, Path(host.directory), now=now):
                yield at(host, f"sites[{index}].tls", problem=problem)


def _judge(site: Site, tls: Tls, *, folder: Path, now: datetime) -> Findings:
    try:
        return SOURCES[source_name(tls)].check(site, folder, now=now)
    except CertificateError as error:
        return Findings(problems=error.problems)
