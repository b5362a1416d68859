"""What people read after a run, as rich renderables: plans, results, failures, tables."""

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from deployer.errors import DeployerError
from deployer.outcome import Change, Outcome, Phase, ProbeResult, State, Verdict
from deployer.report.document import problems, summary
from deployer.report.words import (
    count,
    host_line,
    is_failure,
    names,
    style,
    symbol,
    visible,
    what_serves,
)

Lines = list[RenderableType]

_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def planned(outcomes: Sequence[Outcome], *, diff: bool) -> Lines:
    """Show what would change, hosts with the same plan together, then what failed."""
    lines: Lines = []
    for hosts, changes in _grouped(outcomes):
        same = ": same changes" if len(hosts) > 1 else ""
        lines.append(Text(visible(names(hosts)) + (same or ":"), style="bold"))
        lines += _plan_lines(changes, diff=diff)
    unchanged = [outcome.host for outcome in outcomes if outcome.state == State.UNCHANGED]
    if unchanged:
        lines.append(Text(f"{visible(names(unchanged))}: nothing to do", style=style(State.UNCHANGED)))
    return lines + _endings(outcomes, verb="to change")


def applied(outcomes: Sequence[Outcome], *, diff: bool, verbose: bool) -> Lines:
    """Show a line per host, the probes that failed (`verbose`: all), and what failed and why."""
    lines: Lines = []
    if diff or verbose:
        for hosts, changes in _grouped(outcomes):
            lines.append(Text(f"{visible(names(hosts))}:", style="bold"))
            lines += _plan_lines(changes, diff=diff)
    width = max((len(outcome.host) for outcome in outcomes), default=0)
    lines += [host_line(outcome, width=width) for outcome in outcomes]
    wanted = set(Verdict) if verbose else {Verdict.FAILED}
    if probes := _probes(outcomes, wanted):
        lines += ["", *probes, ""]
    return lines + _endings(outcomes, verb="changed")


def verified(outcomes: Sequence[Outcome]) -> Lines:
    """Show every probe of every host as a table."""
    counts = summary(outcomes)
    ending = f"probes passed: {counts['probes_passed']}  failed: {counts['probes_failed']}"
    if counts["probes_off"]:
        ending += f"  off: {counts['probes_off']}"
    lines = [*_probes(outcomes, set(Verdict)), "", *failures(outcomes), *warnings_of(outcomes)]
    return [*lines, Text(ending, style="bold")]


def history(outcomes: Sequence[Outcome]) -> Lines:
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


def error(error: DeployerError) -> Lines:
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


def warnings(sentences: Iterable[str]) -> Lines:
    """Show sentences about what is not an error yet."""
    return [Text.assemble(("warning: ", "yellow"), visible(sentence)) for sentence in sentences]


def _grouped(outcomes: Sequence[Outcome]) -> list[tuple[list[str], tuple[Change, ...]]]:
    groups: dict[tuple[Change, ...], list[str]] = {}
    for outcome in outcomes:
        if outcome.changes and not is_failure(outcome):
            groups.setdefault(outcome.changes, []).append(outcome.host)
    return [(hosts, changes) for changes, hosts in groups.items()]


def _plan_lines(changes: Sequence[Change], *, diff: bool) -> Lines:
    lines: Lines = []
    for change in changes:
        sign, colour = symbol(change.action)
        detail = f"  ({change.detail})" if change.detail else ""
        line = Text.assemble("  ", (f"{sign} {change.action} {change.kind} ", colour))
        lines.append(line.append(visible(change.subject + detail)))
        if diff and change.diff:
            lines.append(_diff(change.diff))
    return lines


def _diff(diff: str) -> Text:
    text = Text()
    for line in diff.splitlines():
        text.append(f"      {visible(line)}\n", style=_DIFF_STYLES.get(line[:1], ""))
    text.rstrip()
    return text


def _probes(outcomes: Sequence[Outcome], wanted: set[Verdict]) -> Lines:
    table = table_of("host", "probe", "asked", "", "said")
    for outcome in outcomes:
        for probe in outcome.probes:
            if probe.verdict in wanted:
                table.add_row(outcome.host, *_probe_cells(probe))
    return [table] if table.row_count else []


def _probe_cells(probe: ProbeResult) -> list[Text]:
    colour = {Verdict.PASSED: "green", Verdict.FAILED: "bold red", Verdict.OFF: "dim"}[probe.verdict]
    told = (probe.kind, probe.url, probe.verdict, probe.said)
    return [Text(visible(cell), style=colour if cell is probe.verdict else "") for cell in told]


def table_of(*columns: str) -> Table:
    """Return an empty table whose long cells fold."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def failures(outcomes: Sequence[Outcome]) -> Lines:
    """Give each failed host a paragraph; hosts that were interrupted alike share one."""
    blocks: Lines = []
    interrupted: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.state == State.INTERRUPTED:
            interrupted.setdefault(outcome.message, []).append(outcome.host)
        elif is_failure(outcome):
            blocks.append(failure(outcome))
    for message, hosts in interrupted.items():
        advice = "the same command again"
        shared = Outcome(names(hosts), State.INTERRUPTED, Phase.CONNECT, message=message, next_step=advice)
        blocks.append(failure(shared))
    return blocks


def warnings_of(outcomes: Sequence[Outcome]) -> Lines:
    """Show the warnings of all hosts, hosts with the same one together."""
    hosts: dict[str, list[str]] = {}
    for outcome in outcomes:
        for sentence in outcome.warnings:
            hosts.setdefault(sentence, []).append(outcome.host)
    return warnings(f"{names(who)}: {sentence}" for sentence, who in hosts.items())


def _endings(outcomes: Sequence[Outcome], *, verb: str) -> Lines:
    counts = summary(outcomes)
    changed = counts["changed"] + counts["planned"]
    ending = f"{verb}: {changed}  unchanged: {counts['unchanged']}  failed: {counts['failed']}"
    if counts["interrupted"]:
        ending += f"  interrupted: {counts['interrupted']}"
    return [*failures(outcomes), *warnings_of(outcomes), Text(ending, style="bold")]
