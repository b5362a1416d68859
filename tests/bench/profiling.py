"""Where deployer's own time goes in one job: the controller's processor, and the host's."""

import pstats
import re
import shlex
import sys

from deployer.applier.command import Privilege, argv
from tests.bench import remote
from tests.bench.job import TRUE
from tests.bench.measuring import Command, measure
from tests.bench.ours import AsyncSsh, Deployer
from tests.bench.places import CHECKOUT
from tests.bench.results import Sample, spread
from tests.bench.running import Round

_LINES = 40
_TIMES = re.compile(r"(\d+)m([\d.]+)s")


def profile(round_: Round, job: str) -> None:
    """Run the floor and `job` plainly, then `job` profiled; print what is dear, and the host's share."""
    tool, floor = Deployer(), AsyncSsh()
    round_.scene.write()
    floor.prepare(round_.scene, "")
    print(f"asyncssh true: {_told(round_.carry_out(floor, TRUE))}")
    round_.get_ready(tool, job)
    print(f"deployer {job}: {_told(round_.carry_out(tool, job))}")
    round_.get_ready(tool, job)
    stats = _profiled(round_, tool.command(round_.scene, job), job)
    print(
        f"CPU of imports: {_importing(stats):.2f} s; the numbers below are seconds of CPU, under a profiler"
    )
    stats.sort_stats("tottime").print_stats(_LINES)
    stats.sort_stats("cumtime").print_stats(re.escape(str(CHECKOUT / "deployer")), _LINES)
    _print_host_share(round_)


def _told(sample: Sample) -> str:
    """Tell what a run cost; of an apply that changes something, the look is a part of the host's share."""
    hosts = f", each host {sample.host_cpu * 1000:.0f} ms" if sample.host_cpu is not None else ""
    return f"{sample.seconds:.2f} s, CPU {sample.cpu:.2f} s{hosts}"


def _profiled(round_: Round, plain: Command, job: str) -> pstats.Stats:
    path = round_.scene.folder / f"{job}.prof"
    program = (sys.executable, "-m", "tests.bench.profiled", str(path))
    command = Command((*program, *plain.argv[1:]), plain.folder, plain.environment)
    cost = measure(command, round_.scene.folder / "logs" / f"profile-{job}.log")
    print(f"profiled: CPU {cost.cpu:.2f} s, exit code {cost.exit_code}; {path}")
    return pstats.Stats(str(path), stream=sys.stdout)


def _importing(stats: pstats.Stats) -> float:
    """Return the seconds in all imports: the outermost call of importlib's door has them all."""
    every: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]  # typeshed hides it
    doors = (numbers[3] for (_, _, name), numbers in every.items() if name == "_find_and_load")
    return max(doors, default=0.0)


def _print_host_share(round_: Round) -> None:
    """Tell what one look costs a host beside `true`, by the shell's own clock."""
    look = " ".join(shlex.quote(word) for word in argv(Privilege(), "converse"))
    asked = f"{look} </dev/null >/dev/null"
    for name, command in (("true", "sh -c true"), ("observe", asked)):
        said = remote.everywhere(round_.direct, round_.scene.key, _clocked(command))
        cpu, started = spread(map(_children_seconds, said)), spread(map(_processes, said))
        assert cpu
        assert started
        print(f"host, {name}: {cpu.median * 1000:.0f} ms of CPU, {started.median:.0f} processes")


def _clocked(command: str) -> str:
    """Run `command`, then tell the first and the last process number, and the shell's `times`."""
    number = "sh -c 'echo $$'"
    return f"first=$({number}); {command}; last=$({number}); echo $first $last; times"


def _processes(said: str) -> float:
    first, last = said.splitlines()[0].split()
    return int(last) - int(first) - 1


def _children_seconds(said: str) -> float:
    """Read the second line of the shell's `times`: user and system time of what it started."""
    return sum(
        int(minutes) * 60 + float(seconds) for minutes, seconds in _TIMES.findall(said.splitlines()[-1])
    )
