"""What somebody changed by hand: a host compared with the very release that it has. Pure.

What the inventory says does not matter here; `plan` marks with it what it would undo.
"""

from collections.abc import Iterator, Mapping

from deployer.facts import LiveFile, ManifestEntry, Observation
from deployer.outcome import Action, Change
from deployer.release import ORIGINAL, Target

CURRENT_ROOT = "/etc/deployer/current/root"
"""Where the link of every managed path leads: this, followed by the path itself."""

Key = tuple[str, str, str]


def key(change: Change) -> Key:
    """Identify what a change is about; of a file it does not matter what will be done to it."""
    return (change.kind, change.subject, change.action if change.kind == "service" else "")


def drift(former: Target, seen: Observation) -> tuple[Change, ...]:
    """Return what somebody changed on the host since its release went live.

    Args:
        former: What the current release makes of the host; empty digest where it does not say so any more.
        seen: What the host is. What was not asked is not judged.

    Returns:
        Changes that would undo it, each with `drift` in words and no `detail`; last those of action
        `leave`: files of others among ours, which nobody will touch. Empty where no release of ours
        is current.
    """
    if seen.current in ("", ORIGINAL):
        return ()
    return (
        *_release(former, seen),
        *(Change(Action.INSTALL, "package", name, drift="it was removed from the host")
          for name in former.packages if seen.packages.get(name) == ""),
        *_directories(former, seen),
        *_files(former, seen),
        *_services(former, seen),
        *_foreign(seen),
    )  # fmt: skip


def exists(live: LiveFile) -> bool:
    """Tell whether anything is at a path, a link that leads nowhere included."""
    return bool(live.sha256 or live.link)


def leftovers(seen: Observation) -> tuple[str, ...]:
    """Warn of what dpkg laid beside a file of ours; nobody's mistake, and nothing that serves."""
    return tuple(
        f"a package left {path} beside the managed file: compare it, then remove it"
        for path in seen.leftovers
    )


def _release(former: Target, seen: Observation) -> Iterator[Change]:
    if seen.current not in seen.by_name:
        wrong = "it was deleted on the host"
    elif not former.digest:
        wrong = "its release.json was changed on the host"
    elif seen.current not in seen.manifests:
        wrong = "its manifest was deleted on the host"
    else:
        return
    yield Change(Action.UPDATE, "release", seen.current, drift=wrong)


def _directories(former: Target, seen: Observation) -> Iterator[Change]:
    for path, made in sorted(former.directories.items()):
        live = seen.directories.get(path)
        if live is None:
            continue
        if not live.owner:
            yield Change(Action.CREATE, "directory", path, drift="it was deleted on the host")
        elif (live.mode, live.owner, live.group) != (made.mode, made.owner, made.group):
            yield Change(Action.UPDATE, "directory", path, drift=f"it was {_made(live)} on the host")


def _files(former: Target, seen: Observation) -> Iterator[Change]:
    for path, kept in sorted(seen.manifests.get(seen.current, {}).items()):
        if why := _by_hand(path, kept, seen.files.get(path, LiveFile())):
            yield Change(Action.UPDATE, "file", path, drift=why)
    for path in sorted(former.absent):
        if exists(seen.files.get(path, LiveFile())):
            yield Change(Action.REMOVE, "file", path, drift="it was put there again on the host")


def _by_hand(path: str, kept: ManifestEntry, live: LiveFile) -> str:
    if not exists(live):
        return "it was deleted on the host"
    if live.link != CURRENT_ROOT + path:
        return "it was replaced on the host"
    if not live.sha256:
        return "what its link leads to was deleted on the host"
    wrong = ["its content was changed"] if live.sha256 != kept.sha256 else []
    if (live.mode, live.owner, live.group) != (kept.mode, kept.owner, kept.group):
        wrong.append(f"it was {_made(live)}")
    return f"{' and '.join(wrong)} on the host" if wrong else ""


def _made(live: LiveFile) -> str:
    return f"made {live.mode:04o} {live.owner}:{live.group}"


def _services(former: Target, seen: Observation) -> Iterator[Change]:
    for service in former.services:
        state = seen.services.get(service.name)
        if state is None:
            continue
        if service.enabled and not state.enabled:
            yield Change(Action.ENABLE, "service", service.name, drift="it was disabled on the host")
        if not state.active:
            yield Change(Action.START, "service", service.name, drift="it was stopped on the host")
        elif service.name == "nginx" and _runs_another(seen):
            words = f"it runs {seen.running or 'something else'}, not the release that is linked"
            yield Change(Action.RELOAD, "service", service.name, drift=words)


def _runs_another(seen: Observation) -> bool:
    """Tell a switch or reload by hand from a run of ours that died on its way: that one never confirmed."""
    release = seen.by_name.get(seen.current)
    return seen.running != seen.current and release is not None and release.confirmed


def _foreign(seen: Observation) -> Iterator[Change]:
    managed: Mapping[str, ManifestEntry] = seen.manifests.get(seen.current, {})
    for path in sorted(set(seen.foreign) - managed.keys()):
        yield Change(Action.LEAVE, "file", path, drift="not put there by deployer")
    for release in seen.releases:
        if not release.meta and release.name not in (ORIGINAL, seen.current):
            yield Change(Action.LEAVE, "release", release.name, drift="not made by deployer")
