"""What people read after a run, as rich renderables: plans, results, failures, tables."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from deployer.errors import DeployerError
from deployer.outcome import Change, Outcome, ProbeResult, State, Verdict
from deployer.report.alike import failed_alike, lines_of_many
from deployer.report.document import problems, summary
from deployer.report.drift import foreign, found, headed, mark, numbers, reasons
from deployer.report.live import live_lines
from deployer.report.spans import Text
from deployer.report.words import (
    count,
    host_line,
    is_failure,
    names,
    style,
    visible,
    what_serves,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    Lines = list[RenderableType]


LINES = 40
"""Hosts up to which each has a line of its own after an apply."""
MOST = 20
"""Paragraphs and rows of one kind; beyond that they are counted."""

_COPIED = frozenset({"host", "site", "probe", "asked", "release", "https", "http", "ssh"})
"""Columns of tables that hold addresses and names."""

_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def planned(outcomes: Sequence[Outcome], *, diff: bool) -> "Lines":
    """Show what would change, hosts with the same plan together, then what failed."""
    lines: Lines = []
    for hosts, changes, others in _grouped(outcomes):
        same = [": same changes"] if len(hosts) > 1 else [":"]
        told = " ".join([*same, numbers(changes, others)]).rstrip()
        lines.append(Text(visible(names(hosts)) + told, style="bold"))
        lines += _plan_lines(changes, others, diff=diff)
    unchanged = [outcome.host for outcome in outcomes if outcome.state == State.UNCHANGED]
    if unchanged:
        lines.append(Text(f"{visible(names(unchanged))}: nothing to do", style=style(State.UNCHANGED)))
    return lines + _endings(outcomes, verb="to change")


def applied(outcomes: Sequence[Outcome], *, diff: bool, verbose: bool) -> "Lines":
    """Show a line per host, the probes that failed (`verbose`: all), and what failed and why."""
    lines: Lines = []
    if diff or verbose:
        for hosts, changes, others in _grouped(outcomes):
            lines.append(Text(f"{visible(names(hosts))}:", style="bold"))
            lines += _plan_lines(changes, others, diff=diff)
    if len(outcomes) > LINES and not verbose:
        lines += _first(lines_of_many(outcomes), "groups of hosts; --verbose has a line for each host")
    else:
        width = max((len(outcome.host) for outcome in outcomes), default=0)
        lines += [host_line(outcome, width=width) for outcome in outcomes]
    lines += _first(list(live_lines(outcomes)), "hosts with live connections; --json has them all")
    wanted = set(Verdict) if verbose else {Verdict.FAILED}
    if probes := _probes(outcomes, wanted, most=None if verbose else MOST):
        lines += ["", *probes, ""]
    return [*lines, *found(outcomes), *_endings(outcomes, verb="changed")]


def verified(outcomes: Sequence[Outcome]) -> "Lines":
    """Show every probe of every host as a table."""
    counts = summary(outcomes)
    ending = f"probes passed: {counts['probes_passed']}  failed: {counts['probes_failed']}"
    if counts["probes_off"]:
        ending += f"  off: {counts['probes_off']}"
    lines = [*_probes(outcomes, set(Verdict)), "", *failures(outcomes), *warnings_of(outcomes)]
    return [*lines, Text(ending, style="bold")]


def history(outcomes: Sequence[Outcome]) -> "Lines":
    """Show the releases of every host, newest first."""
    table = table_of("host", "release", "state", "when", "who", "revision", "note")
    for outcome in outcomes:
        for record in outcome.history:
            told = (record.release, record.state, record.when, record.who, record.revision, record.note)
            table.add_row(outcome.host, *(Text(visible(cell)) for cell in told))
    silent = [outcome.host for outcome in outcomes if not outcome.history and not is_failure(outcome)]
    lines: Lines = [table] if table.row_count else []
    if silent:
        lines.append(Text(f"{visible(names(silent))}: no release yet"))
    return lines + failures(outcomes) + warnings_of(outcomes)


def failure(outcome: Outcome) -> Text:
    """Say what failed on a host: what, what still serves, the host's last words, and what to type next."""
    parts = (outcome.message or f"{outcome.state} at {outcome.phase}", what_serves(outcome))
    sentence = "; ".join(part for part in parts if part)
    block = Text(visible(f"{outcome.host}: "), style="bold")
    block.append(visible(sentence).replace("\n", "\n    "), style=style(outcome.state))
    for line in outcome.said:
        block.append(f"\n    {visible(line)}", style="default not bold")
    if outcome.next_step:
        block.append(f"\n  next: {visible(outcome.next_step)}", style="default not bold")
    return block


def error(error: DeployerError) -> "Lines":
    """Say why a run ended before any host: problems one per line, or one sentence."""
    found = problems(error)
    lines: Lines = [Text(visible(str(problem))) for problem in found] or [
        Text.assemble(("deployer: ", "bold red"), visible(error.message))
    ]
    if len(found) > 1:
        lines.append(Text(f"{count(len(found), 'problem')}; nothing was contacted", style="bold"))
    if error.next_step:
        lines.append(Text(f"  next: {visible(error.next_step)}"))
    return lines


def warnings(sentences: Iterable[str]) -> "Lines":
    """Show sentences about what is not an error yet."""
    return [Text.assemble(("warning: ", "yellow"), visible(sentence)) for sentence in sentences]


def _grouped(
    outcomes: Sequence[Outcome],
) -> list[tuple[list[str], tuple[Change, ...], tuple[Change, ...]]]:
    groups: dict[tuple[tuple[Change, ...], tuple[Change, ...]], list[str]] = {}
    for outcome in outcomes:
        others = foreign(outcome)
        if (outcome.changes or others) and (outcome.state.switched or not is_failure(outcome)):
            groups.setdefault((outcome.changes, others), []).append(outcome.host)
    return [(hosts, changes, others) for (changes, others), hosts in groups.items()]


def _plan_lines(changes: Sequence[Change], others: Sequence[Change], *, diff: bool) -> "Lines":
    lines: Lines = []
    for heading, section in headed(changes, others):
        if heading:
            lines.append(Text(f"  {heading}", style="magenta"))
        for change in section:
            sign, colour = mark(change)
            line = Text.assemble("  ", (f"{sign} {change.action} {change.kind} ", colour))
            why = reasons(change)
            lines.append(line.append(visible(f"{change.subject}  ({why})" if why else change.subject)))
            if diff and change.diff:
                lines.append(_diff(change.diff))
    return lines


def _diff(diff: str) -> Text:
    text = Text()
    for line in diff.splitlines():
        text.append(f"      {visible(line)}\n", style=_DIFF_STYLES.get(line[:1], ""))
    text.rstrip()
    return text


def _probes(outcomes: Sequence[Outcome], wanted: set[Verdict], *, most: int | None = None) -> "Lines":
    found = [(each.host, probe) for each in outcomes for probe in each.probes if probe.verdict in wanted]
    if not found:
        return []
    table = table_of("host", "probe", "asked", "", "said")
    for host, probe in found[:most]:
        table.add_row(host, *_probe_cells(probe))
    lines: Lines = [table]
    if most is not None and len(found) > most:
        lines.append(f"... and {len(found) - most} more failed probes; --verbose shows them all")
    return lines


def _probe_cells(probe: ProbeResult) -> list[Text]:
    colour = {Verdict.PASSED: "green", Verdict.FAILED: "bold red", Verdict.OFF: "dim"}[probe.verdict]
    told = (probe.kind, probe.url, probe.verdict, probe.said)
    return [Text(visible(cell), style=colour if cell is probe.verdict else "") for cell in told]


def table_of(*columns: str) -> "Table":
    """Return an empty table whose long cells fold, but for what people copy from it."""
    from rich.table import Table  # late: it takes long, and most runs show none

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _COPIED)
    return table


def failures(outcomes: Sequence[Outcome]) -> "Lines":
    """Give failed hosts a paragraph; those that failed alike share one."""
    return _first([failure(outcome) for outcome in failed_alike(outcomes)], "failures; --json has them all")


def _first(lines: "Sequence[RenderableType]", more: str) -> "Lines":
    """Return the first lines, and count the rest."""
    if len(lines) <= MOST:
        return list(lines)
    return [*lines[:MOST], Text(f"... and {len(lines) - MOST} more {more}", style="bold")]


def warnings_of(outcomes: Sequence[Outcome]) -> "Lines":
    """Show the warnings of all hosts, hosts with the same one together."""
    hosts: dict[str, list[str]] = {}
    for outcome in outcomes:
        for sentence in outcome.warnings:
            hosts.setdefault(sentence, []).append(outcome.host)
    lines = warnings(f"{names(who)}: {sentence}" for sentence, who in hosts.items())
    return _first(lines, "warnings; --json has them all")


def _endings(outcomes: Sequence[Outcome], *, verb: str) -> "Lines":
    counts = summary(outcomes)
    changed = counts["changed"] + counts["planned"]
    by_hand = f"changed by hand: {counts['drifted']}  " if counts["drifted"] else ""
    ending = f"{verb}: {changed}  {by_hand}unchanged: {counts['unchanged']}  failed: {counts['failed']}"
    for key in ("unconfirmed", "interrupted", "not_started", "taken_back"):
        if counts[key]:
            ending += f"  {key.replace('_', ' ')}: {counts[key]}"
    return [*failures(outcomes), *warnings_of(outcomes), Text(ending, style="bold")]
