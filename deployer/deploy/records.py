"""What the release that a host has says of itself."""

from deployer.facts import Observation
from deployer.release import Record, parse_record


def current_record(seen: Observation) -> Record | None:
    """Return who made the current release of what; None where there is none of ours, or it is damaged."""
    release = seen.by_name.get(seen.current)
    if release is None or not release.meta:
        return None
    try:
        return parse_record(release.meta)
    except ValueError:
        return None


def in_quarantine(seen: Observation) -> tuple[str, ...]:
    """Warn of the sites that the current release left as they were."""
    record = current_record(seen)
    sentences = record.quarantined.values() if record else ()
    return tuple(f"in release {seen.current} {sentence}" for sentence in sentences)
