"""The differences between a host and what it should be, as data. Pure."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from deployer.bundle import RELEASE_TOKEN, Bundle, Service, without_origins
from deployer.facts import LiveFile, ManifestEntry, Observation
from deployer.outcome import Action, Change
from deployer.release import ORIGINAL, Target

CURRENT_ROOT = "/etc/deployer/current/root"
"""Where the link of every managed path leads: this, followed by the path itself."""


@dataclass(frozen=True)
class ServiceOrder:
    """What to do to one service after the switch; `none` leaves a running one alone."""

    name: str
    action: Literal["none", "start", "reload", "restart"]
    enable: bool


@dataclass(frozen=True)
class Plan:
    """What an apply will do.

    Attributes:
        changes: For people; empty means that nothing is to be done.
        new_release: Whether files change, so that a release must be made.
        packages: Missing packages.
        links: Managed paths of the target.
        unlinks: Managed paths that the target no longer has.
        absent: Paths to be removed.
        restores: Paths that we once removed and that may come back.
        services: In order.
    """

    changes: tuple[Change, ...] = ()
    new_release: bool = False
    packages: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    unlinks: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    restores: tuple[str, ...] = ()
    services: tuple[ServiceOrder, ...] = ()


def unanswered(target: Target, seen: Observation) -> tuple[str, ...]:
    """Return what must still be asked of the host before a plan for `target` can be true.

    Nothing, where the host runs a release of the same digest: it was asked for all of that.
    """
    return (
        *(f"package:{name}" for name in target.packages if name not in seen.packages),
        *(f"service:{service.name}" for service in target.services if service.name not in seen.services),
        *(f"dir:{path}" for path in target.directories if path not in seen.directories),
        *(f"file:{path}" for path in (*target.files, *sorted(target.absent)) if path not in seen.files),
    )


def make_plan(
    target: Target,
    seen: Observation,
    *,
    former: Target,
    certificates: Mapping[str, str],
    switching: bool = False,
) -> Plan:
    """Compare what should be with what was seen.

    Args:
        target: What the host should be.
        seen: What it is; everything in `unanswered` must have been asked.
        former: Target of the current release; empty where there is none.
        certificates: Name of each certificate that will be put in place, and why.
        switching: The host will run another release, even one of the same digest: a rollback.

    Returns:
        A plan whose `changes` are empty exactly if the host needs nothing.
    """
    files = tuple(_file_changes(target, seen))
    restores = tuple(sorted(former.absent - target.absent))
    new_release = switching or bool(files) or seen.current in ("", ORIGINAL) or former.digest != target.digest
    touched = frozenset(change.subject for change in files) | (target.named if new_release else frozenset())
    services = tuple(
        _service_order(service, seen, touched=touched, certificates=bool(certificates))
        for service in target.services
    )
    changes = (
        *(Change(Action.INSTALL, "package", name) for name in target.packages if not seen.packages[name]),
        *_directory_changes(target, seen),
        *(Change(Action.CREATE, "certificate", name, why) for name, why in sorted(certificates.items())),
        *files,
        *(Change(Action.RUN, "command", command.run) for command in target.commands if new_release),
        *_service_changes(services, seen),
    )
    if not changes and (why := _why_walk(seen, new_release=new_release)):
        changes = (Change(Action.UPDATE, "release", seen.current, why),)
    return Plan(
        changes=changes,
        new_release=new_release,
        packages=tuple(name for name in target.packages if not seen.packages[name]),
        links=tuple(sorted(target.files)),
        unlinks=tuple(sorted(_managed(seen).keys() - target.files.keys())),
        absent=tuple(sorted(target.absent)),
        restores=restores,
        services=services,
    )


def with_issues(plan: Plan, issues: Mapping[str, str]) -> Plan:
    """Return the plan with certificates that the host will ask its CA for; each name has the words for it."""
    asked = (Change(Action.RUN, "certificate", name, words) for name, words in sorted(issues.items()))
    return replace(plan, changes=(*plan.changes, *asked))


def _why_walk(seen: Observation, *, new_release: bool) -> str:
    """Say why a host whose files, services and certificates are right is walked all the same."""
    if new_release:
        return "the roles changed, the files did not"
    release = seen.by_name.get(seen.current)
    # A run that died between switch and confirm: what it left was never proven to visitors.
    return "it was never confirmed" if release and not release.confirmed else ""


def _managed(seen: Observation) -> Mapping[str, ManifestEntry]:
    """The paths that we hold on the host: those of the current release."""
    return seen.manifests.get(seen.current, {})


def _file_changes(target: Target, seen: Observation) -> Iterator[Change]:
    managed = _managed(seen)
    for path, wanted in sorted(target.files.items()):
        live = seen.files.get(path, LiveFile())
        if path not in managed:
            yield _adoption(path, live)
        elif why := _difference(path, wanted, managed[path], live):
            yield Change(Action.UPDATE, "file", path, why)
    for path in sorted(managed.keys() - target.files.keys()):
        yield Change(Action.REMOVE, "file", path)
    for path in sorted(target.absent):
        if _exists(seen.files.get(path, LiveFile())):
            yield Change(Action.REMOVE, "file", path, "must be absent; kept in releases/original")


def _exists(live: LiveFile) -> bool:
    return bool(live.sha256 or live.link)


def _adoption(path: str, live: LiveFile) -> Change:
    if _exists(live):
        return Change(Action.UPDATE, "file", path, "not ours yet; kept in releases/original")
    return Change(Action.CREATE, "file", path)


def _difference(path: str, wanted: ManifestEntry, kept: ManifestEntry, live: LiveFile) -> str:
    """Say why a managed file must change: the inventory wants it so, or others changed it under us."""
    if wanted.identity != kept.identity:
        return "content"
    if (wanted.mode, wanted.owner, wanted.group) != (kept.mode, kept.owner, kept.group):
        return f"{wanted.mode:04o} {wanted.owner}:{wanted.group}"
    if not _exists(live):
        return "drift: it was deleted on the host"
    if live.link != CURRENT_ROOT + path:
        return "drift: it was replaced on the host"
    if live.sha256 != kept.sha256:
        return "drift: its content was changed on the host"
    if (live.mode, live.owner, live.group) != (kept.mode, kept.owner, kept.group):
        return f"drift: it was made {live.mode:04o} {live.owner}:{live.group} on the host"
    return ""


def _directory_changes(target: Target, seen: Observation) -> Iterator[Change]:
    for path, wanted in sorted(target.directories.items()):
        live = seen.directories[path]
        if not live.owner:
            yield Change(Action.CREATE, "directory", path)
        elif (live.mode, live.owner, live.group) != (wanted.mode, wanted.owner, wanted.group):
            yield Change(Action.UPDATE, "directory", path, f"{wanted.mode:04o} {wanted.owner}:{wanted.group}")


def _service_order(
    service: Service, seen: Observation, *, touched: frozenset[str], certificates: bool
) -> ServiceOrder:
    state = seen.services[service.name]
    owed = service.name == "nginx" and (seen.running != seen.current or certificates)
    action: Literal["none", "start", "reload", "restart"] = "none"
    if not state.active:
        action = "start"
    elif service.watches & touched or owed:
        action = service.on_change
    return ServiceOrder(service.name, action, service.enabled is True and not state.enabled)


def _service_changes(orders: tuple[ServiceOrder, ...], seen: Observation) -> Iterator[Change]:
    for order in orders:
        if order.enable:
            yield Change(Action.ENABLE, "service", order.name, "starts at boot")
        if order.action != "none":
            yield Change(Action(order.action), "service", order.name, _why_acted(order, seen))


def _why_acted(order: ServiceOrder, seen: Observation) -> str:
    if order.action == "start":
        return "it does not run"
    if order.name == "nginx" and seen.current not in ("", ORIGINAL) and seen.running != seen.current:
        return f"it still runs {seen.running or 'something else'}"
    return ""


def with_diffs(plan: Plan, bundle: Bundle, seen: Observation) -> tuple[Change, ...]:
    """Return the plan's changes with a unified diff for each file whose text was observed.

    Files that only their owner may read are never shown.
    """
    return tuple(
        _with_diff(change, bundle, seen) if change.kind == "file" else change for change in plan.changes
    )


def _meaning(content: bytes, release: str) -> str:
    """Return the text without what every release changes: its name, and the lines of the inventory."""
    text = without_origins(content).decode()
    return text.replace(release, "RELEASE") if release else text


def _with_diff(change: Change, bundle: Bundle, seen: Observation) -> Change:
    file = bundle.files.get(change.subject)
    live = seen.files.get(change.subject, LiveFile())
    if not (file.mode if file else live.mode) & 0o044:
        return change
    try:
        after = _meaning(file.content, RELEASE_TOKEN) if file else ""
        before = _meaning(live.text or b"", seen.current)
    except UnicodeDecodeError:
        return change
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"{change.subject} (now)",
        f"{change.subject} (planned)",
    )
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    return Change(change.action, change.kind, change.subject, change.detail, text)
