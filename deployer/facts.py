"""What a host said of itself: facts for rendering, and all that is observed for planning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from deployer.standing import Cut, Stored, Worker

Version = tuple[int, ...]


@dataclass(frozen=True)
class Facts:
    """What templates and roles may depend on.

    Attributes:
        os_id: `ID` of /etc/os-release, such as `debian`.
        os_version: `VERSION_ID`, such as `12`.
        os_codename: `VERSION_CODENAME`, such as `bookworm`.
        nginx_version: Of the installed nginx, or of the one that its package would bring.
        nginx_modules: Names of optional modules compiled in, such as `http_v3`, and `pcre_jit` where that is.
        openssl_version: The OpenSSL that nginx runs with.
        php_version: Such as `8.2`, installed or to be installed.
        tomcat_version: Major version of the `tomcatN` package, such as `10`.
        ipv6: Whether the kernel has IPv6.
        init: `systemd` or `none`.
        resolvers: Addresses of the host's DNS servers, from its resolv.conf; IPv6 in brackets.
        hosts: Name and address, IPv6 in brackets, of those lines of its /etc/hosts that were asked for.
    """

    os_id: str = "debian"
    os_version: str = "12"
    os_codename: str = "bookworm"
    nginx_version: Version = (1, 22, 1)
    nginx_modules: frozenset[str] = frozenset({"http_stub_status", "pcre_jit"})
    openssl_version: Version = (3, 0, 0)
    php_version: str = "8.2"
    tomcat_version: str = "10"
    ipv6: bool = True
    init: str = "systemd"
    resolvers: tuple[str, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LiveFile:
    """One managed path as it is on the host.

    Attributes:
        sha256: 64 hex digits of its content, empty where there is no file.
        mode: As in `0o640`.
        owner: User name.
        group: Group name.
        link: Where it points if it is a symbolic link, else empty.
        text: Its content where that was asked for.
    """

    sha256: str = ""
    mode: int = 0
    owner: str = ""
    group: str = ""
    link: str = ""
    text: bytes | None = None


@dataclass(frozen=True)
class ManifestEntry:
    """One managed path as a release has it.

    Attributes:
        sha256: 64 hex digits of its bytes.
        identity: `bundle.File.identity` at the time of rendering.
        mode: As in `0o640`.
        owner: User name.
        group: Group name.
    """

    sha256: str
    identity: str
    mode: int
    owner: str
    group: str


@dataclass(frozen=True)
class Release:
    """One release on a host.

    Attributes:
        name: `<UTC time>-<digest>`, or `original`.
        confirmed: Whether its probes passed and it was confirmed.
        meta: The text of its release.json, empty for `original`.
    """

    name: str
    confirmed: bool
    meta: str = ""


@dataclass(frozen=True)
class ServiceState:
    """What the init system says of one service."""

    active: bool
    enabled: bool


@dataclass(frozen=True)
class Pending:
    """A run that has switched the host, or is about to, and has not ended yet.

    Attributes:
        release: The one that it switches to.
        former: The one that it goes back to.
        until: UTC, ISO 8601, when the host goes back by itself; empty while a run is under way, or where
            it died.
    """

    release: str
    former: str
    until: str = ""


@dataclass(frozen=True)
class Observation:
    """One look at one host; absent keys mean "not asked".

    Attributes:
        facts: What templates may depend on.
        clock: Seconds since 1970 on the host.
        current: The linked release, empty where there is none.
        running: The release that nginx answers with, empty where none answers.
        releases: All releases, oldest first, `original` included.
        manifests: Release to its managed paths; the current one's, and others where asked for.
        files: Managed path to what is live there.
        packages: Package to installed version, empty string where it is not installed.
        services: Service to its state.
        directories: Path to mode and owner; `mode` 0 where there is none.
        certificates: Name to its chain in PEM, for those whose files are intact.
        renewals: Name to the ACME directory from which the host itself renews that certificate.
        stored: Name to its pair on disk, damaged ones too, where asked for.
        workers: nginx's worker processes, where asked for.
        cut: What the next reload will cut; None where it cuts nothing.
        foreign: Paths of files below folders of ours that no release of ours put there.
        leftovers: Paths of what dpkg laid beside a managed file, such as `nginx.conf.dpkg-new`.
        journal: Lines of the journal, oldest first, where asked for.
        sites: sites.json of the current release, where asked for; empty where it has none, or was never
            confirmed.
        pristine: Whether nginx, where there is one, has only what its package brought, where asked for.
        lock: Who holds the lock, empty where nobody does.
        pending: The run that is not settled yet, if there is one.
    """

    facts: Facts = field(default_factory=Facts)
    clock: int = 0
    current: str = ""
    running: str = ""
    releases: tuple[Release, ...] = ()
    manifests: Mapping[str, Mapping[str, ManifestEntry]] = field(default_factory=dict)
    files: Mapping[str, LiveFile] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, ServiceState] = field(default_factory=dict)
    directories: Mapping[str, LiveFile] = field(default_factory=dict)
    certificates: Mapping[str, bytes] = field(default_factory=dict)
    renewals: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, Stored] = field(default_factory=dict)
    workers: tuple[Worker, ...] = ()
    cut: Cut | None = None
    foreign: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    journal: tuple[str, ...] = ()
    sites: bytes = b""
    pristine: bool = False
    lock: str = ""
    pending: Pending | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Release]:
        """Releases by name."""
        return {release.name: release for release in self.releases}
