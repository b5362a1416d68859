"""How a host is reached by SSH: inventory first, then ~/.ssh/config; jump hosts; keys; trust."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import asyncssh

from deployer.errors import UnreachableError
from deployer.model.host import Host
from deployer.transport.known_hosts import SYSTEM_FILES, USER_FILES, KnownHosts, known_hosts
from deployer.transport.preconnect import Preconnection
from deployer.transport.ssh_errors import Attempt, Offer, explain_login, explain_options
from deployer.transport.ssh_keys import keys
from deployer.waiting import at_most

_JUMP = re.compile(
    r"(?:ssh://)?(?:(?P<user>.+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d+))?/?"
)


@dataclass(frozen=True)
class Patience:
    """How long a server may be silent, in seconds.

    Attributes:
        connect: From the first packet to the login, per hop; `ConnectTimeout` of ~/.ssh/config wins. What
            this program was late meanwhile does not count.
        keepalive: Between questions to a connection on which nothing arrives.
        misses: Unanswered questions until the connection counts as lost.
    """

    connect: float = 10.0
    keepalive: float = 5.0
    misses: int = 3


@dataclass(frozen=True)
class Target:
    """One server to log in to; what is None comes from ~/.ssh/config or is ssh's default."""

    address: str
    port: int | None = None
    user: str | None = None
    key_file: Path | None = None
    known_hosts_file: Path | None = None
    jump: bool = False


def target_of(host: Host) -> Target:
    """Return what the inventory says of reaching `host`."""
    settings = host.settings
    return Target(
        address=host.address,
        port=settings.ansible_port,
        user=settings.ansible_user,
        key_file=_path(host, settings.ansible_ssh_private_key_file),
        known_hosts_file=_path(host, settings.ansible_ssh_known_hosts_file),
    )


async def dial(
    host: Host, patience: Patience, begun: Preconnection | None = None
) -> tuple[asyncssh.SSHClientConnection, ...]:
    """Log in to `host`: one connection per jump host, outermost first, the host's own last.

    One that was `begun` is used where it leads to whom ~/.ssh/config names.

    Raises:
        UnreachableError: With the reason in words; nothing stays open.
    """
    opened: list[asyncssh.SSHClientConnection] = []
    try:
        for target, options in await route(target_of(host)):
            via = opened[-1] if opened else None
            opened.append(await _login(target, options, via=via, patience=patience, begun=begun))
    except BaseException:
        for connection in reversed(opened):
            connection.abort()
        raise
    return tuple(opened)


async def route(target: Target) -> list[tuple[Target, asyncssh.SSHClientConnectionOptions]]:
    """Return the jump hosts that ~/.ssh/config names for `target`, then `target`, each with its options.

    The first jump host may have jump hosts of its own; none is passed twice, so that
    `Host *` with a `ProxyJump` does not lead from the jump host to itself.
    """
    hops, passed = [(target, await _options(target))], {target.address}
    while True:
        named = _jumps(hops[0][1].tunnel, target.known_hosts_file)
        jumps = [jump for jump in named if jump.address not in passed]
        if not jumps:
            return hops
        hops[:0] = [(jump, await _options(jump)) for jump in jumps]
        passed |= {jump.address for jump in jumps}


def _jumps(proxy_jump: object, known_hosts_file: Path | None) -> list[Target]:
    if not isinstance(proxy_jump, str):
        return []
    return [_jump(hop.strip(), known_hosts_file) for hop in proxy_jump.split(",")]


def _jump(hop: str, known_hosts_file: Path | None) -> Target:
    match = _JUMP.fullmatch(hop)
    if match is None:
        raise UnreachableError(
            f"ProxyJump {hop!r} is not [user@]host[:port]", next_step="correct ~/.ssh/config"
        )
    return Target(
        address=match["v6"] or match["name"],
        port=int(match["port"]) if match["port"] else None,
        user=match["user"],
        known_hosts_file=known_hosts_file,
        jump=True,
    )


async def _login(
    target: Target,
    options: asyncssh.SSHClientConnectionOptions,
    *,
    via: asyncssh.SSHClientConnection | None,
    patience: Patience,
    begun: Preconnection | None,
) -> asyncssh.SSHClientConnection:
    trust = _trust(target, options.config)
    witness = _Witness()
    attempt = Attempt(
        address=options.host,
        alias=options.host_key_alias or options.host,
        port=options.port,
        user=options.username,
        key_files=_key_files(target, options),
        known_hosts=trust,
        timeout=float(options.connect_timeout or patience.connect),
        jump=target.jump,
    )
    try:
        async with at_most(attempt.timeout):
            standing = await begun.stands(options.host, options.port) if begun and not via else None
            return await asyncssh.connect(
                target.address,
                options=options,
                client_factory=lambda: witness,
                known_hosts=trust.trusted(),
                server_host_key_algs=_algorithms(attempt, options),
                encryption_algs=_ciphers(options),
                tunnel=via,
                sock=standing,
                connect_timeout=0,  # none of asyncssh's own
                keepalive_interval=patience.keepalive,
                keepalive_count_max=patience.misses,
            )
    except (OSError, TimeoutError, ValueError, asyncssh.Error) as error:
        raise await explain_login(error, attempt, witness.offer) from error


async def _options(target: Target) -> asyncssh.SSHClientConnectionOptions:
    """Merge the inventory with ~/.ssh/config; keys are read here."""
    try:
        options = await asyncssh.SSHClientConnectionOptions.construct(
            config=(),
            host=target.address,
            port=() if target.port is None else target.port,
            username=() if target.user is None else target.user,
            agent_forwarding=False,
            **keys(target.key_file),
        )
    except (OSError, ValueError) as error:
        raise explain_options(error) from error
    return cast(asyncssh.SSHClientConnectionOptions, options)


def _algorithms(attempt: Attempt, options: asyncssh.SSHClientConnectionOptions) -> Sequence[str]:
    """Order the kinds of host key; asyncssh decides (an empty tuple) where ~/.ssh/config did."""
    if options.config.get("HostKeyAlgorithms"):
        return ()
    return attempt.known_hosts.algorithms(attempt.alias, attempt.port) or ()


def _ciphers(options: asyncssh.SSHClientConnectionOptions) -> str | Sequence[str]:
    """Prefer what costs asyncssh least, a sixth of its own first choice, where ~/.ssh/config has no wish."""
    return () if options.config.get("Ciphers") else "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"


def _trust(target: Target, config: Any) -> KnownHosts:  # noqa: ANN401 - asyncssh exports no type for it
    """Choose the known_hosts files; `UserKnownHostsFile none` means no file, not no check."""
    user = [Path(name) for name in config.get("UserKnownHostsFile", map(str, USER_FILES))]
    system = [Path(name) for name in config.get("GlobalKnownHostsFile", map(str, SYSTEM_FILES))]
    if target.known_hosts_file is None:
        return known_hosts([*user, *system])
    if target.jump:
        return known_hosts([target.known_hosts_file, *user, *system])
    return known_hosts([target.known_hosts_file])


def _key_files(target: Target, options: asyncssh.SSHClientConnectionOptions) -> tuple[Path, ...]:
    if target.key_file is not None:
        return (target.key_file,)
    configured = options.config.get("IdentityFile", ())
    if isinstance(configured, (list, tuple)) and configured:
        return tuple(Path(name).expanduser() for name in configured)
    return tuple(path for path in sorted(Path("~/.ssh").expanduser().glob("id_*")) if not path.suffix)


def _path(host: Host, name: str | None) -> Path | None:
    return None if name is None else Path(host.directory) / Path(name).expanduser()


class _Witness(asyncssh.SSHClient):
    """Trusts no key beyond known_hosts, and remembers the one that it saw."""

    def __init__(self) -> None:
        self.offer: Offer | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Refuse, and keep the key for the message."""
        self.offer = Offer(key, addr)
        return False
