"""Short words for what happened: lines, counts, names of hosts."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import assert_never

from deployer.outcome import MAY_BE_BACK, Action, Change, Outcome, Phase, State, Verdict
from deployer.report.spans import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NAMES_SHOWN = 5


def visible(text: str) -> str:
    r"""Show control characters instead of sending them to a terminal: what a host says is not trusted.

    >>> visible("a\x1b[31m\r\n")
    'a\\x1b[31m\n'
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text.replace("\r\n", "\n"))


def style(state: State) -> str:
    """Return the colour of a state."""
    match state:
        case State.UNCHANGED:
            return "green"
        case State.CHANGED | State.UNCONFIRMED | State.PLANNED | State.INTERRUPTED | State.NOT_STARTED:
            return "yellow"
        case _:
            return "bold red"


def is_failure(outcome: Outcome) -> bool:
    """Tell whether a host needs a paragraph of its own."""
    return outcome.state.exit_code != 0


def names(hosts: Sequence[str]) -> str:
    """Name some hosts, and count the rest.

    >>> names(["edge1", "edge2"]), names([f"web{n}" for n in range(1, 9)])
    ('edge1, edge2', 'web1, web2, web3, web4, web5 and 3 more')
    """
    if len(hosts) <= _NAMES_SHOWN + 1:
        return ", ".join(hosts)
    return f"{', '.join(hosts[:_NAMES_SHOWN])} and {len(hosts) - _NAMES_SHOWN} more"


def count(number: int, thing: str) -> str:
    """Count things.

    >>> count(1, "file"), count(3, "directory")
    ('1 file', '3 directories')
    """
    if number == 1:
        return f"1 {thing}"
    return f"{number} {thing[:-1]}ies" if thing.endswith("y") else f"{number} {thing}s"


def counted(outcomes: Iterable[Outcome]) -> str:
    """Count outcomes by state.

    >>> counted([Outcome("a", State.CHANGED, Phase.CONFIRM), Outcome("b", State.CHANGED, Phase.CONFIRM)])
    'changed: 2'
    """
    states = Counter(outcome.state for outcome in outcomes)
    return "  ".join(f"{state}: {number}" for state, number in states.items())


def host_line(outcome: Outcome, *, width: int) -> Text:
    """Say how one host ended, in a line: name, state, release, changes, probes."""
    line = Text(f"{outcome.host:<{width}}  ")
    line.append(f"{outcome.state:<11}", style=style(outcome.state))
    parts = (_where(outcome), probes_in_words(outcome))
    line.append("  " + "  ".join(part for part in parts if part))
    line.rstrip()
    return line


def _where(outcome: Outcome) -> str:
    if is_failure(outcome):
        return f"at {outcome.phase}"
    release = f"release {visible(outcome.serving)}" if outcome.serving else ""
    changes = changes_in_words(outcome.changes)
    return f"{release} ({changes})".strip() if changes else release


def changes_in_words(changes: Sequence[Change]) -> str:
    """Sum changes up, such as `4 files, nginx reloaded`."""
    counted = Counter(change.kind for change in changes if change.kind != "service")
    services: dict[str, list[str]] = {}
    for change in changes:
        if change.kind == "service":
            services.setdefault(change.subject, []).append(_done(change.action))
    told = (f"{name} {' and '.join(done)}" for name, done in services.items())
    return visible(", ".join([*(count(number, kind) for kind, number in counted.items()), *told]))


def probes_in_words(outcome: Outcome) -> str:
    """Sum probes up, such as `probes 9/9`; those that are off do not count."""
    asked = [probe for probe in outcome.probes if probe.verdict != Verdict.OFF]
    passed = sum(probe.verdict == Verdict.PASSED for probe in asked)
    return f"probes {passed}/{len(asked)}" if asked else ""


def _done(action: Action) -> str:
    match action:
        case Action.CREATE | Action.UPDATE | Action.REMOVE | Action.RESTORE | Action.ENABLE:
            return f"{action}d"
        case Action.INSTALL | Action.START | Action.RELOAD | Action.RESTART:
            return f"{action}ed"
        case Action.RUN:
            return "run"
        case Action.LEAVE:
            return "left alone"
        case _:
            assert_never(action)


def symbol(action: Action) -> tuple[str, str]:
    """Return the sign of an action in a plan, and its colour."""
    match action:
        case Action.CREATE | Action.INSTALL:
            return "+", "green"
        case Action.UPDATE | Action.RESTORE:
            return "~", "yellow"
        case Action.REMOVE:
            return "-", "red"
        case Action.START | Action.ENABLE | Action.RELOAD | Action.RESTART | Action.RUN:
            return "*", "cyan"
        case Action.LEAVE:
            return "?", "magenta"
        case _:
            assert_never(action)


def what_serves(outcome: Outcome) -> str:
    """Say which release visitors still get, where that is known and the message does not say it.

    After a revert only the message knows: the undo may have failed too.
    """
    told = outcome.serving in outcome.message or "before us" in outcome.message
    if not outcome.serving or told or outcome.state in (State.REVERTED, State.TAKEN_BACK):
        return ""
    return f"release {outcome.serving} still serves"


def next_step(outcome: Outcome, command: str, inventory: str) -> str:
    """Return what to type next after a failure: the walk's own advice, else one by state.

    Args:
        outcome: The host's outcome.
        command: The command that ran, such as `apply`.
        inventory: The inventory's path as the operator typed it.
    """
    target = f"{inventory} --limit {outcome.host}"
    match outcome.state:
        case State.UNCHANGED | State.CHANGED | State.PLANNED:
            return outcome.next_step
        case _ if outcome.next_step:
            return outcome.next_step
        case State.REFUSED if outcome.drift and outcome.phase == Phase.PLAN:
            return f"deployer plan {target}; without --keep-drift apply overwrites it and keeps a copy"
        case State.UNCONFIRMED | State.INCOMPLETE if "unless it is confirmed" in outcome.message:
            return f"deployer confirm {target}, or deployer rollback {target}"
        case State.LOCKED if "unconfirmed until" in outcome.message:
            return f"deployer confirm {target}, or deployer rollback {target}, or wait until it has gone back"
        case _ if outcome.replaced and outcome.state != State.INCOMPLETE:
            return f"deployer rollback {target} --to {outcome.replaced}"
        case State.INVALID | State.REFUSED if command in ("plan", "apply"):
            return f"deployer render {target}"
        case State.INVALID | State.REFUSED if command == "rollback":
            return f"deployer history {target}"
        case State.INCOMPLETE if outcome.quarantined:
            sites = ", ".join(held.site for held in outcome.quarantined)
            return f"mend {sites}, then: deployer {command} {target}"
        case State.REVERTED:
            return f"deployer plan {target}"
        case State.FAILED:
            return f"deployer {command} {target} --debug"
        case State.LOCKED:
            return f"when the other run has ended: deployer {command} {target}"
        case State.UNREACHABLE if MAY_BE_BACK in outcome.message:
            return f"deployer history {target}"
        case State.UNREACHABLE if outcome.phase == Phase.CONNECT:
            return f"when it answers: deployer {command} {target}"
        case _:
            return f"deployer {command} {target}"
