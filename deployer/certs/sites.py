"""The certificates of one host's sites, each from its own source."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from deployer.bundle import Certificate
from deployer.certs import acme, files, local_ca, self_signed
from deployer.certs.address import addressed
from deployer.certs.source import SECOND, Decision, Source
from deployer.model.host import Host
from deployer.model.site import CertificateFiles, Site, Tls

SOURCES: Mapping[str, Source] = {
    "files": files,
    "local_ca": local_ca,
    "self_signed": self_signed,
    "acme": acme,
}
"""By the name of the source in a site's `tls`."""


_ISSUED_HERE = ("local_ca", "self_signed")
_ON_REQUEST = "renewed on request"


def source_name(tls: Tls) -> str:
    """Return the key in `SOURCES` that `tls` asks for."""
    return next(name for name in SOURCES if getattr(tls, name) is not None)


def certificates(host: Host) -> Iterator[tuple[Site, Tls, str]]:
    """Yield for each certificate that `host` should have its site, what that says of TLS, and a path.

    A site's second certificate comes as one more site, which has the second pair as its only one. The
    path is that of the source's value in the inventory, such as `sites[0].tls.files`.
    """
    for index, site in enumerate(host.sites):
        if site.tls is not None:
            value = f"sites[{index}].tls.{source_name(site.tls)}"
            yield site, site.tls, value
            for second, tls in _second(site, site.tls):
                yield second, tls, f"{value}.rsa"


def _second(site: Site, tls: Tls) -> Iterator[tuple[Site, Tls]]:
    if tls.files and tls.files.rsa:
        pair = CertificateFiles(certificate=tls.files.rsa.certificate, key=tls.files.rsa.key)
        alone = tls.model_copy(update={"files": pair})
        yield site.model_copy(update={"name": site.name + SECOND, "tls": alone}), alone


def decide(
    host: Host, live: Mapping[str, bytes], now: datetime, *, renew: bool = False, kept: bool = False
) -> tuple[Decision, ...]:
    """Say for each certificate of the sites whether the one on the host stays.

    That of a site in quarantine stays unasked. Reads certificates on the controller, makes and
    changes nothing.

    Args:
        host: Its sites in inventory order give the order of the decisions.
        live: Site name to the chain in PEM that the host holds intact (`Observation.certificates`).
        now: Aware, UTC.
        renew: Replace also what is good still, where we are who issues it.
        kept: Ask of sites in quarantine all the same, where we are who issues it.

    Raises:
        CertificateError: What the controller holds cannot be read.
    """
    decisions = []
    for site, tls, value in certificates(host):
        ours = source_name(tls) in _ISSUED_HERE
        if site.name.removesuffix(SECOND) in host.kept and not (kept and ours):
            continue
        with addressed(host, value):
            made = _decide(site, tls, folder=Path(host.directory), live=live.get(site.name), now=now)
        decisions.append(Decision(site.name, needed=True, reason=_ON_REQUEST) if renew and ours else made)
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
    for site, tls, value in certificates(host):
        if site.name in needed:
            with addressed(host, value):
                obtained.append(SOURCES[source_name(tls)].obtain(site, Path(host.directory), now=now))
    return tuple(obtained)


def to_issue(
    host: Host, live: Mapping[str, bytes], renewals: Mapping[str, str], *, now: datetime, renew: bool = False
) -> tuple[acme.Issue, ...]:
    """Say which certificates the host must ask its CA for in this run, in the order of the sites; pure.

    Args:
        host: Its sites with `tls.acme` are looked at.
        live: Site name to the chain in PEM that the host holds intact.
        renewals: Site name to the ACME directory that the host's own renewals ask (`Observation.renewals`).
        now: Aware, UTC.
        renew: Ask also where what the host holds is good still.
    """
    asked = []
    for site, tls, _ in certificates(host):
        if tls.acme is None:
            continue
        held, source = live.get(site.name), renewals.get(site.name, "")
        why = acme.wanting(site, live=held, renewed_from=source, now=now)
        if why := why or (_ON_REQUEST if renew else ""):
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
    source, folder = SOURCES[source_name(site.tls)], Path(host.directory)
    trusted = source.trust(site, folder, serving=serving.get(site.name))
    # Which of two certificates a client gets is its own choice.
    others = [files.trust(second, folder, serving=None) for second, _ in _second(site, site.tls)]
    return b"".join(filter(None, (trusted, *others))) or None


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
