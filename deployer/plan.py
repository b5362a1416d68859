"""The differences between a host and what it should be, as data. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from deployer.bundle import Service
from deployer.drift import Key, drift, exists, key
from deployer.facts import LiveFile, ManifestEntry, Observation
from deployer.outcome import Action, Change
from deployer.release import ORIGINAL, Target

ByHand = Mapping[Key, str]
"""What somebody did to what, in words."""


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
        drift: What somebody changed by hand; `changes` undoes it, except for what has action `leave`.
    """

    changes: tuple[Change, ...] = ()
    new_release: bool = False
    packages: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    unlinks: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    restores: tuple[str, ...] = ()
    services: tuple[ServiceOrder, ...] = ()
    drift: tuple[Change, ...] = ()


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
    drifted = drift(former, seen)
    by_hand = {key(change): change.drift for change in drifted if change.action != Action.LEAVE}
    files = tuple(_file_changes(target, seen, by_hand))
    restores = tuple(sorted(former.absent - target.absent))
    new_release = switching or bool(files) or seen.current in ("", ORIGINAL) or former.digest != target.digest
    touched = frozenset(change.subject for change in files) | (target.named if new_release else frozenset())
    services = tuple(
        _service_order(service, seen, touched=touched, certificates=bool(certificates))
        for service in target.services
    )
    packages = tuple(name for name in target.packages if not seen.packages[name])
    changes = (
        *(_marked(Change(Action.INSTALL, "package", name), by_hand) for name in packages),
        *_directory_changes(target, seen, former, by_hand),
        *(Change(Action.CREATE, "certificate", name, why) for name, why in sorted(certificates.items())),
        *files,
        *(Change(Action.RUN, "command", command.run) for command in target.commands if new_release),
        *(_marked(change, by_hand) for change in _service_changes(services, seen)),
    )
    if not changes and (why := _why_walk(seen, new_release=new_release)):
        changes = (_marked(Change(Action.UPDATE, "release", seen.current, why), by_hand),)
    return Plan(
        changes=changes,
        new_release=new_release,
        packages=packages,
        links=tuple(sorted(target.files)),
        unlinks=tuple(sorted(_managed(seen).keys() - target.files.keys())),
        absent=tuple(sorted(target.absent)),
        restores=restores,
        services=services,
        drift=drifted,
    )


def _marked(change: Change, by_hand: ByHand) -> Change:
    """Tell a change that only undoes what somebody did: it needs no other reason then."""
    hand = by_hand.get(key(change), "")
    return replace(change, drift=hand, detail="") if hand else change


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


def _file_changes(target: Target, seen: Observation, by_hand: ByHand) -> Iterator[Change]:
    managed = _managed(seen)
    for path, wanted in sorted(target.files.items()):
        live = seen.files.get(path, LiveFile())
        why, hand = _difference(wanted, managed.get(path)), by_hand.get(("file", path, ""), "")
        if path not in managed:
            yield _adoption(path, live)
        elif why or hand:
            yield Change(Action.UPDATE, "file", path, why, drift=hand)
    for path in sorted(managed.keys() - target.files.keys()):
        hand = by_hand.get(("file", path, ""), "")
        yield Change(Action.REMOVE, "file", path, "no longer wanted", drift=hand)
    for path in sorted(target.absent):
        if exists(seen.files.get(path, LiveFile())):
            detail = "must be absent; kept in releases/original"
            yield _marked(Change(Action.REMOVE, "file", path, detail), by_hand)


def _adoption(path: str, live: LiveFile) -> Change:
    if exists(live):
        return Change(Action.UPDATE, "file", path, "not ours yet; kept in releases/original")
    return Change(Action.CREATE, "file", path)


def _difference(wanted: ManifestEntry, kept: ManifestEntry | None) -> str:
    """Say how the inventory wants a managed file otherwise than it was deployed."""
    if kept is None:
        return ""
    if wanted.identity != kept.identity:
        return "content"
    if (wanted.mode, wanted.owner, wanted.group) != (kept.mode, kept.owner, kept.group):
        return f"{wanted.mode:04o} {wanted.owner}:{wanted.group}"
    return ""


def _directory_changes(
    target: Target, seen: Observation, former: Target, by_hand: ByHand
) -> Iterator[Change]:
    for path, wanted in sorted(target.directories.items()):
        live, only_by_hand = seen.directories[path], former.directories.get(path) == wanted
        if not live.owner:
            change = Change(Action.CREATE, "directory", path)
        elif (live.mode, live.owner, live.group) != (wanted.mode, wanted.owner, wanted.group):
            detail = f"{wanted.mode:04o} {wanted.owner}:{wanted.group}"
            change = Change(Action.UPDATE, "directory", path, detail)
        else:
            continue
        yield _marked(change, by_hand if only_by_hand else {})


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
