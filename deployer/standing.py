"""How a host stands: its certificates, its workers, the connections that live through a reload."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stored:
    """One pair of chain and key as it lies on a host.

    Attributes:
        chain: The chain in PEM, leaf first.
        intact: Whether chain and key are to the byte what was put there.
        key: Mode, owner and group of the private key, such as `600 root root`.
    """

    chain: bytes
    intact: bool
    key: str


@dataclass(frozen=True)
class Worker:
    """One worker process of nginx.

    Attributes:
        pid: Its number on the host.
        draining: Whether it takes no new connections, and ends with its last one.
        age: Seconds since it was started.
        connections: Visitors' TCP connections that it holds: WebSockets, running requests and idle
            keep-alives, which cannot be told apart from outside. None where the host does not let us count.
    """

    pid: int
    draining: bool
    age: int
    connections: int | None


@dataclass(frozen=True)
class Live:
    """What a reload found under way, and what it left to the workers that take nothing new.

    Attributes:
        before: Requests under way just before it, each open WebSocket being one; None where nginx did not
            tell: its configuration is not ours, or older than this count.
        staying: Visitors' TCP connections that draining workers hold after it, those of earlier reloads
            included. None where the host does not let us count.
        workers: How many workers hold them.
        cut_after: An nginx duration after the reload at which nginx cuts what still stays, as the release
            that ran before it says; empty for never.
    """

    before: int | None
    staying: int | None
    workers: int
    cut_after: str = ""


@dataclass(frozen=True)
class Cut:
    """What the next reload of nginx will cut, by the configuration that runs now.

    Attributes:
        after: How long draining workers live on, an nginx duration.
        live: Requests under way, each open WebSocket being one; None where nginx does not tell.
    """

    after: str
    live: int | None


@dataclass(frozen=True)
class ServedCertificate:
    """The certificate of one site, on the wire and on disk.

    Attributes:
        site: The site's name.
        provider: Where the inventory says that it comes from: `files`, `local_ca`, `self_signed`, `acme`.
        names: That the certificate vouches for.
        issuer: Common name of who issued it; the certificate's own where it signed itself.
        ends: UTC, ISO 8601; empty where there is no certificate at all.
        days_left: Whole days, negative after its end; None where there is no certificate at all.
        on_disk: Serial number in hex of the leaf on the host's disk; empty where there is none.
        served: Serial number in hex of the leaf that visitors get; empty where there was no handshake.
        agrees: Whether visitors get the very certificate that is on disk.
        wrong: What is wrong, a sentence; empty where nothing is.
        due: Why it should have been replaced by now; empty where it should not.
    """

    site: str
    provider: str
    names: tuple[str, ...] = ()
    issuer: str = ""
    ends: str = ""
    days_left: int | None = None
    on_disk: str = ""
    served: str = ""
    agrees: bool = False
    wrong: str = ""
    due: str = ""


@dataclass(frozen=True)
class ReleaseRecord:
    """One line of a host's history.

    Attributes:
        release: Its name, or `original`.
        state: `current`, `good`, `failed` (never confirmed), `original`.
        when: UTC, ISO 8601, from the host's journal; empty if unknown.
        who: `user@controller` of the run that made it.
        revision: Version-control revision of the inventory, `+` for uncommitted changes, empty if none.
        version: Of the deployer that made it.
        note: What the journal says last of it, such as `reverted: probe /wss: 502`.
    """

    release: str
    state: str
    when: str = ""
    who: str = ""
    revision: str = ""
    version: str = ""
    note: str = ""
