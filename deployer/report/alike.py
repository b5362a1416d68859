"""Hosts that ended alike are told of together, so that a thousand of them fit a screen; pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from deployer.outcome import Outcome, State
from deployer.report.spans import Text
from deployer.report.words import (
    changes_in_words,
    count,
    is_failure,
    names,
    probes_in_words,
    style,
    visible,
    what_serves,
)

LIMIT_NAMED = 10
"""Hosts that a next step names itself."""
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-f:]+\](?::\d+)?")
_RELEASE = re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{6,}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_LAST = (State.INTERRUPTED, State.NOT_STARTED)


def failed_alike(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return one outcome for all hosts that failed alike: names instead of a name, and whose words these are.

    Alike is the same state in the same phase with the same words, apart from the host's name, addresses,
    times and names of releases. Those that wait to be confirmed are told of like failures. Hosts that
    were not reached come last.
    """
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        if is_failure(outcome) or outcome.state == State.UNCONFIRMED:
            groups.setdefault(_skeleton(outcome), []).append(outcome)
    together = [_together(group) for group in groups.values()]
    return sorted(together, key=lambda outcome: outcome.state in _LAST)


def _skeleton(outcome: Outcome) -> tuple[str, ...]:
    said = [outcome.message, *outcome.said]
    return (outcome.state, outcome.phase, *(_masked(line, outcome.host) for line in said))


def _masked(line: str, host: str) -> str:
    without_host = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", "HOST", line)
    return _TIME.sub("TIME", _RELEASE.sub("RELEASE", _ADDRESS.sub("ADDRESS", without_host)))


def _together(group: Sequence[Outcome]) -> Outcome:
    first = replace(group[0], next_step=_next_step(group))
    if len(group) == 1:
        return first
    hosts = names([outcome.host for outcome in group])
    said = first.said
    if len({(outcome.message, what_serves(outcome), outcome.said) for outcome in group}) > 1:
        said = (*said, f"({first.host}'s words; the others' differ in names, addresses and times only)")
    return replace(first, host=f"{hosts} ({count(len(group), 'host')})", said=said)


def _next_step(group: Sequence[Outcome]) -> str:
    """Return what to type next: one command for all where only `--limit` differs."""
    first = group[0]
    if first.state in (State.NOT_STARTED, State.TAKEN_BACK):
        return ""  # the run's own next step has them
    if first.state == State.INTERRUPTED and not first.replaced:
        return "the same command again"
    steps = {_limited(outcome, "HOSTS") for outcome in group}
    if len(group) == 1 or len({outcome.next_step for outcome in group}) == 1:
        return first.next_step
    if len(steps) == 1 and len(group) <= LIMIT_NAMED:
        return _limited(first, ",".join(outcome.host for outcome in group))
    return f"{first.next_step}  (and so for the others)"


def _limited(outcome: Outcome, hosts: str) -> str:
    return re.sub(
        rf"(--limit ){re.escape(outcome.host)}(?![^\s,])", lambda match: match[1] + hosts, outcome.next_step
    )


def lines_of_many(outcomes: Sequence[Outcome]) -> list[Text]:
    """Say how many hosts ended how, a line for all that ended alike, the largest group first."""
    groups: dict[tuple[State, str], list[str]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.state, _how(outcome)), []).append(outcome.host)
    lines = []
    for (state, how), hosts in sorted(groups.items(), key=lambda group: -len(group[1])):
        line = Text(f"{count(len(hosts), 'host'):>{len(str(len(outcomes))) + 6}}  ")
        line.append(f"{state:<11}", style=style(state))
        lines.append(line.append(visible(f"  {how}{'  ' if how else ''}{names(hosts)}")))
    return lines


def _how(outcome: Outcome) -> str:
    if is_failure(outcome):
        return f"at {outcome.phase}"
    changes = changes_in_words(outcome.changes)
    return "  ".join(part for part in (changes and f"({changes})", probes_in_words(outcome)) if part)
