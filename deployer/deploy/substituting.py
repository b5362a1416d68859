"""A host with other versions of some of its sites in their places. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from deployer.deploy.kept_sites import KeptSite
from deployer.errors import Place
from deployer.model.host import Host, HostVariables, Version
from deployer.model.site import Site
from deployer.model.upstream import Upstream

Model = TypeVar("Model", bound=BaseModel)


class UnfitError(Exception):
    """There is no good version of a site that could serve beside the others; says why."""


def substituted(host: Host, versions: Mapping[int, tuple[KeptSite, ...]]) -> Host:
    """Return `host` with the sites at some indices replaced by what they were.

    Args:
        host: As the inventory has it.
        versions: Index of a site to what takes its place; nothing: it is left out.

    Raises:
        UnfitError: No site is left, or they do not go together.
    """
    chosen = list(_chosen(host, versions))
    if not chosen:
        raise UnfitError("no site would be left")
    upstreams = dict(host.settings.upstreams)
    sites = [
        _beside(host, kept, upstreams) if kept else host.sites[version.index] for version, kept in chosen
    ]
    return replace(
        host,
        settings=_settings(host, sites, upstreams),
        places=_places(host, [version for version, _ in chosen], sites),
        versions=tuple(version for version, _ in chosen),
    )


def _chosen(
    host: Host, versions: Mapping[int, tuple[KeptSite, ...]]
) -> Iterator[tuple[Version, KeptSite | None]]:
    for index in range(len(host.sites)):
        if index not in versions:
            yield Version(index), None
        for kept in versions.get(index, ()):
            yield Version(index, kept.release), kept


def _settings(host: Host, sites: list[Site], upstreams: Mapping[str, Upstream]) -> HostVariables:
    """Validate anew what holds between sites; what holds within each of them is known."""
    values = {name: getattr(host.settings, name) for name in host.settings.model_fields_set}
    try:
        return HostVariables.model_validate({**values, "sites": sites, "upstreams": upstreams})
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UnfitError(f"the last good version does not go with the rest: {said}") from error


def _beside(host: Host, kept: KeptSite, upstreams: dict[str, Upstream]) -> Site:
    """Return the site as it can stand beside those of the inventory; adds what it uses to `upstreams`."""
    renamed = {}
    for name, upstream in kept.upstreams.items():
        if upstreams.setdefault(name, upstream) != upstream:
            renamed[name] = _other_name(upstream)
            upstreams[renamed[name]] = upstream
    return _with_roots(host, _with_upstreams(kept.site, renamed))


def _other_name(upstream: Upstream) -> str:
    """Name an upstream by what it is: another version of it has its name by now."""
    said = json.dumps(upstream.model_dump(mode="json"), sort_keys=True)
    return f"kept-{hashlib.sha256(said.encode()).hexdigest()[:10]}"


def _with_upstreams(site: Site, renamed: Mapping[str, str]) -> Site:
    if not renamed:
        return site
    locations = []
    for location in site.locations:
        behind = getattr(location, location.kind)
        names = tuple(renamed.get(name, name) for name in location.upstream)
        if names != location.upstream:
            locations.append(_updated(location, **{location.kind: _updated(behind, upstream=names)}))
        else:
            locations.append(location)
    return _updated(site, locations=tuple(locations))


def _updated(model: Model, **values: object) -> Model:
    return model.model_copy(update=values)


def _with_roots(host: Host, site: Site) -> Site:
    """A host has one set of roots for all ACME directories: the inventory's, where it has one."""
    others = [other.tls.acme for other in host.sites if other.tls and other.tls.acme]
    if not (site.tls and site.tls.acme and others):
        return site
    acme = _updated(site.tls.acme, ca_bundle=others[0].ca_bundle)
    return _updated(site, tls=_updated(site.tls, acme=acme))


def _places(host: Host, versions: list[Version], sites: list[Site]) -> Mapping[str, Place]:
    """Return where the values are written; all of a kept version are where the inventory has the site."""
    places = {path: place for path, place in host.places.items() if not path.startswith("sites[")}
    own: dict[str, list[tuple[str, Place]]] = {}
    for path, place in host.places.items():
        if path.startswith("sites["):
            head, _, tail = path.partition("]")
            own.setdefault(f"{head}]", []).append((tail, place))
    for index, (version, site) in enumerate(zip(versions, sites, strict=True)):
        written = own.get(f"sites[{version.index}]", [])
        if version.release:
            at = next((place for tail, place in written if not tail), None)
            written = [(tail, at) for tail in _paths(site.model_dump(exclude_unset=True))] if at else []
        places |= {f"sites[{index}]{tail}": place for tail, place in written}
    return places


def _paths(value: object) -> Iterator[str]:
    """Yield the path of a value and of everything in it, as the inventory writes paths."""
    yield ""
    if isinstance(value, Mapping):
        yield from (f".{key}{below}" for key, inner in value.items() for below in _paths(inner))
    elif isinstance(value, list | tuple):
        yield from (f"[{index}]{below}" for index, inner in enumerate(value) for below in _paths(inner))
