"""`python -m tests.bench`: measure, print the tables, say which goals are met."""

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import document, machine, profiling, results, tables
from tests.bench.command_line import Asked, parse
from tests.bench.goals import judged
from tests.bench.hosts import opened
from tests.bench.measuring import measure
from tests.bench.ours import deployer, importing_typer
from tests.bench.peers import prepare_environments
from tests.bench.places import CHECKOUT, STATE
from tests.bench.results import PLANNING, Sample
from tests.bench.running import Sink, prepared
from tests.bench.served import command as served
from tests.bench.simulated import measured


def main() -> int:
    """Do what the arguments ask; 1 if a tool failed."""
    asked, started = parse(sys.argv[1:]), time.monotonic()
    if asked.profile:
        with opened(keep=asked.keep) as hosts, prepared(hosts, asked.setups[0], _show) as round_:
            profiling.profile(round_, asked.profile)
        return 0
    failed = False
    if not asked.served or asked.setups:
        run = results.read(asked.report or _measured(asked))
        print(tables.of_run(run), tables.of_goals(judged(run)), sep="\n")
        if asked.write:
            document.write(run)
        failed = any(sample.failure for sample in run.samples)
    if asked.served:
        failed |= not served.reported(asked.served, asked.report, write=asked.write)
    print(f"{(time.monotonic() - started) / 60:.1f} minutes")
    return 1 if failed else 0


def _measured(asked: Asked) -> Path:
    """Measure what is asked and return the file of it."""
    path = asked.into or STATE / "results" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        hosts = stack.enter_context(opened(keep=asked.keep)) if asked.setups else None
        prepare_environments({tool for setup in asked.setups for tool in setup.tools})
        results.begin(path, machine.described())
        _measure_startup(path, asked.startup)
        for count in asked.inventory:
            _into(path)(_planned(count))
        for setup in asked.setups:
            assert hosts
            print(f"{setup.hosts} hosts, {setup.delay} ms", flush=True)
            with prepared(hosts, setup, _into(path)) as round_:
                round_.run()
        if asked.fleets:
            print(f"{' and '.join(map(str, asked.fleets))} simulated hosts", flush=True)
            measured.run(asked.fleets, asked.rounds, _into(path))
    return path


def _into(path: Path) -> Sink:
    def sink(sample: Sample) -> None:
        results.append(path, sample)
        _show(sample)

    return sink


def _show(sample: Sample) -> None:
    trips = "" if sample.round_trips is None else f"  {sample.round_trips:g} round trips"
    words = (
        sample.failure or f"{sample.seconds:.2f} s  CPU {sample.cpu:.2f} s  {sample.memory >> 20} MB{trips}"
    )
    print(f"  {sample.tool} {sample.job}: {words}", flush=True)


def _measure_startup(path: Path, repeat: int) -> None:
    commands = {
        ("deployer", "help"): deployer("--help", folder=STATE),
        ("python", "typer"): importing_typer(STATE),
    }
    # The first time of each compiles what it imports.
    for number in range(repeat + 1 if repeat else 0):
        for (tool, job), command in commands.items():
            cost = measure(command, STATE / "logs" / f"{tool}-{job}.log")
            failure = f"exit code {cost.exit_code}" if cost.exit_code else ""
            if number:
                _into(path)(Sample(0, 0, tool, job, cost.seconds, cost.cpu, cost.memory, failure))


def _planned(count: int) -> Sample:
    folder = STATE / "work" / f"planning-{count}"
    argv = (sys.executable, "-m", "tests.bench.planning", str(count), str(folder))
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    said = json.loads(done.stdout or '{"seconds": 0, "cpu": 0, "memory": 0}')
    failure = done.stderr.strip().splitlines()[-1] if done.returncode else ""
    return Sample(0, 0, PLANNING, str(count), **said, failure=failure)


if __name__ == "__main__":
    sys.exit(main())
