"""Ansible's patterns for hosts: `edge,!edge3`, `web*:&prod`, `~web\\d+`, `edge[0:2]`."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import translate

from deployer.errors import UsageError
from deployer.inventory.near import nearest
from deployer.inventory.ranges import split_port

_SUBSCRIPT = re.compile(r"^(?P<pattern>.+)\[(?:(?P<index>-?\d+)|(?P<first>\d+):(?P<last>\d*))\]$")
_WILD = re.compile(r"[.?*\[]")


def select(pattern: str, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return the names of the hosts that `pattern` means.

    Args:
        pattern: Parts joined by `,` or `:`; `!` takes away, `&` keeps what is in both.
        hosts: All names, in order.
        groups: Group to the hosts in it and below it.

    Raises:
        UsageError: A part that matches nothing, or nothing left; names what is near.
    """
    parts = _split(pattern, {*hosts, *groups})
    matches = {part: _matches(part.lstrip("!&"), hosts, groups) for part in parts}
    united = [part for part in parts if part[0] not in "!&"]
    chosen = {host for part in united for host in matches[part]} if united else set(hosts)
    for part in parts:
        if part[0] == "&":
            chosen &= set(matches[part])
    for part in parts:
        if part[0] == "!":
            chosen -= set(matches[part])
    if not chosen:
        raise UsageError(f"the pattern {pattern!r} leaves no host")
    return frozenset(chosen)


def _split(pattern: str, names: Collection[str]) -> list[str]:
    """A colon separates too, unless it belongs to a range, an address or a port."""
    if "," in pattern:
        parts = pattern.split(",")
    elif pattern in names or split_port(pattern)[1] is not None or pattern.count("[") != pattern.count("]"):
        parts = [pattern]
    else:
        parts = re.findall(r"(?:[^\s:\[\]]|\[[^\]]*\])+", pattern)
    found = [part.strip() for part in parts if part.strip(" !&")]
    if not found:
        raise UsageError("the pattern for hosts is empty")
    return found


def _matches(part: str, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    if part in hosts:
        return [part]
    subscript = None if part.startswith("~") else _SUBSCRIPT.match(part)
    expression = subscript["pattern"] if subscript else part
    found = list(dict.fromkeys(_named(expression, hosts, groups)))
    if subscript:
        found = _subscripted(found, subscript)
    if not found:
        raise UsageError(f"no host or group matches {part!r}", next_step=nearest(part, [*groups, *hosts]))
    return found


def _named(expression: str, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Hosts of the groups that match; a pattern with wildcards looks at the hosts' names too."""
    matcher = _compiled(expression)
    matching = [name for name in groups if matcher.match(name)]
    for name in matching:
        yield from groups[name]
    if not matching or expression.startswith("~") or _WILD.search(expression):
        yield from (name for name in hosts if matcher.match(name))


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression[1:] if expression.startswith("~") else translate(expression))
    except re.error as error:
        raise UsageError(f"{expression!r} is not a regular expression: {error}") from error


def _subscripted(found: list[str], subscript: re.Match[str]) -> list[str]:
    if subscript["index"] is not None:
        index = int(subscript["index"])
        return found[index:][:1] if -len(found) <= index < len(found) else []
    last = int(subscript["last"]) if subscript["last"] else len(found)
    return found[int(subscript["first"]) : last + 1]
