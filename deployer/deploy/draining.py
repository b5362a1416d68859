"""What a planned reload will cut: the configuration that runs decides that, not the new one. Pure."""

from deployer.facts import Observation
from deployer.model.host import Host
from deployer.model.values import duration_seconds
from deployer.plan import Plan

_LIVE = "live connections (open WebSockets, requests that still run)"


def will_cut(plan: Plan, seen: Observation) -> tuple[str, ...]:
    """Warn of what the planned reload cuts, and when; nothing where it cuts nothing."""
    after = _running(seen)
    if not after or not _reloads(plan) or (seen.cut and seen.cut.live == 0):
        return ()
    number = seen.cut.live if seen.cut else None
    what = _LIVE if number is None else f"{number} {_LIVE}"
    why = f"because the running release has drain_timeout {after}"
    return (f"this reload cuts {what} {after} after it, {why}",)


def counts_later(host: Host, plan: Plan, seen: Observation) -> tuple[str, ...]:
    """Warn that another `drain_timeout` does not count for the very reload that brings it."""
    wanted, running = host.settings.drain_timeout or "", _running(seen)
    if not _reloads(plan) or duration_seconds(wanted) == duration_seconds(running):
        return ()
    if not _counts(wanted):
        return (
            f"this reload still goes by the running release's drain_timeout {running}, the next one by none",
        )
    now = f"drain_timeout {running}" if running else "none"
    return (f"drain_timeout {wanted} counts from the reload after this one: the running release has {now}",)


def _running(seen: Observation) -> str:
    return seen.cut.after if seen.cut and _counts(seen.cut.after) else ""


def _counts(duration: str) -> bool:
    """Tell whether nginx cuts after `duration`: to it 0 means never."""
    return duration_seconds(duration) > 0


def _reloads(plan: Plan) -> bool:
    return any(order.name == "nginx" and order.action == "reload" for order in plan.services)
