"""A release as it is written down: its manifest, its release.json, and the target that both describe."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from deployer.bundle import RELEASE_TOKEN, Bundle, Command, Directory, Service
from deployer.facts import ManifestEntry

ORIGINAL = "original"
"""The release that holds what was there before us."""

_STAMP = "%Y%m%dT%H%M%SZ"

ProbeKey = tuple[str, ...]
"""A question that a release answered: site, location, kind, and a digest of what was asked and expected."""


@dataclass(frozen=True)
class Target:
    """What a host should be, without the contents: of a bundle just rendered, or of a release kept.

    Attributes:
        digest: Of the bundle.
        files: Managed path to its entry.
        named: Paths whose content names their own release, so that each new release changes them.
        checks: Path and the command that validates it, `%s` being the staged file.
        directories: Absolute path to directory.
        absent: Paths that must not exist.
        packages: Names to be installed.
        services: In the order they are acted on.
        commands: In the order they run; a kept release runs none again.
    """

    digest: str
    files: Mapping[str, ManifestEntry] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    checks: tuple[tuple[str, str], ...] = ()
    directories: Mapping[str, Directory] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    packages: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True)
class Record:
    """Who made a release of what, as release.json says.

    Attributes:
        release: Its name.
        parent: The release that it replaced, empty for none.
        made: UTC, ISO 8601.
        who: `user@controller`.
        revision: Version-control revision of the inventory.
        version: Of deployer.
        probes: The questions that its sites answer.
        target: What it makes of the host, files left out (they are in the manifest).
        quarantined: Name of each site that was left as it was, and what is to be said of that.
    """

    release: str
    parent: str
    made: str
    who: str
    revision: str
    version: str
    probes: tuple[ProbeKey, ...]
    target: Target
    quarantined: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return one line of JSON."""
        said = asdict(self)
        target = said.pop("target")
        del target["files"]
        target["named"] = sorted(target["named"])
        target["absent"] = sorted(target["absent"])
        for service in target["services"]:
            service["watches"] = sorted(service["watches"])
        # A command may carry anything its role put in; nobody needs it again.
        del target["commands"]
        return json.dumps(said | {"target": target}, sort_keys=True)


def target_of(bundle: Bundle) -> Target:
    """Describe `bundle` without its contents; hashes stand for the bytes before the release has a name."""
    return Target(
        digest=bundle.digest,
        files=manifest(bundle, RELEASE_TOKEN),
        named=frozenset(
            path for path, file in bundle.files.items() if RELEASE_TOKEN.encode() in file.content
        ),
        checks=tuple((path, file.validate) for path, file in sorted(bundle.files.items()) if file.validate),
        directories=bundle.directories,
        absent=bundle.absent,
        packages=bundle.packages,
        services=bundle.services,
        commands=bundle.commands,
    )


def manifest(bundle: Bundle, release: str) -> dict[str, ManifestEntry]:
    """Return path to entry for the files of `bundle` as they stand in `release`."""
    return {
        path: ManifestEntry(
            sha256=hashlib.sha256(file.at(release)).hexdigest(),
            identity=file.identity,
            mode=file.mode,
            owner=file.owner,
            group=file.group,
        )
        for path, file in sorted(bundle.files.items())
    }


def manifest_lines(entries: Mapping[str, ManifestEntry]) -> str:
    """Write a manifest, one file a line: sha256 mode owner group identity path."""
    return "".join(
        f"{entry.sha256} {entry.mode:04o} {entry.owner} {entry.group} {entry.identity} {path}\n"
        for path, entry in sorted(entries.items())
    )


def parse_manifest_line(line: str) -> tuple[str, ManifestEntry]:
    """Read one line of a manifest; ValueError where it is none."""
    sha256, mode, owner, group, identity, path = line.split(" ", 5)
    return path, ManifestEntry(sha256, identity, int(mode, 8), owner, group)


def release_name(clock: int, digest: str, existing: Iterable[str] = ()) -> str:
    """Name a release by the host's clock (seconds since 1970) and its bundle's digest.

    Names on one host sort by age, also when its clock was set back: a new one is at least a second
    younger than all `existing` ones.

    >>> release_name(1795342500, "3f9a1c" + "0" * 58)
    '20261122T101500Z-3f9a1c'
    >>> release_name(1795342500, "3f9a1c" + "0" * 58, ["20261122T101500Z-ffffff", "original"])
    '20261122T101501Z-3f9a1c'
    """
    made = datetime.fromtimestamp(clock, tz=UTC)
    youngest = max((stamp for name in existing if (stamp := _stamp(name))), default=made)
    return f"{max(made, youngest):{_STAMP}}-{digest[:6]}"


def _stamp(name: str) -> datetime | None:
    """Return the first second after the one in a release's name; None where there is none."""
    try:
        return datetime.strptime(name.split("-")[0], _STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
    except ValueError:
        return None


def parse_record(text: str) -> Record:
    """Read a release.json; ValueError where it is not one of ours."""
    try:
        said = json.loads(text)
        target = said["target"]
        return Record(
            release=said["release"],
            parent=said["parent"],
            made=said["made"],
            who=said["who"],
            revision=said["revision"],
            version=said["version"],
            probes=tuple(tuple(map(str, asked)) for asked in said["probes"]),
            target=_parse_target(target),
            quarantined=said.get("quarantined", {}),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a release.json: {error}") from error


def _parse_target(said: Mapping[str, Any]) -> Target:
    return Target(
        digest=said["digest"],
        named=frozenset(said["named"]),
        checks=tuple((path, command) for path, command in said["checks"]),
        directories={path: Directory(**entry) for path, entry in said["directories"].items()},
        absent=frozenset(said["absent"]),
        packages=tuple(said["packages"]),
        services=tuple(
            Service(**{**service, "watches": frozenset(service["watches"])}) for service in said["services"]
        ),
    )
