"""Which response headers a site and its locations send, and which of their backends' they hide; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployer.model.location import Location
from deployer.model.site import Site
from deployer.render.nginx import identity


@dataclass(frozen=True)
class Header:
    """One response header; a `default` gives way to what the application says."""

    name: str
    value: str
    default: bool = False

    @property
    def variable(self) -> str:
        """The variable that holds a default's value, empty where the application has spoken."""
        return "deployer_default_" + self.name.lower().replace("-", "_")

    @property
    def written(self) -> str:
        """The value as it stands behind the name in `add_header`."""
        if self.default:
            return f"${self.variable}"
        if self.value.startswith("$"):
            return self.value
        escaped = self.value.replace('"', '\\"')
        return f'"{escaped}"'


def headers(
    defaults: Mapping[str, str], site: Site, *, location: Location | None = None
) -> tuple[Header, ...]:
    """Response headers of a location: defaults, then the site's, then its own; names compare without case.

    Behind files is no application that defaults could give way to.
    """
    asked = location is None or location.kind != "static" or "_pass" in location.raw
    result = {name.lower(): Header(name, value, default=asked) for name, value in defaults.items()}
    for name, value in (*_of_tls(site), *_spoken(site, location)):
        result[name.lower()] = Header(name, value)
    return tuple(header for header in result.values() if header.value)


def hidden(site: Site, location: Location) -> tuple[str, ...]:
    """Headers of the backend that must not come through: the inventory decides over them.

    A site's empty value takes away our default, a location's also what the backend says.
    """
    decided = [name for name, value in (*_of_tls(site), *site.headers.items()) if value]
    return tuple({name.lower(): name for name in (*decided, *location.headers)}.values())


def hsts_variable(site: Site) -> str:
    """The variable that holds the site's Strict-Transport-Security, empty over plain HTTP.

    A header there would be against RFC 6797, section 7.2.
    """
    return f"deployer_hsts_{identity(site.name)}"


def _of_tls(site: Site) -> Iterator[tuple[str, str]]:
    """The headers that a site's TLS brings: insist on HTTPS, and the way to HTTP/3 (RFC 9114, 3.1.1)."""
    if site.tls and site.tls.hsts_header:
        yield "Strict-Transport-Security", f"${hsts_variable(site)}"
    if site.http3:
        yield "Alt-Svc", f'h3=":{site.https_port}"; ma=86400'


def _spoken(site: Site, location: Location | None) -> Iterator[tuple[str, str]]:
    yield from site.headers.items()
    if location is not None:
        yield from location.headers.items()
