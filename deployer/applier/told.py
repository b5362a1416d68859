"""What the host's tools told raw, as events that each say one thing. Pure.

A look starts each tool once, for all that it can tell; what belongs together is put together here.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deployer.applier.events import Event
from deployer.release import ORIGINAL, parse_manifest_line

_RAW = frozenset(
    ("at", "followed", "sum", "asked", "root", "release", "meta", "chain", "chain64", "sums", "renewal",
     "clock", "key")
)  # fmt: skip
_RELEASES = "etc/deployer/releases/"
_CERTS = "etc/deployer/certs/"


@dataclass(frozen=True)
class _Entry:
    """What find says of a path: `f`, `d`, `l` or another type; mode, owner, group; where a link leads."""

    kind: str
    made: str
    link: str


@dataclass(frozen=True)
class _Told:
    """The raw events, by what they are about; paths as the host's tools say them, without the first slash.

    Attributes:
        root: What stands for `/`; links lead into it.
        current: The linked release, empty where there is none.
        single: Entries of single paths, which were asked for.
        among: Entries of files among ours.
        followed: Mode, owner and group of what a link leads to that is not ours.
        sums: SHA-256 in hex of what is at a path.
    """

    root: str
    current: str
    single: Mapping[str, _Entry]
    among: Mapping[str, _Entry]
    followed: Mapping[str, str]
    sums: Mapping[str, str]


def understood(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return `events` with all raw ones put together.

    What they become: `file` PATH LINK MADE SHA256, `dir` PATH MADE, `foreign` PATH, `cert` NAME BASE64
    RENEWAL, `release` NAME CONFIRMED META, `clock` SECONDS; MADE being mode, owner and group.
    """
    told = _sorted_out(events)
    managed = [
        parse_manifest_line(event[1])[0] for event in events if _is_of(event, "manifest", told.current)
    ]
    asked = [event[0].partition(":") for event in events if event.kind == "asked"]
    files = dict.fromkeys((*managed, *(path for kind, _, path in asked if kind == "file")))
    return (
        *(event for event in events if event.kind not in _RAW),
        *(Event("clock", (event[0].partition(".")[0],)) for event in events if event.kind == "clock"),
        *(_file(path, told) for path in files),
        *(_directory(path, told) for kind, _, path in asked if kind == "dir"),
        *(_foreign(managed, told) if managed else ()),
        *_releases(events),
        *_certificates(events, told.sums),
    )


def _is_of(event: Event, kind: str, name: str) -> bool:
    return event.kind == kind and event[0] == name


def _sorted_out(events: Sequence[Event]) -> _Told:
    entries = {event[3]: _Entry(event[0], event[1], event[2]) for event in events if event.kind == "at"}
    sums = (event[0].partition("  ") for event in events if event.kind == "sum")
    return _Told(
        root=_last("root", events),
        current=_last("current", events),
        single={path[2:]: entry for path, entry in entries.items() if path.startswith("./")},
        among={path: entry for path, entry in entries.items() if not path.startswith("./")},
        followed={event[1]: event[0] for event in events if event.kind == "followed"},
        sums={path: sha256 for sha256, _, path in sums},
    )


def _last(kind: str, events: Sequence[Event]) -> str:
    return next((event[0] for event in reversed(events) if event.kind == kind), "")


def _file(path: str, told: _Told) -> Event:
    """Tell of a path: where its link leads, and what is there in the end, if that is a file."""
    name = path.removeprefix("/")
    entry = told.single.get(name, _Entry("", "", ""))
    link = entry.link.removeprefix(told.root)
    if name not in told.sums:
        return Event("file", (path, link, "", ""))
    made = entry.made
    if entry.kind == "l":
        release = told.among.get(f"{_RELEASES}{told.current}/root{path}", entry)
        made = told.followed.get(name, release.made)
    return Event("file", (path, link, made, told.sums[name]))


def _directory(path: str, told: _Told) -> Event:
    name = path.removeprefix("/")
    entry = told.single.get(name, _Entry("", "", ""))
    return Event("dir", (path, entry.made if entry.kind == "d" else told.followed.get(name, "")))


def _foreign(managed: Iterable[str], told: _Told) -> Iterator[Event]:
    """Tell of the files among ours that the current release did not put there."""
    if told.current == ORIGINAL:
        return
    ours = {f"{_RELEASES}{told.current}/root{path}" for path in managed}
    for path in told.among:
        if path not in ours:
            yield Event("foreign", (f"/{path}",))


def _releases(events: Iterable[Event]) -> Iterator[Event]:
    meta = {event[0]: event[1] for event in events if event.kind == "meta"}
    for event in events:
        if event.kind == "release":
            name = event[0]
            yield Event("release", (name, event[1], meta.get(name, event[2])))


def _certificates(events: Iterable[Event], sums: Mapping[str, str]) -> Iterator[Event]:
    """Tell of the certificates that are intact: chain and key are as they were put there."""
    made: dict[str, dict[str, str]] = {}
    for event in events:
        if event.kind == "sums":
            sha256, _, file = event[1].partition("  ")
            made.setdefault(event[0], {})[file.removeprefix("./")] = sha256
    renewals = {event[0]: event[1] for event in events if event.kind == "renewal"}
    for name, chain in _chains(events):
        files = made.get(name, {})
        if files and all(sums.get(f"{_CERTS}{name}/{file}") == sha256 for file, sha256 in files.items()):
            yield Event("cert", (name, chain, renewals.get(name, "")))


def _chains(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Return name and chain in base64; plain ones come with | for each end of a line."""
    for event in events:
        if event.kind == "chain64":
            yield event[0], event[1]
        elif event.kind == "chain":
            yield event[0], base64.b64encode(event[1].replace("|", "\n").encode()).decode()
