"""The local CAs of some hosts: opened for a run, and rotated."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from deployer.certs import agent, ca_folder, local_ca
from deployer.certs.rotation import rotate
from deployer.model.host import Host
from deployer.secret import Secret


def sealed(hosts: Sequence[Host]) -> tuple[Path, ...]:
    """Return the key files of local CAs that want a passphrase which neither we nor the environment know."""
    return tuple(folder / ca_folder.KEY for folder in _folders(hosts) if ca_folder.wants_passphrase(folder))


def unseal(key: Path, passphrase: Secret) -> None:
    """Open the key of a local CA for the rest of this run.

    Raises:
        CertificateError: The passphrase is wrong.
    """
    agent.remember(key, passphrase)
    ca_folder.load(key.parent)


def rotate_all(hosts: Sequence[Host], now: datetime) -> tuple[Path, ...]:
    """Rotate each local CA of `hosts` once; return the certificates that visitors will have to trust.

    Raises:
        CertificateError: One cannot be rotated; those before it are.
    """
    for folder in _folders(hosts):
        rotate(folder, now)
    return tuple(folder / ca_folder.CERTIFICATE for folder in _folders(hosts))


def make_all(hosts: Sequence[Host], now: datetime) -> None:
    """Make each local CA of `hosts` that does not exist yet.

    Raises:
        CertificateError: One cannot be read or made.
    """
    for folder in _folders(hosts):
        ca_folder.load_or_make(folder, now)


def certificates_of(hosts: Sequence[Host]) -> Iterator[tuple[str, Path]]:
    """Yield for each local CA of `hosts` how the inventory names it, and where its certificate is."""
    for host in hosts:
        for site in host.sites:
            if site.tls and site.tls.local_ca:
                said = site.tls.local_ca.directory or "the default folder"
                yield said, local_ca.certificate_path(site, Path(host.directory))


def _folders(hosts: Sequence[Host]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(folder.resolve() for host in hosts for folder in _of(host)))


def _of(host: Host) -> Iterator[Path]:
    for site in host.sites:
        if site.tls and site.tls.local_ca:
            yield local_ca.ca_directory(site, Path(host.directory))
