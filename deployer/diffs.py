"""How the text of files differs, for people. Pure."""

import difflib
from collections.abc import Iterable
from dataclasses import replace

from deployer.bundle import RELEASE_TOKEN, Bundle, without_origins
from deployer.facts import LiveFile, Observation
from deployer.outcome import Change


def with_diffs(changes: Iterable[Change], bundle: Bundle, seen: Observation) -> tuple[Change, ...]:
    """Return `changes` with a unified diff for each file whose text was observed.

    Files that only their owner may read are never shown.
    """
    return tuple(_with_diff(change, bundle, seen) if change.kind == "file" else change for change in changes)


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
    return replace(change, diff=text)
