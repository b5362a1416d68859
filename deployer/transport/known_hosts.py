"""The host keys that the operator trusts, and where each is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import asyncssh
from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

from deployer.errors import Place
from deployer.transport.preconnect import SSH_PORT

SYSTEM_FILES = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))
USER_FILES = (Path("~/.ssh/known_hosts"), Path("~/.ssh/known_hosts2"))

Version = tuple[Path, int, int]
"""A file, when it was changed in nanoseconds, and its size."""


@dataclass(frozen=True)
class KnownHosts:
    """What a set of known_hosts files says (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

    Attributes:
        files: Existing or not; a new key belongs into the first.
    """

    files: tuple[Path, ...]

    def trusted(self) -> asyncssh.SSHKnownHosts:
        """Return all entries of all files; empty, never absent, where there is none."""
        return _parse(tuple(versions(self.files)))

    def algorithms(self, host: str, port: int) -> list[str]:
        """Return what to ask `host` for: the kinds of key known of it first, then all others.

        asyncssh asks for the known kinds alone: a host that has changed to another kind would end
        the login in any of several ways, instead of being seen to have changed. Empty where `host`
        is not known by name.
        """
        keys, authorities, *_ = self.trusted().match(host, "", _nondefault(port))
        known = [*(get_default_certificate_algs() if authorities else [])]
        known += [name for key in keys for name in key.sig_algorithms]
        every = [*known, *get_default_public_key_algs()] if known else []
        return [name.decode() for name in dict.fromkeys(every)]

    def places(self, host: str, address: str, port: int) -> list[Place]:
        """Return where `host` (or its `address`) has a key, hashed names and patterns included."""
        return [
            Place(str(path), number)
            for path, _, _ in versions(self.files)
            for number, line in enumerate(_lines(path), start=1)
            if _names(line, host, address, port)
        ]


def known_hosts(files: Iterable[Path]) -> KnownHosts:
    """Take known_hosts files, `~` expanded; missing ones count as empty."""
    return KnownHosts(tuple(path.expanduser() for path in files))


def versions(files: Iterable[Path]) -> Iterator[Version]:
    """Yield the versions of those files that are there."""
    for path in files:
        if path.is_file():
            stat = path.stat()
            yield path, stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=16)
def _parse(found: tuple[Version, ...]) -> asyncssh.SSHKnownHosts:
    """Parse once per run, not once per host: a fleet's known_hosts is as long as the fleet."""
    known = asyncssh.SSHKnownHosts()
    for path, _, _ in found:
        for line in _lines(path):
            _load(known, line)
    return known


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()


def _load(known: asyncssh.SSHKnownHosts, line: str) -> None:
    """Take one line; ssh passes over what it cannot read, and so do we."""
    try:
        known.load(line)
    except ValueError:
        return


def _names(line: str, host: str, address: str, port: int) -> bool:
    known = asyncssh.SSHKnownHosts()
    _load(known, line)
    return any(known.match(host, address, _nondefault(port)))


def _nondefault(port: int) -> int | None:
    return None if port == SSH_PORT else port
