"""What a visitor would ask of the sites of a host; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from deployer.model.host import Host
from deployer.model.location import Location, Probe
from deployer.model.site import Site
from deployer.model.upstream import Upstream
from deployer.outcome import ProbeResult, Verdict

Kind = Literal["certificate", "redirect", "websocket", "php", "tomcat", "proxy", "static", "cors"]

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_FOLDERS = ("php", "tomcat", "static")
"""Kinds whose path stands for a folder: nginx sends `/app` to `/app/`."""


@dataclass(frozen=True)
class Question:
    """One question of a visitor.

    Attributes:
        site: The site that is visited.
        kind: What is asked, and how the answer is judged.
        url: Where, with the site's name and its port where that is not the scheme's own.
        location: The location, None for a question about the site itself.
        status: The status that the operator expects, None for what the kind promises.
        behind: What nginx asks in turn: addresses of upstreams, or of php-fpm.
        off: Why it is not asked; empty where it is.
    """

    site: Site
    kind: Kind
    url: str
    location: Location | None = None
    status: int | None = None
    behind: tuple[str, ...] = ()
    off: str = ""

    @property
    def name(self) -> str:
        """The host name in the URL, for SNI."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port of the host that the URL leads to."""
        parts = urlsplit(self.url)
        return parts.port or _DEFAULT_PORTS[parts.scheme]

    @property
    def secure(self) -> bool:
        """Whether the question is asked over TLS."""
        return urlsplit(self.url).scheme in ("https", "wss")

    @property
    def key(self) -> tuple[str, str, str]:
        """Identifies the question, as `ProbeResult.key` does its answer."""
        return self.result(Verdict.OFF, "").key

    def result(self, verdict: Verdict, said: str) -> ProbeResult:
        """Return the answer as a result for the outcome."""
        path = self.location.path if self.location else ""
        return ProbeResult(self.site.name, path, self.kind, self.url, verdict, said)


def questions(host: Host) -> tuple[Question, ...]:
    """Return what a visitor would ask of `host`, in inventory order; the site itself comes first.

    Pure. A location whose question cannot be guessed, or is turned off, is in it with `off` set.
    """
    found: list[Question] = []
    for site in host.sites:
        found.extend(_about_site(site))
        for location in site.locations:
            found.extend(_about_location(site, location, upstreams=host.settings.upstreams))
    return tuple(found)


def _about_site(site: Site) -> Iterator[Question]:
    if site.tls is None:
        return
    yield Question(site, "certificate", base_url(site, "https"))
    if site.redirect_http:
        yield Question(site, "redirect", base_url(site, "http") + "/")


def _about_location(
    site: Site, location: Location, *, upstreams: Mapping[str, Upstream]
) -> Iterator[Question]:
    path, off = _asked_path(site, location)
    secure = "s" if site.tls else ""
    scheme = "ws" if location.websocket else "http"
    yield Question(
        site,
        location.kind,
        base_url(site, scheme + secure) + path,
        location,
        status=location.probe.status if isinstance(location.probe, Probe) else None,
        behind=_behind(location, upstreams),
        off=off,
    )
    if location.cors:
        yield Question(site, "cors", base_url(site, "http" + secure) + path, location, off=off)


def _asked_path(site: Site, location: Location) -> tuple[str, str]:
    """Return the path to ask for, and why it is not asked; one of them may be empty."""
    if location.probe == "off":
        return ("" if location.regex else location.path), "probe: off"
    if isinstance(location.probe, Probe) and location.probe.path:
        return location.probe.path, ""
    if location.regex:
        return "", "a regular expression stands for no one path; name one in probe.path"
    path = location.path
    if location.kind in _FOLDERS and not location.exact:
        path = path.rstrip("/") + "/"
    if not location.exact and _is_exact_elsewhere(site, path):
        return path, f"another location has exactly {path}; name a path of this one in probe.path"
    return path, ""


def _is_exact_elsewhere(site: Site, path: str) -> bool:
    return any(other.exact and other.path == path for other in site.locations)


def _behind(location: Location, upstreams: Mapping[str, Upstream]) -> tuple[str, ...]:
    if location.php:
        return (location.php.fpm,)
    found: list[str] = []
    for reference in location.upstream:
        found.extend(upstreams[reference].servers if reference in upstreams else [reference])
    return tuple(found)


def base_url(site: Site, scheme: str) -> str:
    """Return the URL of `site` without a path; `scheme` is http, https, ws or wss."""
    return f"{scheme}://{authority(site, scheme, name=visited_name(site))}"


def authority(site: Site, scheme: str, *, name: str) -> str:
    """Return `name` as it stands in a URL of `site`: with the port where that is not the scheme's own."""
    port = site.https_port if scheme in ("https", "wss") else site.http_port
    return name if port == _DEFAULT_PORTS[scheme] else f"{name}:{port}"


def visited_name(site: Site) -> str:
    """Return the name that a visitor of `site` types: the first that is no wildcard, if there is one."""
    plain: list[str] = [name for name in site.server_names if not name.startswith("*.")]
    return (plain or [concrete(site.server_names[0])])[0]


def concrete(server_name: str) -> str:
    """Return a name that `server_name` stands for.

    >>> concrete("*.abc.com"), concrete("abc.com")
    ('deployer-probe.abc.com', 'abc.com')
    """
    return "deployer-probe" + server_name[1:] if server_name.startswith("*.") else server_name
