"""Whose fault a refusal is: from nginx's words, or a problem in the inventory, to the sites. Pure."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from deployer.applier import Applied
from deployer.bundle import Bundle
from deployer.certs.source import SECOND
from deployer.deploy.endings import rendered_place
from deployer.errors import CertificateError, Problem, RoleError
from deployer.model.host import Host
from deployer.model.site import Site

_VALUE = re.compile(r"sites\[(\d+)\]")
_CERTIFICATE = re.compile(r"does not accept the certificate (\S+)$|/etc/deployer/certs/([^/\"]+)/")
_MANAGED = re.compile(r"/etc/deployer/releases/[^/]+/root(/[^\"\s]+)")
_FOLDERS = ("sites", "clients")
_CLAIMED = re.compile(r'conflicting server name "([^"]+)"')


def accused(applied: Applied, bundle: Bundle | None, host: Host) -> frozenset[int]:
    """Return the indices, in the inventory, of the sites that a refusal by validation is about.

    Args:
        applied: How the host's script ended.
        bundle: What it was given.
        host: What that was rendered of, with the versions of its sites.

    Returns:
        None where the words are about no site in particular.
    """
    lines = (applied.reason,) if _CERTIFICATE.search(applied.reason) else _decisive(applied.said)
    return frozenset(index for line in lines for index in _of_line(line, bundle, host))


def _decisive(said: Sequence[str]) -> Sequence[str]:
    """nginx stops at its first error; a warning decides only where there is none."""
    for level in ("[emerg]", "[warn]"):
        if lines := [line for line in said if level in line]:
            return lines
    return said


def _of_line(line: str, bundle: Bundle | None, host: Host) -> Iterator[int]:
    if place := rendered_place(line):
        _, path, number = place
        origin = bundle.origin(path, number) if bundle else None
        found = _VALUE.match(origin[1]) if origin else None
        yield from (int(found[1]),) if found else _by_file(host, path)
        return
    for certificate in _CERTIFICATE.finditer(line):
        yield from _by_name(host, (certificate[1] or certificate[2]).removesuffix(SECOND))
    for managed in _MANAGED.finditer(line):
        yield from _by_file(host, managed[1])
    for claim in _CLAIMED.finditer(line):
        claiming = [index for index, site in enumerate(host.sites) if claim[1] in _raw(site)]
        yield from (index_of(host, index) for index in claiming if len(claiming) == 1)


def _by_file(host: Host, path: str) -> Iterator[int]:
    """A file that is named by a site is that site's; what is shared is elsewhere."""
    file = PurePosixPath(path)
    return _by_name(host, file.stem if file.parent.name in _FOLDERS else "")


def _by_name(host: Host, name: str) -> Iterator[int]:
    return (index_of(host, index) for index, site in enumerate(host.sites) if site.name == name)


def index_of(host: Host, index: int) -> int:
    """Return the index in the inventory of the site at `index` of a host in quarantine."""
    return host.versions[index].index if host.versions else index


def _raw(site: Site) -> frozenset[str]:
    """The words of what a site says in nginx's own language."""
    texts = (site.raw, *(location.raw for location in site.locations))
    return frozenset(word for text in texts for word in re.split(r"[\s;{}]+", text))


def accused_by(error: RoleError | CertificateError) -> dict[int, tuple[Problem, ...]]:
    """Return index in the inventory to problems, of each site; empty where a problem is no site's."""
    problems = error.problems if isinstance(error, CertificateError) else (error.problem,)
    found: dict[int, tuple[Problem, ...]] = {}
    for problem in problems:
        value = _VALUE.match(problem.path)
        if value is None:
            return {}
        found[int(value[1])] = (*found.get(int(value[1]), ()), problem)
    return found
