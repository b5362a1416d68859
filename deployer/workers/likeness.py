"""Whether a worker has the files that a walk reads: what lies beside the inventory, to the byte."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deployer import roles
from deployer.certs import authorities
from deployer.deploy.preparing import search_path
from deployer.model.host import Host
from deployer.model.site import Tls

_PEM = "-----BEGIN"
Evidence = Mapping[str, str]
"""What a file is called in a sentence, and its SHA-256 in hex; empty where it cannot be read."""


def evidence_of_roles(hosts: Sequence[Host]) -> dict[str, str]:
    """Look at what all walks read: the inventory's folder, and the files of the roles of `hosts`.

    Raises:
        RoleError: There is no such role here.
    """
    found = {f"folder {host.directory}": "there" if Path(host.directory).is_dir() else "" for host in hosts}
    wanted = {(name, search_path(host)) for host in hosts for name in host.roles}
    for name, search in sorted(wanted):
        found |= {f"role {name}/{path}": _digest(file) for path, file in roles.files_of(name, search)}
    return found


def evidence_of_sites(hosts: Sequence[Host]) -> dict[str, str]:
    """Look at what walks of `hosts` read of certificates: chains, keys, the certificate of the local CA."""
    found: dict[str, str] = {}
    for host in hosts:
        folder = Path(host.directory)
        said = {name: path for site in host.sites if site.tls for name, path in _said(site.name, site.tls)}
        found |= {name: _digest(folder / Path(path).expanduser()) for name, path in said.items()}
    # Each worker looks where it would make a CA of its own: its home may be another one.
    found |= {f"local CA in {name}": _digest(path) for name, path in authorities.certificates_of(hosts)}
    return found


def representatives(hosts: Sequence[Host]) -> tuple[Host, ...]:
    """Return as few of `hosts` as have all their roles."""
    return tuple({(host.directory, host.roles): host for host in hosts}.values())


def unlike(ours: Evidence, theirs: Evidence) -> str:
    """Say what a worker has otherwise than the controller; empty where all is alike.

    >>> unlike({"role nginx/tasks/main.yml": "a1", "file abc.pem": "b2"}, {"role nginx/tasks/main.yml": "a1"})
    'it has no file abc.pem'
    """
    different = [name for name in sorted({*ours, *theirs}) if ours.get(name, "") != theirs.get(name, "")]
    if not different:
        return ""
    name = different[0]
    more = f", nor is it alike in {len(different) - 1} more" if len(different) > 1 else ""
    if not theirs.get(name):
        return f"it has no {name}{more}"
    if not ours.get(name):
        return f"it has a {name}, which the controller has not{more}"
    return f"its {name} is not the controller's{more}"


def _said(site: str, tls: Tls) -> Iterator[tuple[str, str]]:
    """Yield each file that a site's `tls` names; what stands there as text travels.

    A key's value that names no file may be a key with its first line lost: no sentence repeats it.
    """
    acme = (tls.acme.ca_bundle, tls.acme.trust) if tls.acme else ()
    pairs = [pair for pair in (tls.files, tls.files and tls.files.rsa) if pair]
    public = (tls.client_ca, *acme, *(pair.certificate for pair in pairs))
    named = [(f"file {value}", value) for value in public if value]
    named += [(f"key {number} of {site}", pair.key.reveal()) for number, pair in enumerate(pairs, start=1)]
    yield from ((name, value) for name, value in named if not value.lstrip().startswith(_PEM))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""
