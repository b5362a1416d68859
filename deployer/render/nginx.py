"""What nginx calls the things of an inventory: listeners, match forms, upstream groups, headers.

Templates reach all of it as `nginx`. Pure, and the only place that knows these rules.
"""

import hashlib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from deployer.model.location import Location
from deployer.model.site import Site, Tls
from deployer.model.tls import Policy
from deployer.model.upstream import Balance, Upstream

BlockForm = Literal["root", "exact", "below", "regex", "bare"]

_FOLDER_KINDS = ("php", "tomcat", "static")


@dataclass(frozen=True)
class Listener:
    """One port of the host and what all sites on it agree on.

    Attributes:
        port: Its number.
        tls: Whether it is HTTPS.
        http2: Whether nginx before 1.25.1 speaks HTTP/2 there.
        http3: Whether a site has HTTP/3 there.
        policy: Of all sites there.
        asks_clients: Whether a site there asks visitors for a certificate.
    """

    port: int
    tls: bool
    http2: bool = False
    http3: bool = False
    policy: Policy = "intermediate"
    asks_clients: bool = False


@dataclass(frozen=True)
class Backend:
    """One group of servers behind locations.

    Attributes:
        name: Unique by what the group is; never a name that DNS could know.
        servers: `host:port` or `unix:/path`.
        balance: How requests are spread.
        keepalive: Idle connections kept per worker.
        keepalive_timeout: How long, as an nginx duration.
        max_fails: Failures until a server rests.
        fail_timeout: How long it rests.
        by_name: Whether nginx has to look a server up in DNS, at run time.
    """

    name: str
    servers: tuple[str, ...]
    balance: Balance
    keepalive: int
    keepalive_timeout: str
    max_fails: int
    fail_timeout: str
    by_name: bool

    @property
    def target(self) -> str:
        """What follows `http://` in `proxy_pass`."""
        return f"${self.name}" if self.by_name else self.name

    @property
    def shares(self) -> tuple[tuple[str, str], ...]:
        """Each server with its share of `split_clients`, the last with the rest."""
        percent = f"{100 / len(self.servers):.2f}%"
        return (*((server, percent) for server in self.servers[:-1]), (self.servers[-1], "*"))


@dataclass(frozen=True)
class Block:
    """One nginx `location`: how it matches, and in which form the inventory's path stands in it."""

    match: str
    form: BlockForm


@dataclass(frozen=True)
class PathMapping:
    """A public path and what the backend calls it; both without the slash at the end."""

    public: str
    backend: str


def identity(*parts: object) -> str:
    """Ten hex digits that name `parts` in variables and zones."""
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:10]


def listeners(sites: Sequence[Site]) -> tuple[Listener, ...]:
    """Every port that a site uses, in order.

    HTTP/2 belongs to the port before nginx 1.25.1: there it is on where no site of the port objects.
    """
    plain = {site.http_port for site in sites}
    secure: dict[int, list[tuple[Site, Tls]]] = {}
    for site in sites:
        if site.tls:
            secure.setdefault(site.https_port, []).append((site, site.tls))
    return (
        *(Listener(port, tls=False) for port in sorted(plain)),
        *(_secure_listener(port, there) for port, there in sorted(secure.items())),
    )


def _secure_listener(port: int, there: Sequence[tuple[Site, Tls]]) -> Listener:
    return Listener(
        port,
        tls=True,
        http2=all(site.http2 for site, _ in there),
        http3=any(site.http3 for site, _ in there),
        policy=there[0][1].policy,
        asks_clients=any(tls.client_ca for _, tls in there),
    )


def ports_in_two_roles(sites: Sequence[Site]) -> tuple[int, ...]:
    """Ports that one site uses for HTTP and another for HTTPS: nginx cannot."""
    seen = [listener.port for listener in listeners(sites)]
    return tuple(sorted({port for port in seen if seen.count(port) > 1}))


def blocks(site: Site, location: Location) -> tuple[Block, ...]:
    """The nginx locations that one location of the inventory becomes.

    `/wss` is `= /wss` and `^~ /wss/`, so that `/wssfoo` is none of it. Where the path stands for a
    folder, and where it ends with a slash, the form without the slash is `bare`: it redirects.
    """
    path = location.path
    if location.regex:
        return (Block(f'~ "{path}"', "regex"),)
    if location.exact:
        return (Block(f"= {path}", "exact"),)
    base = path.rstrip("/")
    if not base:
        return (Block("/", "root"),)
    below = Block(f"^~ {base}/", "below")
    if base in {other.path for other in site.locations if other.exact}:
        return (below,)
    is_folder = location.kind in _FOLDER_KINDS or path.endswith("/")
    return (Block(f"= {base}", "bare" if is_folder else "exact"), below)


def backend(location: Location, upstreams: Mapping[str, Upstream]) -> Backend:
    """The servers behind `location`.

    Tomcat hangs up after 20 s of silence, so its idle connections are dropped before that.
    """
    reference = location.upstream
    if len(reference) == 1 and reference[0] in upstreams:
        group, label = upstreams[reference[0]], reference[0]
    else:
        behind = location.websocket or location.tomcat or location.proxy
        group = Upstream(servers=reference, balance=behind.balance if behind else "round_robin")
        label = location.kind
    timeout = "15s" if location.tomcat else "60s"
    servers = tuple(_loopback(server) for server in group.servers)
    name = re.sub(r"[^a-z0-9]", "_", label.lower())
    return Backend(
        f"deployer_{name}_{identity(group.model_dump_json(), timeout)}",
        servers,
        group.balance,
        group.keepalive,
        timeout,
        group.max_fails,
        group.fail_timeout,
        by_name=any(needs_dns(server) for server in servers),
    )


def backends(sites: Sequence[Site], upstreams: Mapping[str, Upstream]) -> tuple[Backend, ...]:
    """Every group of servers that a location uses, each once, in order of use."""
    used = (
        backend(location, upstreams) for site in sites for location in site.locations if location.upstream
    )
    return tuple(dict.fromkeys(used))


def needs_dns(server: str) -> bool:
    """Tell whether `server`, `host:port` or `unix:/path`, names its host instead of giving its address."""
    if server.startswith("unix:"):
        return False
    try:
        ipaddress.ip_address(server.rpartition(":")[0].strip("[]"))
    except ValueError:
        return not server.startswith("localhost:")
    return False


def asks_dns(sites: Sequence[Site], upstreams: Mapping[str, Upstream]) -> bool:
    """Tell whether any location has to look up a backend's name."""
    scripts = (location.php for site in sites for location in site.locations if location.php)
    groups = backends(sites, upstreams)
    return any(group.by_name for group in groups) or any(needs_dns(php.fpm) for php in scripts)


def _loopback(server: str) -> str:
    """nginx's resolver does not read /etc/hosts, where `localhost` is."""
    return re.sub(r"^localhost:", "127.0.0.1:", server)


def mapping(location: Location) -> PathMapping | None:
    """How the public path differs from the one that the backend knows; None where it does not."""
    theirs = location.tomcat.context if location.tomcat else None
    theirs = location.proxy.upstream_path if location.proxy else theirs
    if theirs is None:
        return None
    if location.exact:
        return PathMapping(location.path, theirs) if theirs != location.path else None
    public, backend_path = location.path.rstrip("/"), theirs.rstrip("/")
    return PathMapping(public, backend_path) if public != backend_path else None
