"""From how the host's script ended to the outcome an operator reads. Pure."""

import re
from collections.abc import Iterator, Sequence

from deployer.applier import Applied
from deployer.bundle import Bundle
from deployer.facts import Observation
from deployer.outcome import Change, Outcome, Phase, ProbeResult, State
from deployer.release import ORIGINAL

_AT = re.compile(
    r"(?:nginx: )?(?:.*?\[\w+\] )?(?:\d+#\d+: )?(?P<text>.*?),? in (?P<path>/\S+):(?P<line>\d+)$"
)
_SUMMARY = re.compile(r"nginx: configuration file \S+ test failed$")
_ROOT = re.compile(r"^.*?/etc/deployer/releases/[^/]+/root(?=/)")


def outcome(
    host: str,
    applied: Applied,
    *,
    seen: Observation,
    target: str,
    bundle: Bundle | None,
) -> Outcome:
    """Say how a run ended; changes, probes and warnings are added by the caller.

    Args:
        host: The host's name.
        applied: How the script ended.
        seen: The observation that the plan was made of.
        target: The release that was to be switched to.
        bundle: What was rendered, to find the inventory's line; None for a release kept.
    """
    serving = seen.running or seen.current
    phase = Phase(applied.phase)
    match applied.ending:
        case "ok":
            return Outcome(host, State.CHANGED, phase, serving=target)
        case "locked":
            message = f"another run holds the host: {applied.reason}"
            return Outcome(host, State.LOCKED, phase, message=message, serving=serving)
        case "reverted":
            back = f"gone back to {_named(seen.current)}: {applied.reason}"
            message = _unproven(target, applied) if _was_unconfirmed(target, seen) else back
            serving = seen.current or ORIGINAL
            state = State.REVERTED
        case "stuck":
            message, state = applied.reason, State.REVERTED
        case "stale":
            message = f"nginx {applied.reason} was installed, which is not the version that was planned for"
            state = State.REFUSED
        case _:
            message, state = _refusal(applied, serving), State.REFUSED
    return Outcome(
        host, state, phase, message=message, said=tuple(_explain(applied.said, bundle)), serving=serving
    )


def _named(release: str) -> str:
    return f"release {release}" if release not in ("", ORIGINAL) else "what was there before"


def _was_unconfirmed(target: str, seen: Observation) -> bool:
    """Tell whether the host had `target` already, from a run that died before it confirmed."""
    release = seen.by_name.get(target)
    return target == seen.current and release is not None and not release.confirmed


def _unproven(target: str, applied: Applied) -> str:
    return f"release {target} was never confirmed, fails its proof and still serves: {applied.reason}"


def _refusal(applied: Applied, serving: str) -> str:
    still = f"{_named(serving)} still serves"
    if applied.phase == Phase.VALIDATE and "nginx -t" in applied.reason:
        return f"nginx refused the new configuration; {still}"
    if applied.phase == Phase.VALIDATE:
        return f"validation failed: {applied.reason}; {still}"
    return f"{applied.reason}; {still}"


def _explain(said: Sequence[str], bundle: Bundle | None) -> Iterator[str]:
    """Translate places in rendered files to places in the inventory.

    nginx ends by naming the staged file, which is gone by then: that line helps nobody after another.
    """
    for line in [line for line in said if not _SUMMARY.match(line)] or said:
        match = _AT.match(line)
        if match is None:
            yield line
            continue
        path, number = _ROOT.sub("", match["path"]), int(match["line"])
        yield f"{match['text']}  (rendered {path.lstrip('/')}:{number})"
        if bundle and (origin := bundle.origin(path, number)):
            place, value = origin
            yield f"from {place.file}:{place.line}  {value}".rstrip()


def broken(results: Sequence[ProbeResult]) -> str:
    """Describe failed probes in one line, for the journal and the operator."""
    return "; ".join(f"probe {result.url}: {result.said}" for result in results)


def still_broken(results: Sequence[ProbeResult], new: Sequence[ProbeResult]) -> tuple[str, ...]:
    """Warn of what was broken before and still is."""
    return tuple(
        f"still broken, as before: {result.url}: {result.said}" for result in results if result not in new
    )


def left_behind(applied: Applied) -> tuple[str, ...]:
    """Warn of packages that a run installed before it failed: no way back takes them off again."""
    packages = [subject for action, subject in applied.done if action == "install"]
    if applied.ending == "ok" or not packages:
        return ()
    return (f"installed by this run, and still there: {', '.join(packages)}",)


def done(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes without their diffs, for outcomes that were not asked for them."""
    return tuple(Change(change.action, change.kind, change.subject, change.detail) for change in changes)
