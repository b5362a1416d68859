"""`--workers` beside one process, on simulated hosts; all of it shares this machine.

    python -m tests.bench.by_workers --plan 10000 --apply 2000

A scheduler and two workers of Dask are started and ended. Prints a row per run: seconds, what the controller
took of the processor and of memory, and what the workers took.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.job import Scene
from tests.bench.measuring import Cost, measure
from tests.bench.ours import deployer
from tests.bench.places import CHECKOUT, STATE
from tests.bench.simulated.addresses import free_port
from tests.bench.simulated.fleet import simulated
from tests.bench.simulated.tool import OnSimulated

THREADS = 4
KEY = {"DEPLOYER_WORKERS_KEY": "a random text of the benchmark alone"}
_CLOCK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One of Dask's, while it runs."""

    pid: int

    @property
    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK

    @property
    def memory(self) -> int:
        """Peak in bytes so far."""
        status = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


@dataclass(frozen=True)
class Dask:
    """A scheduler and its workers."""

    address: str
    scheduler: Process
    workers: tuple[Process, ...]

    @property
    def processes(self) -> tuple[tuple[str, Process], ...]:
        """All of them, by what they are."""
        return (("scheduler", self.scheduler), *(("worker", worker) for worker in self.workers))


@contextmanager
def dask(folder: Path, workers: int) -> Iterator[Dask]:
    """Run a scheduler and `workers` on loopback, their output in `folder`."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with ExitStack() as stack:
        first = stack.enter_context(_running(folder / "scheduler.log", "scheduler", "--port", str(port)))
        options = ("--no-nanny", "--nthreads", str(THREADS), "--local-directory", str(folder))
        rest = [
            stack.enter_context(_running(folder / f"worker{number}.log", "worker", address, *options))
            for number in range(workers)
        ]
        time.sleep(10)  # all have said hello by then
        yield Dask(address, first, tuple(rest))


@contextmanager
def _running(log: Path, part: str, *arguments: str) -> Iterator[Process]:
    argv = (sys.executable, "-m", f"distributed.cli.dask_{part}", *arguments)
    loopback = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
    environment = {**os.environ, **KEY, "PYTHONPATH": str(CHECKOUT)}
    with log.open("wb") as file, subprocess.Popen(
        (*argv, *loopback), env=environment, stdout=file, stderr=file
    ) as process:  # fmt: skip
        try:
            yield Process(process.pid)
        finally:
            process.terminate()


@dataclass(frozen=True)
class Bench:
    """What runs are made on."""

    scene: Scene
    dask: Dask

    def run(self, verb: str, hosts: range, *, shared: bool) -> None:
        """Run deployer once on hosts by their numbers from 0, and print a row."""
        folder = self.scene.folder / "deployer"
        limit = folder / "limit"
        limit.write_text("".join(f"{self.scene.targets[number].name}\n" for number in hosts))
        options = ["--workers", self.dask.address] if shared else []
        diff = ["--no-diff"] if verb == "plan" else []
        command = deployer(verb, "inventory.yaml", f"--limit=@{limit}", *diff, *options, folder=folder)
        before = [worker.cpu for worker in self.dask.workers]
        os.environ.update(KEY)
        log = folder / f"{verb}-{'workers' if shared else 'alone'}.log"
        cost = measure(command, log)
        took = sum(worker.cpu for worker in self.dask.workers) - sum(before)
        print(_row(verb, len(hosts), cost, took if shared else 0.0, shared=shared), flush=True)
        print("    " + "\n    ".join(log.read_text().splitlines()[-3:]), flush=True)


def _row(verb: str, hosts: int, cost: Cost, workers: float, *, shared: bool) -> str:
    return (
        f"{verb} {hosts} {'by two workers' if shared else 'by one process'}: exit {cost.exit_code}, "
        f"{cost.seconds:.1f} s, controller {cost.cpu:.1f} CPU s and {cost.memory / 1e6:.0f} MB, "
        f"workers {workers:.1f} CPU s"
    )


def main(arguments: Sequence[str]) -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.by_workers", description=__doc__)
    parser.add_argument("--plan", type=int, default=1000, help="Hosts that are planned.")
    parser.add_argument("--apply", type=int, default=200, help="How many of them are applied.")
    parser.add_argument("--alone", type=int, default=100, help="How many one process walks beside that.")
    parser.add_argument("--recorded", action="store_true", help="New hosts repeat what the first one says.")
    said = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    work = STATE / "by-workers"
    with simulated(said.plan, work, recorded=said.recorded) as running, dask(running.folder, 2) as cluster:
        OnSimulated().prepare(running.scene, "1")
        _one_line(running.scene)
        bench = Bench(running.scene, cluster)
        every, some = range(said.plan), range(said.apply)
        bench.run("plan", every, shared=True)
        bench.run("apply", some, shared=True)
        bench.run("apply", some, shared=True)
        for name, each in cluster.processes:
            print(f"{name}: {each.cpu:.1f} CPU s, peak {each.memory / 1e6:.0f} MB", flush=True)
        few, others = range(said.alone), range(said.apply, min(said.apply + said.alone, said.plan))
        bench.run("apply", few, shared=False)
        bench.run("apply", few, shared=True)
        bench.run("plan", others, shared=False)
        bench.run("plan", others, shared=True)
        bench.run("apply", others, shared=False)


def _one_line(scene: Scene) -> None:
    """Say the hosts' one key once: with a line per host the file would be what is measured."""
    first = scene.targets[0]
    scene.known_hosts.write_text(f"[127.77.*]:{first.port} {first.host_key}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
