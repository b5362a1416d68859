"""From what asyncssh and the network raise to sentences with a next step."""

import os
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from deployer.errors import UnreachableError
from deployer.transport.known_hosts import KnownHosts
from deployer.transport.preconnect import SSH_PORT


@dataclass(frozen=True)
class Attempt:
    """One login that was tried, with all that ~/.ssh/config had to say.

    Attributes:
        address: Where the connection went.
        alias: The name that known_hosts is asked for.
        port: TCP port.
        user: Who logged in.
        key_files: Private keys that were candidates, readable or not.
        known_hosts: What was trusted.
        timeout: Seconds allowed.
        jump: Whether this is a jump host on the way.
    """

    address: str
    alias: str
    port: int
    user: str
    key_files: tuple[Path, ...]
    known_hosts: KnownHosts
    timeout: float
    jump: bool = False

    @property
    def where(self) -> str:
        """The server as the operator knows it."""
        where = f"{self.address}:{self.port}"
        return f"jump host {where}" if self.jump else where

    @property
    def known_as(self) -> str:
        """The server's name in known_hosts files."""
        return self.alias if self.port == SSH_PORT else f"[{self.alias}]:{self.port}"

    @property
    def ssh(self) -> str:
        """The command that tries the same by hand."""
        return shlex.join(["ssh", "-p", str(self.port), f"{self.user}@{self.address}"])


@dataclass(frozen=True)
class Offer:
    """The host key that a server showed, and the IP address it was at (empty behind a jump host)."""

    key: asyncssh.SSHKey
    address: str


async def explain_login(error: Exception, attempt: Attempt, offer: Offer | None) -> UnreachableError:
    """Say why a login failed; `offer` is the host key that was not trusted, if it came to that."""
    match error:
        case asyncssh.PermissionDenied():
            return _denied(error, attempt, await _agent_keys())
        case asyncssh.HostKeyNotVerifiable() | asyncssh.KeyExchangeFailed():
            return _untrusted(error, attempt, offer)
        case asyncssh.Error():
            return UnreachableError(
                f"{attempt.where} ended the login: {error.reason}", next_step=f"{attempt.ssh} -v"
            )
        case _:
            return _no_connection(error, attempt)


def explain_options(error: Exception) -> UnreachableError:
    """Say what is wrong with a key file or with ~/.ssh/config."""
    match error:
        case OSError(filename=str(name)):
            return UnreachableError(
                f"the key file {name} cannot be read: {error.strerror}",
                next_step="correct ansible_ssh_private_key_file, or IdentityFile in ~/.ssh/config",
            )
        case asyncssh.ConfigParseError():
            return UnreachableError(f"ssh configuration: {error}", next_step="correct that line")
        case _:
            return UnreachableError(
                f"no private key can be read: {error}",
                next_step="correct ansible_ssh_private_key_file, or IdentityFile in ~/.ssh/config",
            )


def lost(error: BaseException | None, where: str) -> UnreachableError:
    """Say that a connection ended before its time."""
    reason = getattr(error, "reason", "") or (str(error) if error else "")
    return UnreachableError(
        f"the connection to {where} was lost{f': {reason}' if reason else ''}",
        next_step="run the command again: it looks first at what the host has",
    )


def _no_connection(error: Exception, attempt: Attempt) -> UnreachableError:
    by_hand = f"{attempt.ssh} -v"
    match error:
        case TimeoutError():
            return UnreachableError(
                f"no answer from {attempt.where} within {attempt.timeout:g} s", next_step=by_hand
            )
        case socket.gaierror():
            return UnreachableError(
                f"the name {attempt.address} is not known: {error.strerror}",
                next_step="correct ansible_host, or the name's DNS entry",
            )
        case ConnectionRefusedError():
            return UnreachableError(
                f"{attempt.where} refused the connection",
                next_step="start sshd on the host, or correct ansible_host and ansible_port",
            )
        case _:
            return UnreachableError(f"no connection to {attempt.where}: {error}", next_step=by_hand)


def _untrusted(error: asyncssh.Error, attempt: Attempt, offer: Offer | None) -> UnreachableError:
    address = offer.address if offer else ""
    places = attempt.known_hosts.places(attempt.alias, address, attempt.port)
    key = f"{offer.key.get_algorithm()} {offer.key.get_fingerprint()}" if offer else error.reason
    if "revoked" in error.reason:
        return UnreachableError(f"the host key of {attempt.where} is revoked: {key}")
    if places:
        return UnreachableError(
            f"the host key of {attempt.where} has changed: it is not the one in {places[0].file}"
            f":{places[0].line} ({key})",
            next_step="only if the host was set up anew: "
            + shlex.join(["ssh-keygen", "-R", attempt.known_as, "-f", places[0].file]),
        )
    if offer is None:
        return UnreachableError(f"{attempt.where} ended the login: {key}", next_step=f"{attempt.ssh} -v")
    file = attempt.known_hosts.files[0] if attempt.known_hosts.files else Path("~/.ssh/known_hosts")
    return UnreachableError(
        f"the host key of {attempt.where} is unknown ({key})",
        next_step=f"compare the fingerprint, then: ssh-keyscan -p {attempt.port} "
        f"{shlex.quote(attempt.alias)} >> {file}",
    )


def _denied(error: asyncssh.Error, attempt: Attempt, agent: Sequence[str] | None) -> UnreachableError:
    locked = [path for path in attempt.key_files if _is_encrypted(path)]
    tried = [str(path) for path in attempt.key_files if path not in locked]
    tried += [f"{path} (encrypted)" for path in locked]
    tried += ["no agent"] if agent is None else [f"agent: {comment}" for comment in agent] or ["empty agent"]
    return UnreachableError(
        f"{attempt.where} does not let the user {attempt.user!r} in; tried {', '.join(tried)}",
        next_step=f"ssh-add {shlex.quote(str(locked[0]))}"
        if locked
        else f"{shlex.join(['ssh-copy-id', '-p', str(attempt.port), f'{attempt.user}@{attempt.address}'])}, "
        "or correct ansible_user and ansible_ssh_private_key_file",
    )


def _is_encrypted(path: Path) -> bool:
    try:
        return not asyncssh.load_keypairs(str(path), ignore_encrypted=True)
    except (OSError, ValueError):
        return False


async def _agent_keys() -> list[str] | None:
    """Return the comments of the agent's keys, None where there is no agent."""
    if not (path := os.environ.get("SSH_AUTH_SOCK")):
        return None
    try:
        async with asyncssh.connect_agent(path) as agent:
            return [pair.get_comment() or pair.get_key_type() for pair in await agent.get_keys()]
    except (OSError, ValueError, asyncssh.Error):
        return None
