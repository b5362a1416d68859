"""What nginx calls the things of an inventory: listeners, match forms, paths.

Templates reach all of it as `nginx`. Pure, and the only place that knows these rules.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deployer.model.location import Location
from deployer.model.site import Site, Tls
from deployer.model.tls import Policy

BlockForm = Literal["root", "exact", "below", "regex", "bare", "again", "over"]

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


def has_only_sockets(site: Site) -> bool:
    """Whether no answer of `site` is longer than a handshake's: WebSockets, and redirects at most."""
    at_length = [location for location in site.locations if not location.redirect]
    sockets = [each.websocket for each in at_length if each.websocket and not each.websocket.allow_http]
    return bool(sockets) and len(sockets) == len(at_length) and not site.raw


def blocks(site: Site, location: Location, *, again: str = "") -> tuple[Block, ...]:
    """The nginx locations that one location of the inventory becomes.

    `/wss` is `= /wss` and `^~ /wss/`, so that `/wssfoo` is none of it. Where the path stands for a
    folder, and where it ends with a slash, the form without the slash is `bare`: it redirects.

    Args:
        site: The location's.
        location: Of any kind.
        again: Names the blocks of their own in which another server is asked, where there are such.
    """
    if not again:
        return _matching(site, location)
    others = (Block(f"@deployer_again_{again}", "again"), Block(f"@deployer_over_{again}", "over"))
    return (*_matching(site, location), *others)


def _matching(site: Site, location: Location) -> tuple[Block, ...]:
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
