"""Live connections in words: what a reload found under way, and what it left to the old workers."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deployer.outcome import Outcome
from deployer.report.spans import Text
from deployer.report.words import count, visible

if TYPE_CHECKING:
    from deployer.standing import Live


def live_lines(outcomes: Sequence[Outcome]) -> Iterator[Text]:
    """Say it of every host whose reload found or left something."""
    for outcome in outcomes:
        if outcome.live and (outcome.live.before or outcome.live.workers):
            yield Text(visible(f"{outcome.host}: {live_in_words(outcome.live)}"))


def live_in_words(live: "Live") -> str:
    """Say what stayed, and for how long.

    >>> live_in_words(Live(500, 500, 2))
    'live connections: 500 before the reload, 500 stay on 2 draining workers until they end'
    >>> live_in_words(Live(None, 3, 1, "5s"))
    'live connections: 3 stay on 1 draining worker for 5s'
    """
    before = "" if live.before is None else f"{live.before} before the reload, "
    if not live.workers:
        return f"live connections: {before}none stays"
    held = "some" if live.staying is None else str(live.staying)
    stay = "stays" if live.staying == 1 else "stay"
    until = f"for {live.cut_after}" if live.cut_after else "until they end"
    return f"live connections: {before}{held} {stay} on {count(live.workers, 'draining worker')} {until}"
