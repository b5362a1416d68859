"""Certificates in words: the table of `deployer certs`, and what a monitor should hear."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployer.outcome import Outcome
from deployer.report.live import live_lines
from deployer.report.spans import Text
from deployer.report.text import failures, table_of, warnings_of
from deployer.report.words import count, host_line, visible
from deployer.standing import ServedCertificate

if TYPE_CHECKING:
    from rich.console import RenderableType

_SOON = 14


def certified(outcomes: Sequence[Outcome]) -> "list[RenderableType]":
    """Show the certificate of every site of every host as a table."""
    rows = [(outcome.host, each) for outcome in outcomes for each in outcome.certificates]
    told = table_of("host", "site", "names", "issuer", "provider", "left", "serial", "")
    for host, each in rows:
        told.add_row(host, *cells(each))
    ending = f"{count(len(rows), 'certificate')}, {sum(bool(each.wrong) for _, each in rows)} with a problem"
    lines: list[RenderableType] = [told, ""] if rows else []
    return [*lines, *failures(outcomes), *warnings_of(outcomes), Text(ending, style="bold")]


def cells(each: ServedCertificate) -> list[Text]:
    """Return site, names, issuer, provider, days left, serial, verdict."""
    wrong = Text("wrong", style="bold red") if each.wrong else Text("ok", style="green")
    told = (each.site, ", ".join(each.names), each.issuer, each.provider)
    return [*(Text(visible(cell)) for cell in told), left(each), Text(short(each.served)), wrong]


def left(each: ServedCertificate) -> Text:
    """Return how long a certificate lasts, in the colour that this deserves."""
    days = each.days_left
    if days is None:
        return Text("none", style="bold red")
    return Text(
        "1 day" if days == 1 else f"{days} days",
        style="bold red" if days < _SOON else "yellow" if each.due else "",
    )


def short(serial: str) -> str:
    """Return the first digits of a serial number; the whole of it is in the JSON document."""
    return f"{serial[:8]}…" if len(serial) > 8 else serial


def alarming(outcomes: Sequence[Outcome], *, max_days: int) -> bool:
    """Tell whether a certificate is wrong, missing, or ends within `max_days` days."""
    return any(
        each.wrong or each.days_left is None or each.days_left < max_days
        for outcome in outcomes
        for each in outcome.certificates
    )


def renewed(outcomes: Sequence[Outcome]) -> "list[RenderableType]":
    """Show a line per host, then the table of what is served now."""
    width = max((len(outcome.host) for outcome in outcomes), default=0)
    lines = [host_line(outcome, width=width) for outcome in outcomes]
    return [*lines, *live_lines(outcomes), "", *certified(outcomes)]
