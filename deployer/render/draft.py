"""A bundle while it is being put together: every path has one owner."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from deployer.bundle import Bundle, Command, Directory, File, Service
from deployer.errors import PathConflictError, Place, Problem, RoleError


@dataclass
class Draft:
    """What the tasks rendered so far ask for; `bundle` freezes it."""

    files: dict[str, File] = field(default_factory=dict)
    directories: dict[str, Directory] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    packages: dict[str, None] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    owners: dict[str, Place] = field(default_factory=dict)

    def claim(self, path: str, place: Place) -> None:
        """Give `path` to the task at `place`.

        Raises:
            PathConflictError: Another task has it; names both.
            RoleError: The path is not in its plain form.
        """
        if path != "/" + "/".join(part for part in path.split("/") if part not in ("", ".", "..")):
            raise RoleError(Problem(f"{path!r} is not a plain absolute path", place))
        if path in self.owners:
            raise PathConflictError(Problem(f"{path} is already written by {self.owners[path]}", place))
        self.owners[path] = place

    def add_file(self, path: str, file: File, *, place: Place) -> None:
        """Add a file; see `claim` for errors."""
        self.claim(path, place)
        self.files[path] = file

    def add_directory(self, path: str, directory: Directory, *, place: Place) -> None:
        """Add a directory; two tasks may want the same one in the same way. See `claim` for errors."""
        path = path.rstrip("/")
        if self.directories.get(path) != directory:
            self.claim(path, place)
        self.directories[path] = directory

    def add_absent(self, path: str, place: Place) -> None:
        """Add a path that must not exist; see `claim` for errors."""
        self.claim(path, place)
        self.absent.add(path)

    def add_packages(self, names: Iterable[str]) -> None:
        """Add packages, each once."""
        self.packages.update(dict.fromkeys(names))

    def add_service(self, name: str, *, enabled: bool | None) -> None:
        """Add a service, or what a further task says of it."""
        known = self.services.get(name, Service(name, enabled=None))
        self.services[name] = replace(known, enabled=known.enabled if enabled is None else enabled)

    def add_watch(self, name: str, on_change: Literal["reload", "restart"], *, paths: Iterable[str]) -> None:
        """Let a change of `paths` reload or restart the service; where both are asked for, restart."""
        known = self.services.get(name, Service(name, enabled=None))
        self.services[name] = replace(
            known,
            on_change="restart" if known.watches and known.on_change == "restart" else on_change,
            watches=known.watches.union(paths),
        )

    def bundle(self) -> Bundle:
        """Freeze it."""
        return Bundle(
            files=dict(sorted(self.files.items())),
            directories=dict(sorted(self.directories.items())),
            absent=frozenset(self.absent),
            packages=tuple(self.packages),
            services=tuple(self.services.values()),
            commands=tuple(self.commands),
        )
