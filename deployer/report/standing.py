"""How hosts stand, in words: the table of `deployer status`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deployer.outcome import Change, Outcome
from deployer.report.spans import Text
from deployer.report.text import failures, table_of, warnings_of
from deployer.report.words import count, is_failure, visible
from deployer.standing import Worker

if TYPE_CHECKING:
    from rich.console import RenderableType

_SOON = 14


def standing(outcomes: Sequence[Outcome]) -> "list[RenderableType]":
    """Show a row per host, then what drifted, what waits for an apply, and which workers are draining."""
    table = table_of("host", "release", "since", "drift", "pending", "certificates", "workers", "connections")
    for outcome in outcomes:
        if not is_failure(outcome):
            table.add_row(outcome.host, *_cells(outcome))
    details = [Text(visible(line)) for outcome in outcomes for line in _details(outcome)]
    lines: list[RenderableType] = [table, ""] if table.row_count else []
    return [*lines, *details, *failures(outcomes), *warnings_of(outcomes)]


def _cells(outcome: Outcome) -> Iterator[Text]:
    yield Text(visible(_release(outcome)), style="" if outcome.serving == outcome.linked else "bold red")
    yield Text(visible(", ".join(record.when for record in outcome.history)))
    yield _number(len(outcome.drift), "bold red")
    yield _number(len(outcome.changes), "yellow")
    yield _certificates(outcome)
    yield Text(_workers(outcome.workers))
    yield Text(connections([worker for worker in outcome.workers if not worker.draining]))


def _release(outcome: Outcome) -> str:
    if not outcome.linked:
        return "none of ours"
    if outcome.serving == outcome.linked:
        return outcome.linked
    return f"{outcome.linked}, but {outcome.serving or 'something else'} runs"


def _number(number: int, style: str) -> Text:
    return Text(str(number), style=style if number else "")


def _certificates(outcome: Outcome) -> Text:
    found = outcome.certificates
    if not found:
        return Text("")
    wrong = sum(bool(each.wrong) for each in found)
    least = min((each.days_left for each in found if each.days_left is not None), default=None)
    words = "none" if least is None else f"{least} days or more" if len(found) > 1 else f"{least} days"
    style = "bold red" if wrong or least is None or least < _SOON else ""
    return Text(f"{words}, {wrong} wrong" if wrong else words, style=style)


def _workers(workers: Sequence[Worker]) -> str:
    draining = sum(worker.draining for worker in workers)
    serving = len(workers) - draining
    return f"{serving}, {draining} draining" if draining else str(serving)


def connections(workers: Sequence[Worker]) -> str:
    """Return how many connections visitors hold with `workers`; `?` where the host does not let us count.

    >>> connections([Worker(1, False, 9, 2), Worker(2, False, 9, 3)]), connections([Worker(1, True, 9, None)])
    ('5', '?')
    """
    counts = [worker.connections for worker in workers]
    return "?" if None in counts else str(sum(each or 0 for each in counts))


def _details(outcome: Outcome) -> Iterator[str]:
    for change in outcome.drift:
        yield f"{outcome.host}: {_change(change)}"
    if outcome.changes:
        yield f"{outcome.host}: {count(len(outcome.changes), 'change')} pending; deployer plan shows them"
    for worker in outcome.workers:
        if worker.draining:
            held = "connections that cannot be counted" if worker.connections is None else _held(worker)
            yield f"{outcome.host}: worker {worker.pid}, started {age(worker.age)} ago, drains: {held}"


def _held(worker: Worker) -> str:
    return count(worker.connections or 0, "connection")


def _change(change: Change) -> str:
    return f"{change.kind} {change.subject}: drift: {change.drift}"


def age(seconds: int) -> str:
    """Return a span of time in its two largest units.

    >>> age(59), age(3700), age(200000)
    ('59 s', '1 h 1 min', '2 d 7 h')
    """
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{seconds} s"
