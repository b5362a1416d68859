"""What is served against what is on disk, for one site; pure."""

from datetime import datetime

from cryptography import x509

from deployer.certs.acme import is_bootstrap
from deployer.certs.judge import issued_by
from deployer.certs.names import certified_names, common_name, uncovered
from deployer.certs.own import live_leaf, worn
from deployer.certs.sites import source_name
from deployer.model.site import Site
from deployer.standing import ServedCertificate, Stored

_KEYS_OWN = ("600 root root", "400 root root")


def describe(
    site: Site, stored: Stored | None, *, wire: bytes, failure: str, now: datetime
) -> ServedCertificate:
    """Describe the certificate of `site`, and say what is wrong with it.

    Args:
        site: With TLS.
        stored: Its pair on the host's disk, None where there is none.
        wire: The leaf in DER that visitors get, empty where there was no handshake.
        failure: Why there was none.
        now: Aware, UTC.
    """
    on_disk = live_leaf(stored.chain) if stored else None
    served = x509.load_der_x509_certificate(wire) if wire else None
    leaf = served or on_disk
    told = ServedCertificate(
        site.name,
        _provider(site),
        on_disk=_serial(on_disk),
        served=_serial(served),
        agrees=served is not None and served == on_disk,
        wrong=failure if served is None else _wrong(site, stored, on_disk=on_disk, served=served, now=now),
    )
    return _with_leaf(told, site, leaf=leaf, now=now) if leaf else told


def _with_leaf(
    told: ServedCertificate, site: Site, *, leaf: x509.Certificate, now: datetime
) -> ServedCertificate:
    ends = leaf.not_valid_after_utc
    return ServedCertificate(
        told.site,
        told.provider,
        names=certified_names(leaf),
        issuer=f"{common_name(leaf.issuer)} (itself)" if issued_by(leaf, leaf) else common_name(leaf.issuer),
        ends=f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        days_left=(ends - now).days,
        on_disk=told.on_disk,
        served=told.served,
        agrees=told.agrees,
        wrong=told.wrong,
        due=_due(site, leaf, now=now),
    )


def _serial(certificate: x509.Certificate | None) -> str:
    return f"{certificate.serial_number:x}" if certificate else ""


def _wrong(
    site: Site,
    stored: Stored | None,
    *,
    on_disk: x509.Certificate | None,
    served: x509.Certificate,
    now: datetime,
) -> str:
    """Say the worst of what is wrong: what visitors notice comes first."""
    if now > served.not_valid_after_utc:
        return f"what visitors get expired on {served.not_valid_after_utc.date()}"
    if missing := uncovered(served, site.server_names):
        return f"what visitors get does not cover {', '.join(missing)}"
    if on_disk is None or stored is None:
        return "there is no certificate of this site on the host's disk"
    if served != on_disk:
        return "nginx serves another certificate than the host has on disk: it was not reloaded"
    if not stored.intact:
        return "somebody changed the files on the host: the next apply replaces them"
    if stored.key not in _KEYS_OWN:
        return f"the private key on the host is {stored.key or 'gone'}, not 600 root root"
    if is_bootstrap(served):
        return "a bootstrap certificate: the CA has not issued one yet"
    return ""


def _due(site: Site, leaf: x509.Certificate, *, now: datetime) -> str:
    """Files are the operator's to replace; a host that renews by itself gets some time to do so."""
    provider, reason = _provider(site), worn(leaf, site, now=now)
    life, left = leaf.not_valid_after_utc - leaf.not_valid_before_utc, leaf.not_valid_after_utc - now
    if not reason or provider == "files":
        return ""
    if provider == "acme":
        return f"{reason}: the host should have renewed it" if left * 4 <= life else ""
    return f"{reason}: the next apply renews it"


def _provider(site: Site) -> str:
    return source_name(site.tls) if site.tls else ""
