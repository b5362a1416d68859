"""From how the host's script ended to the outcome an operator reads. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from deployer.applier import Applied
from deployer.bundle import Bundle
from deployer.facts import Observation
from deployer.outcome import Change, Outcome, Phase, ProbeResult, State
from deployer.release import ORIGINAL

_AT = re.compile(
    r"(?:nginx: )?(?:.*?\[\w+\] )?(?:\d+#\d+: )?(?P<text>.*?),? in (?P<path>/\S+):(?P<line>\d+)$"
)
_SUMMARY = re.compile(r"nginx: configuration file \S+ test failed$")
_ERRNO = re.compile(r"\[Errno -?\d+\] [^')]*")
_HOOK = "deployer: "
_NOISE = (
    "Saving debug log",
    "Ask for help",
    "An unexpected error occurred",
    "Requesting a",
    "Hint:",
    "Some ch",
)
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
    ended = _ending(host, applied, seen=seen, target=target, bundle=bundle)
    return replace(ended, live=applied.live)


def _ending(
    host: str,
    applied: Applied,
    *,
    seen: Observation,
    target: str,
    bundle: Bundle | None,
) -> Outcome:
    serving = seen.running or seen.current
    phase = Phase(applied.phase)
    match applied.ending:
        case "ok" if applied.unissued:
            return replace(_incomplete(host, applied, target), replaced=_replaced(seen, target))
        case "ok":
            return Outcome(host, State.CHANGED, phase, serving=target, replaced=_replaced(seen, target))
        case "unconfirmed":
            sentence = f"release {target} serves until {applied.reason} unless it is confirmed"
            return Outcome(
                host,
                State.UNCONFIRMED,
                phase,
                message=sentence,
                serving=target,
                replaced=_replaced(seen, target),
            )
        case "moved":
            return Outcome(host, State.LOCKED, phase, message=applied.reason, serving=serving)
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
            message = f"nginx changed its version during this run, and is {applied.reason} now"
            state = State.REFUSED
        case _:
            message, state = _refusal(applied, serving), State.REFUSED
    said = (*_explain(applied.said, bundle), *_unissued(applied))
    return Outcome(host, state, phase, message=message, said=said, serving=serving)


def _replaced(seen: Observation, target: str) -> str:
    """Return what `target` took the place of; empty where the release has stayed."""
    return "" if target == seen.current else seen.current or ORIGINAL


def _incomplete(host: str, applied: Applied, target: str) -> Outcome:
    names = ", ".join(applied.unissued)
    return Outcome(
        host,
        State.INCOMPLETE,
        Phase.RELOAD,
        message=f"release {target} serves, but no certificate could be issued for {names}; "
        "what the host has stays",
        said=_unissued(applied),
        serving=target,
    )


def _unissued(applied: Applied) -> tuple[str, ...]:
    """What each CA said that did not issue."""
    return tuple(
        f"{name}: {words}" for name, said in applied.unissued.items() for words in words_of_the_ca(said)
    )


def words_of_the_ca(said: Sequence[str]) -> tuple[str, ...]:
    """Pick from certbot's lines what the CA said, or why it could not be asked.

    >>> words_of_the_ca(["  Domain: a.test", "  Type:   dns", "  Detail: no A record", "Hint: ..."])
    ('a.test: no A record',)
    >>> words_of_the_ca(["An unexpected error occurred:", "policy forbids it", "Ask for help at ..."])
    ('policy forbids it',)
    """
    domain, details = "", []
    for line in map(str.strip, said):
        key, _, value = line.partition(": ")
        if key == "Domain":
            domain = value.strip()
        elif key == "Detail":
            details.append(f"{domain}: {value.strip()}" if domain else value.strip())
    # The deploy hook speaks of nginx, and the CA has nothing to add.
    details += [line.removeprefix(_HOOK) for line in map(str.strip, said) if line.startswith(_HOOK)]
    if details:
        return tuple(details)
    lines = [line for line in map(str.strip, said) if line and not line.startswith(_NOISE)]
    if reached := [match[0] for line in lines if (match := _ERRNO.search(line))]:
        return (f"the CA cannot be reached: {reached[-1]}",)
    return tuple(lines[-3:])


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
        rendered = rendered_place(line)
        if rendered is None:
            yield line
            continue
        text, path, number = rendered
        yield f"{text}  (rendered {path.lstrip('/')}:{number})"
        if bundle and (origin := bundle.origin(path, number)):
            place, value = origin
            yield f"from {place.file}:{place.line}  {value}".rstrip()


def rendered_place(line: str) -> tuple[str, str, int] | None:
    """Take what nginx said apart: its words, the managed path that they are about, the line there from 1."""
    match = _AT.match(line)
    return (match["text"], _ROOT.sub("", match["path"]), int(match["line"])) if match else None


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
