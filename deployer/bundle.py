"""The complete set of files, packages and services that one host should have."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Literal

from deployer.errors import Place
from deployer.secret import Secret

RELEASE_TOKEN = "@deployer-release@"  # noqa: S105 - a placeholder, not a password
"""What a template writes where the name of its own release will stand (`{{ release }}`)."""

_ORIGIN_LINE = re.compile(rb"^[ \t]*# from [^\n]*:\d+(?:  ?[^\n]*)?\n", re.MULTILINE)


def without_origins(content: bytes) -> bytes:
    """Leave out the comments that say which line of the inventory something comes from."""
    return _ORIGIN_LINE.sub(b"", content)


@dataclass(frozen=True)
class File:
    """One managed file.

    Attributes:
        content: Bytes, with `RELEASE_TOKEN` where the release's own name belongs.
        mode: As in `0o640`.
        owner: User name on the host.
        group: Group name on the host.
        validate: Shell command that must succeed before the file goes live, `%s` being the staged
            path; empty where there is none.
        source: The role, task and template it comes from, for messages.
    """

    content: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    validate: str = ""
    source: str = ""

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what the file means: without `# from FILE:LINE` comments and the release's name.

        Moving a site three lines down in the inventory changes comments, not meaning: no reload for that.
        """
        return hashlib.sha256(without_origins(self.content)).hexdigest()

    def at(self, release: str) -> bytes:
        """Return the bytes as they stand on a host in release `release`."""
        return self.content.replace(RELEASE_TOKEN.encode(), release.encode())


@dataclass(frozen=True)
class Directory:
    """One directory that must exist; it is never removed by us."""

    mode: int = 0o755
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Service:
    """One system service.

    Attributes:
        name: As the init system knows it, such as `php8.2-fpm`.
        enabled: Whether it starts at boot; None leaves that alone.
        on_change: What to do when a watched file changes.
        watches: Managed paths whose change concerns the service.
    """

    name: str
    enabled: bool | None = True
    on_change: Literal["reload", "restart"] = "reload"
    watches: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Command:
    """A guarded command, run before validation: skipped where `creates` exists or `unless` succeeds."""

    run: str
    creates: str = ""
    unless: str = ""


@dataclass(frozen=True)
class Certificate:
    """A certificate chain in PEM, leaf first, with its private key in PEM.

    State of the host, not content of a release: a rollback never brings an old one back.
    """

    name: str
    fullchain: bytes
    key: Secret

    @cached_property
    def digest(self) -> str:
        """64 hex digits of SHA-256 over the chain; the key is bound to it by its public half."""
        return hashlib.sha256(self.fullchain).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """Everything that roles and facts make of one host; immutable, comparable, without a clock.

    Attributes:
        files: Absolute POSIX path to file.
        directories: Absolute POSIX path to directory.
        absent: Paths that must not exist.
        packages: Names to be installed, in order.
        services: In the order they are acted on.
        commands: In the order they run.
    """

    files: Mapping[str, File] = field(default_factory=dict)
    directories: Mapping[str, Directory] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    packages: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    commands: tuple[Command, ...] = ()

    @cached_property
    def digest(self) -> str:
        """64 hex digits of SHA-256 over all it says; equal content is equal whenever it was rendered."""
        said = {
            "files": {
                path: [file.identity, file.mode, file.owner, file.group, file.validate]
                for path, file in sorted(self.files.items())
            },
            "directories": {path: asdict(entry) for path, entry in sorted(self.directories.items())},
            "absent": sorted(self.absent),
            "packages": self.packages,
            "services": [
                [service.name, service.enabled, service.on_change, sorted(service.watches)]
                for service in self.services
            ],
            "commands": [asdict(command) for command in self.commands],
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def origin(self, path: str, line: int) -> tuple[Place, str] | None:
        """Say which inventory line the rendered line `line` of `path` comes from.

        Returns:
            The place and the value's path, from the nearest `# from FILE:LINE VALUE` comment at or
            above the line; None where there is no such comment.
        """
        file = self.files.get(path)
        if file is None:
            return None
        for text in reversed(file.content.decode(errors="replace").splitlines()[:line]):
            if match := re.match(r"\s*# from (.+?):(\d+)(?:\s+(\S+))?$", text):
                return Place(match[1], int(match[2])), match[3] or ""
        return None
