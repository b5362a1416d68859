"""One look at a host: from what the script's observing half said to an observation. Pure."""

import base64
import ipaddress
import re
from collections.abc import Iterable, Sequence

from deployer.applier.events import Event, count
from deployer.applier.told import understood
from deployer.facts import (
    Facts,
    LiveFile,
    ManifestEntry,
    Observation,
    Pending,
    Release,
    ServiceState,
    Version,
)
from deployer.release import ORIGINAL, parse_manifest_line
from deployer.standing import Cut, Stored, Worker

# What the distributions bring, for hosts that do not have it yet.
_NGINX = {
    "buster": "1.14.2",
    "bullseye": "1.18.0",
    "bookworm": "1.22.1",
    "trixie": "1.26.3",
    "focal": "1.18.0",
    "jammy": "1.18.0",
    "noble": "1.24.0",
}
_OPENSSL = {"buster": "1.1.1", "bullseye": "1.1.1", "focal": "1.1.1", "trixie": "3.5.0"}
_PHP = {
    "buster": "7.3",
    "bullseye": "7.4",
    "bookworm": "8.2",
    "trixie": "8.4",
    "focal": "7.4",
    "jammy": "8.1",
    "noble": "8.3",
}
_TOMCAT = {"buster": "9", "bullseye": "9", "focal": "9", "jammy": "9"}


def read_observation(events: Sequence[Event]) -> Observation:
    """Build an observation of what the script said."""
    events = understood(events)
    texts = {event[0]: base64.b64decode(event[1]) for event in _of("text", events)}
    return Observation(
        facts=read_facts(events),
        clock=int(_last("clock", events) or 0),
        current=_last("current", events),
        running=_last("running", events),
        releases=_releases(events),
        manifests=_manifests(events),
        files={event[0]: _live(event, texts.get(event[0])) for event in _of("file", events)},
        packages={event[0]: event[1] for event in _of("package", events)},
        services={
            event[0]: ServiceState(active=event[1] == "yes", enabled=event[2] == "yes")
            for event in _of("service", events)
        },
        directories={event[0]: _stat(event[1]) for event in _of("dir", events)},
        certificates={event[0]: base64.b64decode(event[1]) for event in _of("cert", events)},
        renewals={event[0]: event[2] for event in _of("cert", events) if event[2]},
        stored={event[0]: _stored(event) for event in _of("stored", events)},
        workers=tuple(_worker(event) for event in _of("worker", events)),
        cut=next((Cut(event[0], count(event[1])) for event in _of("cut", events)), None),
        foreign=tuple(event[0] for event in _of("foreign", events)),
        leftovers=tuple(event[0] for event in _of("leftover", events)),
        journal=tuple(event[0] for event in _of("journal", events)),
        sites=base64.b64decode(_last("sites", events)),
        pristine=_last("pristine", events) == "yes",
        lock=_last("lock", events),
        pending=next((Pending(event[0], event[1], until=event[2]) for event in _of("pending", events)), None),
    )


def _of(kind: str, events: Iterable[Event]) -> Iterable[Event]:
    return (event for event in events if event.kind == kind)


def _last(kind: str, events: Iterable[Event]) -> str:
    return next((event[0] for event in reversed(tuple(_of(kind, events)))), "")


def _releases(events: Sequence[Event]) -> tuple[Release, ...]:
    """Oldest first: names sort by age, and what was there before us was there first."""
    found = (
        Release(event[0], confirmed=event[1] == "yes", meta=event[2]) for event in _of("release", events)
    )
    return tuple(sorted(found, key=lambda release: (release.name != ORIGINAL, release.name)))


def _manifests(events: Sequence[Event]) -> dict[str, dict[str, ManifestEntry]]:
    manifests: dict[str, dict[str, ManifestEntry]] = {}
    for event in _of("manifest", events):
        path, entry = parse_manifest_line(event[1])
        manifests.setdefault(event[0], {})[path] = entry
    return manifests


def _stored(event: Event) -> Stored:
    return Stored(base64.b64decode(event[3]), intact=event[1] == "yes", key=event[2])


def _worker(event: Event) -> Worker:
    draining = event[1] == "draining"
    return Worker(int(event[0]), draining=draining, age=int(event[2] or 0), connections=count(event[3]))


def _stat(said: str, *, link: str = "", sha256: str = "", text: bytes | None = None) -> LiveFile:
    if not said:
        return LiveFile(link=link)
    mode, owner, group = said.split(" ")
    return LiveFile(sha256=sha256, mode=int(mode, 8), owner=owner, group=group, link=link, text=text)


def _live(event: Event, text: bytes | None) -> LiveFile:
    return _stat(event[2], link=event[1], sha256=event[3], text=text)


def read_facts(events: Sequence[Event]) -> Facts:
    """Read the facts; what a bare host cannot say yet is what its distribution would bring."""
    said = {event[0]: event[1] for event in _of("fact", events)}
    nginx = "\n".join(event[0] for event in _of("nginx", events))
    candidate = next((event[1] for event in _of("candidate", events)), "")
    codename = said.get("os_codename", "")
    release = re.search(r"nginx/([\d.]+)", nginx)
    version = _version(release[1] if release else candidate or _NGINX.get(codename, "")) or (1, 22, 1)
    return Facts(
        os_id=said.get("os_id", ""),
        os_version=said.get("os_version", ""),
        os_codename=codename,
        nginx_version=version,
        nginx_modules=_modules(nginx, version),
        openssl_version=_openssl(nginx) or _version(_OPENSSL.get(codename, "3.0.0")),
        php_version=said.get("php_version") or _PHP.get(codename, "8.2"),
        tomcat_version=said.get("tomcat_version") or _TOMCAT.get(codename, "10"),
        ipv6=said.get("ipv6") == "yes",
        init=said.get("init", "none"),
        resolvers=_resolvers(events, ipv6=said.get("ipv6") == "yes"),
        hosts=_hosts(events, ipv6=said.get("ipv6") == "yes"),
    )


def _resolvers(events: Iterable[Event], *, ipv6: bool) -> tuple[str, ...]:
    """Each once, as nginx writes them; what stands behind the address in resolv.conf is no part of it."""
    written = (_address((event[0].split() or [""])[0], ipv6=ipv6) for event in _of("resolver", events))
    return tuple(dict.fromkeys(address for address in written if address))


def _hosts(events: Iterable[Event], *, ipv6: bool) -> tuple[tuple[str, str], ...]:
    found = ((event[0], _address(event[1], ipv6=ipv6)) for event in _of("name", events))
    return tuple(dict.fromkeys(pair for pair in found if pair[1]))


def _address(text: str, *, ipv6: bool) -> str:
    """`text` as nginx writes an address; empty where it takes none: a zone (`fe80::1%eth0`), no IPv6 here."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    return f"[{address}]" if ipv6 and not address.scope_id else ""


def _modules(nginx: str, version: Version) -> frozenset[str]:
    """Debian builds HTTP/3 in since 1.26: what matters of a package that is yet to come."""
    if nginx:
        jit = {"pcre_jit"} if "--with-pcre-jit" in nginx else set()
        return frozenset({*re.findall(r"--with-([a-z0-9_]+)_module", nginx), *jit})
    return frozenset({"http_stub_status", "pcre_jit"} | ({"http_v3"} if version >= (1, 26) else set()))


def _version(text: str) -> Version:
    match = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _openssl(nginx: str) -> Version:
    """The library that nginx runs with decides, where that differs from the one it was built with."""
    found = re.search(r"running with OpenSSL ([\d.]+)", nginx) or re.search(
        r"built with OpenSSL ([\d.]+)", nginx
    )
    return _version(found[1]) if found else ()
