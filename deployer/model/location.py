"""A location of a site: a path and exactly one kind of thing behind it."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from deployer.model.upstream import Balance, UpstreamRef
from deployer.model.values import (
    Address,
    Duration,
    FileName,
    FilePath,
    Frozen,
    HeaderName,
    HeaderValue,
    Network,
    OneOrMore,
    Origin,
    Rate,
    Regex,
    Size,
    Target,
    UrlPath,
)

Kind = Literal["websocket", "php", "tomcat", "proxy", "static", "redirect"]
KINDS: tuple[Kind, ...] = ("websocket", "php", "tomcat", "proxy", "static", "redirect")


class Websocket(Frozen):
    """A WebSocket backend (RFC 6455)."""

    upstream: UpstreamRef
    balance: Balance = "round_robin"
    idle_timeout: Annotated[Duration, Field(description="How long a silent socket may live.")] = "1h"
    origins: Annotated[
        tuple[Origin, ...],
        OneOrMore,
        Field(
            description="Origins that may open it besides the site's own; `*` allows every origin. "
            "A client that sends no Origin (no browser) is let through."
        ),
    ] = ()
    allow_http: Annotated[
        bool,
        Field(description="Also pass plain HTTP to the backend (long polling) instead of answering 426."),
    ] = False


class Php(Frozen):
    """PHP through php-fpm."""

    root: Annotated[
        FilePath, Field(description="The folder on the host that the location's path stands for.")
    ]
    fpm: Annotated[Address, Field(description="Where php-fpm listens: host:port or unix:/path.")]
    fpm_root: Annotated[
        FilePath | None, Field(description="The same folder as php-fpm sees it, where that differs.")
    ] = None
    front_controller: Annotated[
        FileName | None, Field(description="The script that answers every path that is not a file.")
    ] = None
    index: FileName = "index.php"
    uploads: Annotated[
        tuple[FileName, ...],
        OneOrMore,
        Field(description="Names of folders, at any depth, in which no script is ever executed."),
    ] = ("uploads", "upload", "files", "media")


class Tomcat(Frozen):
    """A web application in Tomcat."""

    upstream: UpstreamRef
    balance: Balance = "round_robin"
    context: Annotated[
        UrlPath | None, Field(description="The application's context path, where it differs from `path`.")
    ] = None


class Proxy(Frozen):
    """Another HTTP server."""

    upstream: UpstreamRef
    balance: Balance = "round_robin"
    upstream_path: Annotated[
        UrlPath | None,
        Field(description="What the backend sees in place of `path`; absent: the path as it is."),
    ] = None


class Static(Frozen):
    """Files on disk."""

    root: Annotated[
        FilePath, Field(description="The folder on the host that the location's path stands for.")
    ]
    index: FileName = "index.html"
    fallback: Annotated[
        FileName | None,
        Field(description="The file that answers every path that is not a file (single page apps)."),
    ] = None
    listing: Annotated[bool, Field(description="Show the contents of folders without an index.")] = False
    expires: Annotated[Duration | None, Field(description="How long browsers may keep the files.")] = None


class Redirect(Frozen):
    """Another URL."""

    to: Target
    status: Literal[301, 302, 303, 307, 308] = 308
    keep_path: Annotated[bool, Field(description="Append what follows `path`, and the query, to `to`.")] = (
        False
    )


class Cors(Frozen):
    """Cross-origin resource sharing (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

    origins: Annotated[tuple[Origin, ...], OneOrMore, Field(min_length=1)]
    credentials: bool = False
    methods: Annotated[
        tuple[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], ...], OneOrMore, Field(min_length=1)
    ] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: Annotated[tuple[HeaderName, ...], OneOrMore] = ("Authorization", "Content-Type")
    expose_headers: Annotated[tuple[HeaderName, ...], OneOrMore] = ()
    max_age: Duration = "10m"

    @model_validator(mode="after")
    def _no_credentials_for_everybody(self) -> Self:
        if self.credentials and "*" in self.origins:
            raise ValueError("credentials for every origin would hand them to any site; list the origins")
        return self


class RateLimit(Frozen):
    """Requests per client address; more get 429."""

    rate: Rate
    burst: Annotated[int, Field(ge=0)] = 20


class Timeouts(Frozen):
    """How long nginx waits for the backend."""

    connect: Duration | None = None
    read: Duration | None = None
    send: Duration | None = None


class Probe(Frozen):
    """What `verify` asks of a location, where the default question is not the right one."""

    path: Annotated[
        UrlPath | None, Field(description="The path to ask for; default: the location's own.")
    ] = None
    status: Annotated[
        int | None, Field(ge=100, le=599, description="The expected status; default: what the kind promises.")
    ] = None


def _read_probe(value: object) -> object:
    """YAML 1.1 reads `off` as false."""
    return "off" if value is False else value


class Location(Frozen):
    """A path of a site and what is behind it.

    A path matches itself and what is below it by whole segments: `/wss` matches `/wss` and `/wss/room`,
    never `/wssfoo`.
    """

    path: Annotated[
        UrlPath | Regex, Field(description="A URL path, or a regular expression with `regex: true`.")
    ]
    exact: Annotated[bool, Field(description="Match this path only.")] = False
    regex: Annotated[bool, Field(description="`path` is a regular expression.")] = False
    websocket: Websocket | None = None
    php: Php | None = None
    tomcat: Tomcat | None = None
    proxy: Proxy | None = None
    static: Static | None = None
    redirect: Redirect | None = None
    cors: Cors | None = None
    headers: Annotated[
        dict[HeaderName, HeaderValue],
        Field(description="Response headers to set; an empty value takes one away."),
    ] = Field(default_factory=dict)
    allowed_networks: Annotated[
        tuple[Network, ...], OneOrMore, Field(description="Only these clients; everybody else gets 403.")
    ] = ()
    max_body_size: Size | None = None
    rate_limit: RateLimit | None = None
    connection_limit: Annotated[
        int | None, Field(ge=1, description="Connections per client address at one time; more get 429.")
    ] = None
    timeouts: Timeouts = Field(default_factory=Timeouts)
    raw: Annotated[str, Field(description="nginx directives, put into the location as they are.")] = ""
    probe: Annotated[
        Literal["echo", "off"] | Probe,
        BeforeValidator(_read_probe),
        Field(description="`off`, `echo` (a WebSocket that echoes), or the path and status to expect."),
    ] = Field(default_factory=Probe)

    @property
    def kind(self) -> Kind:
        """The one kind that is set."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def upstream(self) -> tuple[str, ...]:
        """Addresses, or one name of `upstreams`; empty for kinds without an upstream."""
        behind = self.websocket or self.tomcat or self.proxy
        return behind.upstream if behind else ()

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none"
            raise ValueError(f"a location has exactly one of {', '.join(KINDS)}; this one has {found}")
        return self

    @model_validator(mode="after")
    def _options_fit_the_kind(self) -> Self:
        if self.exact and self.regex:
            raise ValueError("exact and regex exclude each other")
        if not self.regex and "%" in str(self.path):
            raise ValueError("nginx matches decoded paths; write the character itself instead of a %-escape")
        if self.cors and self.websocket:
            raise ValueError("CORS does not apply to WebSocket; list the origins in websocket.origins")
        if self.probe == "echo" and not self.websocket:
            raise ValueError("probe: echo is for websocket locations")
        if self.regex and (self.php or self.tomcat):
            raise ValueError(f"a {self.kind} location cannot be a regular expression; it stands for a path")
        return self
