"""The plot of a run of the served sites: per row, what each server does in times of deployer's, as SVG."""

from collections.abc import Iterator

from tests.bench.plot import Bar, charted, colour
from tests.bench.served import rows, servers
from tests.bench.served.servers import OURS
from tests.bench.served.values import Run


def drawn(run: Run) -> str:
    """Return the SVG."""
    groups = [group for row in rows.TITLES if (group := [*_bars(run, row)])]
    return charted("the served sites, in times of deployer's, logarithmic: longer is faster", groups)


def _bars(run: Run, row: str) -> Iterator[Bar]:
    for server, title in servers.TITLES.items():
        ratio = run.ratio(row, server, OURS)
        if ratio is not None:
            yield Bar(f"{rows.TITLES[row]}: {title}", ratio, colour(server), server == OURS)
