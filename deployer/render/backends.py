"""The servers behind locations as nginx groups them: addresses, names that it looks up, who is asked next.

Templates reach all of it as `nginx`. Pure.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from deployer.facts import Facts
from deployer.model.location import Location
from deployer.model.site import Site
from deployer.model.upstream import Balance, Upstream
from deployer.render.nginx import identity

Again = Literal["", "unsent", "idempotent"]

_RESOLVES = (1, 27, 3)
_TRIES = 3
# A variable's addresses are tried in random order and not remembered: more tries find the living one.
_TRIES_OF_NAMES = 6
# What cannot stand, or would act twice, in the block that asks another server.
_NOT_AGAIN = re.compile(r"\b(error_page|location|rewrite|internal|recursive_error_pages)\b")


@dataclass(frozen=True)
class Backend:
    """One group of servers behind locations.

    Attributes:
        name: Unique by what the group is; never a name that DNS could know.
        servers: `host:port` or `unix:/path`; names that the host's /etc/hosts knows as addresses.
        balance: How requests are spread.
        keepalive: Idle connections kept per worker.
        keepalive_timeout: How long, as an nginx duration.
        max_fails: Failures until a server rests.
        fail_timeout: How long it rests.
        resolves: Whether nginx looks up names inside a group; before 1.27.3 only those in variables.
    """

    name: str
    servers: tuple[str, ...]
    balance: Balance
    keepalive: int
    keepalive_timeout: str
    max_fails: int
    fail_timeout: str
    resolves: bool

    @property
    def named(self) -> tuple[str, ...]:
        """Servers that DNS has to know."""
        return tuple(server for server in self.servers if needs_dns(server))

    @property
    def grouped(self) -> tuple[str, ...]:
        """Servers of the `upstream` block; none where there is no such block."""
        return tuple(server for server in self.servers if self.resolves or not needs_dns(server))

    @property
    def by_variable(self) -> bool:
        """Whether a variable of the group's name says who is asked."""
        return bool(self.named) and not self.resolves

    @property
    def target(self) -> str:
        """What follows `http://` in `proxy_pass`."""
        return f"${self.name}" if self.by_variable else self.name

    @property
    def choices(self) -> tuple[str, ...]:
        """What a location passes requests to: the group of the addresses, and each name that is in no group.

        Names end with a dot: nginx takes a variable that equals a literal `host:port` of another
        `proxy_pass` for that one, which was looked up at the start and never again.
        """
        if not self.by_variable:
            return (self.name,)
        names = (f"{host}.:{port}" for host, _, port in (name.rpartition(":") for name in self.named))
        return (*((self.name,) if self.grouped else ()), *names)

    @property
    def shares(self) -> tuple[tuple[str, str], ...]:
        """Each choice with its share of `split_clients`, the last with the rest."""
        weights = [len(self.grouped)] if self.grouped else []
        weights += [1] * len(self.named)
        shares = [f"{100 * weight / len(self.servers):.2f}%" for weight in weights]
        return tuple(zip(self.choices, (*shares[:-1], "*"), strict=True))

    @property
    def following(self) -> tuple[tuple[str, str], ...]:
        """Each choice with the one that is asked after it."""
        return tuple(zip(self.choices, (*self.choices[1:], self.choices[0]), strict=True))

    @property
    def plural(self) -> bool:
        """Whether there may be another server to ask: a name may have several addresses."""
        return len(self.servers) > 1 or bool(self.named)

    @property
    def rests(self) -> bool:
        """Whether a group has servers that rest after failures, and asks them all the same where all do."""
        several = len(self.grouped) > 1 or (self.resolves and self.plural)
        return several and self.max_fails > 0 and self.balance in ("round_robin", "least_conn")

    def tries(self, again: Again) -> int:
        """How many tries one request has in all, where our own block asks another server."""
        if again == "unsent" and self.by_variable:
            return _TRIES_OF_NAMES
        return min(_TRIES, len(self.choices)) if self.by_variable else _TRIES


def backend(location: Location, upstreams: Mapping[str, Upstream], facts: Facts) -> Backend:
    """The servers behind `location`.

    Tomcat hangs up after 20 s of silence, so its idle connections are dropped before that. A handshake
    takes no idle connection: the backend may be closing it, and nothing that was sent is sent again.
    """
    group, label = _group(location, upstreams)
    servers = tuple(dict.fromkeys(each for server in group.servers for each in _known(server, facts)))
    timeout = "15s" if location.tomcat else "60s"
    keepalive = 0 if location.websocket or location.php else group.keepalive
    name = re.sub(r"[^a-z0-9]", "_", label.lower())
    return Backend(
        f"deployer_{name}_{identity(group.model_dump_json(), servers, timeout, keepalive)}",
        servers,
        group.balance,
        keepalive,
        timeout,
        group.max_fails,
        group.fail_timeout,
        resolves=facts.nginx_version >= _RESOLVES,
    )


def _group(location: Location, upstreams: Mapping[str, Upstream]) -> tuple[Upstream, str]:
    if location.php:
        return Upstream(servers=(location.php.fpm,)), "php"
    reference = location.upstream
    if len(reference) == 1 and reference[0] in upstreams:
        return upstreams[reference[0]], reference[0]
    behind = location.websocket or location.tomcat or location.proxy
    return Upstream(servers=reference, balance=behind.balance if behind else "round_robin"), location.kind


def backends(sites: Sequence[Site], upstreams: Mapping[str, Upstream], facts: Facts) -> tuple[Backend, ...]:
    """Every group of servers that a location uses, each once, in order of use."""
    behind = (
        (location, backend(location, upstreams, facts))
        for site in sites
        for location in site.locations
        if location.upstream or location.php
    )
    # One address of php-fpm stands in its location.
    return tuple(dict.fromkeys(group for location, group in behind if location.upstream or group.plural))


def again(site: Site, location: Location, behind: Backend, *, raw: str) -> Again:
    """Under which condition our own block asks another server, empty where nginx does it or none is there.

    nginx itself repeats what is idempotent by its method, in a group or among the addresses of one name.
    A handshake is GET and yet must not be sent twice; and nginx knows no list of names before 1.27.3.

    Args:
        site: The location's.
        location: Of a kind that has a backend.
        behind: Its backend.
        raw: nginx directives of the http level.
    """
    if _NOT_AGAIN.search(location.raw) or "error_page" in site.raw + raw:
        return ""
    if location.websocket:
        return "unsent" if behind.plural else ""
    return "idempotent" if len(behind.choices) > 1 else ""


def needs_dns(server: str) -> bool:
    """Tell whether `server`, `host:port` or `unix:/path`, names its host instead of giving its address."""
    return bool(_named(server))


def names(sites: Sequence[Site], upstreams: Mapping[str, Upstream]) -> tuple[str, ...]:
    """The names of backends that a host has to know, by /etc/hosts or by DNS; lower case, sorted."""
    servers = (
        server
        for site in sites
        for location in site.locations
        if location.upstream or location.php
        for server in _group(location, upstreams)[0].servers
    )
    return tuple(sorted({name.lower() for server in servers if (name := _named(server))}))


def _named(server: str) -> str:
    host = "" if server.startswith("unix:") else server.rpartition(":")[0]
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host
    return ""


def _known(server: str, facts: Facts) -> Iterator[str]:
    """`server` by its addresses in /etc/hosts, which nginx's resolver does not read."""
    name, port = _named(server), server.rpartition(":")[2]
    if name.lower() == "localhost":
        yield f"127.0.0.1:{port}"
        return
    addresses = [address for known, address in facts.hosts if known == name.lower()]
    yield from (f"{address}:{port}" for address in addresses)
    if not addresses:
        yield server
