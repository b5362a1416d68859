"""The certificates of one host's sites, each from its own source."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from deployer.bundle import Certificate
from deployer.certs import acme, files, local_ca, self_signed
from deployer.certs.address import addressed
from deployer.certs.source import Decision, Source
from deployer.model.host import Host
from deployer.model.site import Site, Tls

SOURCES: Mapping[str, Source] = {
    "files": files,
    "local_ca": local_ca,
    "self_signed": self_signed,
    "acme": acme,
}
"""By the name of the source in a site's `tls`."""


def source_name(tls: Tls) -> str:
    """Return the key in `SOURCES` that `tls` asks for."""
    return next(name for name in SOURCES if getattr(tls, name) is not None)


def value_path(index: int, tls: Tls) -> str:
    """Return the path of the source's value in the inventory, such as `sites[0].tls.files`."""
    return f"sites[{index}].tls.{source_name(tls)}"


def _tls_sites(host: Host) -> Iterator[tuple[Site, Tls, str]]:
    """Yield the TLS sites of `host`, what they say of TLS, and the path of the source's value."""
    for index, site in enumerate(host.sites):
        if site.tls is not None:
            yield site, site.tls, value_path(index, site.tls)


def decide(host: Host, live: Mapping[str, bytes], now: datetime) -> tuple[Decision, ...]:
    """Say for each TLS site whether the certificate on the host stays.

    Reads certificates on the controller, makes and changes nothing.

    Args:
        host: Its sites in inventory order give the order of the decisions.
        live: Site name to the chain in PEM that the host holds intact (`Observation.certificates`).
        now: Aware, UTC.

    Raises:
        CertificateError: What the controller holds cannot be read.
    """
    decisions = []
    for site, tls, value in _tls_sites(host):
        with addressed(host, value):
            decisions.append(
                _decide(site, tls, folder=Path(host.directory), live=live.get(site.name), now=now)
            )
    return tuple(decisions)


def _decide(site: Site, tls: Tls, *, folder: Path, live: bytes | None, now: datetime) -> Decision:
    if not live:
        return Decision(site.name, needed=True, reason="no certificate yet")
    reason = SOURCES[source_name(tls)].outdated(site, folder, live=live, now=now)
    return Decision(site.name, needed=bool(reason), reason=reason)


def obtain(host: Host, decisions: Sequence[Decision], now: datetime) -> tuple[Certificate, ...]:
    """Load or issue the certificates that `decisions` need, in the order of the sites.

    The local CA is made here on first use; 100 hosts may ask at the same time.

    Raises:
        CertificateError: A file or the CA cannot be used.
    """
    needed = {decision.name for decision in decisions if decision.needed}
    obtained = []
    for site, tls, value in _tls_sites(host):
        if site.name in needed:
            with addressed(host, value):
                obtained.append(SOURCES[source_name(tls)].obtain(site, Path(host.directory), now=now))
    return tuple(obtained)


def to_issue(
    host: Host, live: Mapping[str, bytes], renewals: Mapping[str, str], *, now: datetime
) -> tuple[acme.Issue, ...]:
    """Say which certificates the host must ask its CA for in this run, in the order of the sites; pure.

    Args:
        host: Its sites with `tls.acme` are looked at.
        live: Site name to the chain in PEM that the host holds intact.
        renewals: Site name to the ACME directory that the host's own renewals ask (`Observation.renewals`).
        now: Aware, UTC.
    """
    asked = []
    for site, tls, _ in _tls_sites(host):
        if tls.acme is None:
            continue
        held, source = live.get(site.name), renewals.get(site.name, "")
        if why := acme.wanting(site, live=held, renewed_from=source, now=now):
            asked.append(acme.Issue(site.name, site.server_names, tls.acme, why))
    return tuple(asked)


def trust(host: Host, site: Site, *, serving: Mapping[str, bytes]) -> bytes | None:
    """Return the certificates in PEM that a visitor of `site` should trust; None for the system's store.

    `local_ca`: the CA. `files`: the last certificate of the supplied chain, so that an internal CA
    is as good as a public one. `self_signed`: the certificate itself, from `serving`. `acme`: what its
    `trust` says.

    Args:
        host: Where the site is.
        site: The site that is visited.
        serving: Site name to the chain in PEM that the host has now, the new ones included.
    """
    if site.tls is None:
        return None
    source = SOURCES[source_name(site.tls)]
    return source.trust(site, Path(host.directory), serving=serving.get(site.name))


def ca_notice(host: Host) -> tuple[Path, ...]:
    """Return the files of the local CA certificates that visitors of `host` have to trust.

    Only those that exist, absolute, without repetition.
    """
    paths = (
        local_ca.certificate_path(site, Path(host.directory))
        for site in host.sites
        if site.tls and site.tls.local_ca
    )
    return tuple(dict.fromkeys(path for path in paths if path.is_file()))
