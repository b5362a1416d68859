"""What the sites of a release are: its sites.json, from which a later run can render one of them again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.certs.source import SECOND
from deployer.model.host import Host
from deployer.model.site import Site
from deployer.model.upstream import Upstream

_PEM = "-----BEGIN"


@dataclass(frozen=True)
class KeptSite:
    """One site as a release has it.

    Attributes:
        site: Itself; whatever it named by a path on the controller is text, its keys are empty.
        upstreams: Those of the host's that it uses.
        release: The release that brought this version.
    """

    site: Site
    upstreams: Mapping[str, Upstream]
    release: str


def written(host: Host, release: str) -> bytes:
    """Write down the sites of `host` for `release`; no secret is in it.

    Files that they name on the controller are read: another day other things may be in them.
    """
    entries = [{**entry_of(host, site), "release": host.kept.get(site.name, release)} for site in host.sites]
    return json.dumps({"sites": entries}, sort_keys=True).encode() + b"\n"


def entry_of(host: Host, site: Site) -> dict[str, Any]:
    """Return one site of `host` as plain values, without a release: equal sites are equal."""
    said = site.model_dump(mode="json", exclude_unset=True)
    if site.tls:
        said["tls"] = _without_files(said["tls"], Path(host.directory))
    used = {name for location in site.locations for name in location.upstream}
    upstreams = {
        name: upstream.model_dump(mode="json", exclude_unset=True)
        for name, upstream in host.settings.upstreams.items()
        if name in used
    }
    return {"site": said, "upstreams": upstreams}


def _without_files(tls: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Leave out the pairs, which the host has; the text of other files stands for them."""
    if tls.get("files"):
        tls["files"] = {"rsa": {}} if tls["files"].get("rsa") else {}
    acme = tls.get("acme") or {}
    for said, name in ((tls, "client_ca"), (acme, "ca_bundle"), (acme, "trust")):
        if said.get(name):
            said[name] = _text(said[name], folder)
    return tls


def _text(value: str, folder: Path) -> str:
    if _PEM in value:
        return value
    try:
        text = (folder / Path(value).expanduser()).read_text()
    except (OSError, ValueError):
        return value
    # What stands before it is for people.
    return text[text.find(_PEM) :] if _PEM in text else value


def read(text: bytes, certificates: Mapping[str, bytes]) -> tuple[KeptSite, ...]:
    """Read a sites.json.

    Args:
        text: The file.
        certificates: Name to the chain in PEM that the host has: a site in quarantine keeps its own.

    Raises:
        ValueError: It is none of ours, or of a deployer that knew other sites.
    """
    try:
        return tuple(_parsed(entry, certificates) for entry in _entries(text))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a sites.json: {error}") from error


def _entries(text: bytes) -> list[dict[str, Any]]:
    said = json.loads(text) if text else {"sites": []}
    return list(said["sites"])


def changed(host: Host, text: bytes) -> tuple[int, ...]:
    """Return the indices of the sites of `host` that are not, word for word, in the sites.json `text`."""
    try:
        kept = [{key: entry[key] for key in ("site", "upstreams")} for entry in _entries(text)]
    except (ValueError, KeyError):
        return ()
    return tuple(
        index
        for index, site in enumerate(host.sites)
        if json.loads(json.dumps(entry_of(host, site))) not in kept
    )


def good_versions(host: Host, site: Site, known: Sequence[KeptSite]) -> tuple[KeptSite, ...]:
    """Return what `site` was: by its name, else what served its names and has left the inventory.

    Without the latter, a site that is renamed and broken in one go would take its visitors' site away.
    """
    by_name = tuple(kept for kept in known if kept.site.name == site.name)
    there = {other.name for other in host.sites}
    names = {name.lower() for name in site.server_names}
    return by_name or tuple(
        kept
        for kept in known
        if kept.site.name not in there and names & {name.lower() for name in kept.site.server_names}
    )


def _parsed(entry: Mapping[str, Any], certificates: Mapping[str, bytes]) -> KeptSite:
    said = dict(entry["site"])
    if said.get("tls") and "files" in said["tls"]:
        said["tls"] = {**said["tls"], "files": _pairs(said["name"], said["tls"]["files"], certificates)}
    return KeptSite(
        Site.model_validate(said),
        {name: Upstream.model_validate(upstream) for name, upstream in entry["upstreams"].items()},
        entry["release"],
    )


def _pairs(name: str, files: Mapping[str, Any], certificates: Mapping[str, bytes]) -> dict[str, Any]:
    pair = {"certificate": certificates.get(name, b"").decode(), "key": ""}
    if "rsa" not in files:
        return pair
    return {**pair, "rsa": {"certificate": certificates.get(name + SECOND, b"").decode(), "key": ""}}
