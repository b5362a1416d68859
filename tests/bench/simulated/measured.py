"""deployer on fleets of simulated hosts, measured: two sizes, one after the other in every round."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.job import CHANGE, FIRST, NOTHING
from tests.bench.measuring import measure
from tests.bench.places import STATE
from tests.bench.results import SIMULATED, Sample
from tests.bench.simulated.fleet import Simulation, simulated
from tests.bench.simulated.tool import OnSimulated

JOBS = (NOTHING, CHANGE)
"""Measured in every round; the first apply once."""
_CHANGED = "etc/deployer/current/root/etc/nginx/deployer/sites/www.conf"

Sink = Callable[[Sample], None]


@dataclass
class Fleet:
    """One fleet under measurement, and what its hosts should serve by now."""

    hosts: int
    running: Simulation
    sink: Sink
    revision: str = "1"

    def carry_out(self, job: str) -> None:
        """Run `job`, see to it that it was done, and hand its cost on."""
        if job == CHANGE:
            self.revision = "2" if self.revision == "1" else "1"
        tool = OnSimulated()
        tool.prepare(self.running.scene, self.revision)
        before = self._releases()
        cost = measure(
            tool.command(self.running.scene, job), self.running.scene.folder / "logs" / f"{job}.log"
        )
        failure = f"exit code {cost.exit_code}" if cost.exit_code else self._undone(job, before)
        self.sink(
            Sample(self.hosts, 0, SIMULATED, job, cost.seconds, cost.cpu, cost.memory, failure=failure)
        )  # fmt: skip

    def _releases(self) -> list[str]:
        links = (root / "etc/deployer/current" for root in self._roots())
        return [str(link.readlink()) if link.is_symlink() else "" for link in links]

    def _undone(self, job: str, before: Sequence[str]) -> str:
        if job == NOTHING and self._releases() != before:
            return "it changed something where nothing was to change"
        wanted = f'X-Revision "{self.revision}"'
        wrong = [root.name for root in self._roots() if wanted not in (root / _CHANGED).read_text()]
        return f"{len(wrong)} hosts have another revision, {wrong[0]} among them" if wrong else ""

    def _roots(self) -> Iterator[Path]:
        return (self.running.folder / str(number) for number in range(1, self.hosts + 1))


def run(sizes: Sequence[int], repeat: int, sink: Sink) -> None:
    """Measure fleets of these sizes, `repeat` times by turns."""
    with _fleets(sizes, sink) as fleets:
        for job in (FIRST, *(JOBS * repeat)):
            for fleet in fleets:
                fleet.carry_out(job)


@contextmanager
def _fleets(sizes: Sequence[int], sink: Sink) -> Iterator[list[Fleet]]:
    with ExitStack() as stack:
        yield [
            Fleet(hosts, stack.enter_context(simulated(hosts, STATE / "work" / f"simulated-{hosts}")), sink)
            for hosts in sizes
        ]
