"""Checks across values: nothing is named twice, every upstream exists.

The model refuses the same, but stops at the first and cannot point inside: these see all of them, on plain
data of any shape, and say where.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from deployer.inventory.complaints import Complaint, Keys
from deployer.inventory.near import nearest
from deployer.inventory.variable import path_of
from deployer.model.values import is_address

Entry = tuple[Keys, Mapping[str, Any]]
_WITH_UPSTREAM = ("websocket", "tomcat", "proxy")


def check(given: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield what is wrong across the variables that are ours."""
    sites = list(_entries(given, ("sites",)))
    yield from _names_twice(sites)
    yield from _server_names_twice(sites)
    yield from _policies_of_a_port(sites)
    for site in sites:
        yield from _paths_twice(site)
        for location in _entries(site[1], ("locations",), outer=site[0]):
            yield from _unknown_upstream(location, given.get("upstreams", {}))


def unknown_roles(given: Mapping[str, Any], known: Collection[str]) -> Iterator[Complaint]:
    """Yield every role of `given` that is not in `known`; nothing if none are known."""
    for keys, name in _texts(given.get("roles"), ("roles",)) if known else ():
        if name not in known:
            suggestion = nearest(name, known) or f"known are {', '.join(sorted(known))}"
            yield Complaint(keys, f"there is no role {name!r}", suggestion)


def _entries(value: Mapping[str, Any], keys: Keys, *, outer: Keys = ()) -> Iterator[Entry]:
    entries = value.get(str(keys[0]))
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            if isinstance(entry, dict):
                yield (*outer, *keys, index), entry


def _names_twice(sites: list[Entry]) -> Iterator[Complaint]:
    seen: dict[str, Keys] = {}
    for keys, site in sites:
        name = site.get("name")
        if isinstance(name, str):
            first = seen.setdefault(name, keys)
            if first != keys:
                yield Complaint((*keys, "name"), f"{path_of(first)} has the name {name} already")


def _server_names_twice(sites: list[Entry]) -> Iterator[Complaint]:
    seen: dict[tuple[str, str], Keys] = {}
    for keys, site in sites:
        for name_keys, name in _texts(site.get("server_names"), (*keys, "server_names")):
            owners = {seen.setdefault((name.lower(), port), keys) for port in _ports(site)}
            for owner in sorted(owners - {keys}, key=str):
                yield Complaint(name_keys, f"{path_of(owner)} serves {name} already")


def _policies_of_a_port(sites: list[Entry]) -> Iterator[Complaint]:
    """The protocols of a port are those of its default server, whatever its other sites say."""
    seen: dict[str, tuple[Keys, str]] = {}
    for keys, site in sites:
        tls = site.get("tls")
        if not isinstance(tls, dict):
            continue
        port, policy = str(site.get("https_port", 443)), str(tls.get("policy", "intermediate"))
        first, other = seen.setdefault(port, ((*keys, "tls"), policy))
        if other != policy and {policy, other} <= {"modern", "intermediate"}:
            yield Complaint(
                (*keys, "tls", *(["policy"] if "policy" in tls else [])),
                f"{path_of(first)} has the policy {other} on port {port}, this one {policy}",
                "sites on one port have one policy; give one of them another https_port",
            )


def _ports(site: Mapping[str, Any]) -> set[str]:
    given = [
        site.get("http_port", 80),
        *([site.get("https_port", 443)] if site.get("tls") is not None else []),
    ]
    return {str(port) for port in given if isinstance(port, int | str)}


def _texts(value: object, keys: Keys) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, list):
        yield from (((*keys, index), text) for index, text in enumerate(value) if isinstance(text, str))


def _paths_twice(site: Entry) -> Iterator[Complaint]:
    seen: dict[tuple[str, bool, bool], Keys] = {}
    for keys, location in _entries(site[1], ("locations",), outer=site[0]):
        path, exact, regex = (location.get(key) for key in ("path", "exact", "regex"))
        if isinstance(path, str):
            same = (path if regex is True else path.rstrip("/"), exact is True, regex is True)
            first = seen.setdefault(same, keys)
            if first != keys:
                yield Complaint((*keys, "path"), f"{path_of(first)} has the path {path} already")


def _unknown_upstream(location: Entry, upstreams: object) -> Iterator[Complaint]:
    keys, content = location
    for kind in _WITH_UPSTREAM:
        inside = content.get(kind)
        texts = (
            list(_texts(inside.get("upstream"), (*keys, kind, "upstream")))
            if isinstance(inside, dict)
            else []
        )
        if len(texts) == 1 and isinstance(upstreams, dict):
            name_keys, name = texts[0]
            if not is_address(name) and name not in upstreams:
                suggestion = nearest(name, map(str, upstreams)) or "write host:port or unix:/path"
                yield Complaint(name_keys, f"upstreams has no entry {name!r}", suggestion)
