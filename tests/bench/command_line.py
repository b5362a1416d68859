"""The benchmark's command line, as values."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.job import JOBS
from tests.bench.setups import DEPLOYER, FLEETS, FULL, PEERS, SHORT, Setup

FLOOR, STARTUP = "floor", "startup"
PLANNED = (1_000, 10_000)
"""Hosts that are planned without being there."""


@dataclass(frozen=True)
class Asked:
    """What this run is to do.

    Attributes:
        setups: In this order.
        startup: How often `--help` is measured; 0 is never.
        keep: Leave the hosts running for the next run.
        write: Put tables and plots into docs/ too.
        report: Only report this earlier run.
        into: Add what is measured to this run, which may not be there yet; its whole is reported.
        inventory: Plan so many hosts that need nothing, in one process on one core; each number by itself.
        profile: Only profile deployer at this job, on the hosts of the first setup.
        fleets: How many simulated hosts, each number by turns.
        rounds: Of the simulated hosts.
        served: How much of the served sites' benchmark: `short`, `full`, or none of it.
    """

    setups: tuple[Setup, ...]
    startup: int = 11
    keep: bool = False
    write: bool = False
    report: Path | None = None
    into: Path | None = None
    profile: str = ""
    fleets: tuple[int, ...] = ()
    rounds: int = 5
    inventory: tuple[int, ...] = ()
    served: str = ""


def parse(arguments: Sequence[str]) -> Asked:
    """Read the arguments; where none says what to measure it is the short form."""
    said = _parser().parse_args(arguments)
    setups: tuple[Setup, ...] = FULL if said.full else SHORT
    chosen = bool(said.hosts or said.only or said.tools or said.delay or said.profile)
    alone = bool(said.simulated or said.inventory or said.served)
    common = (said.keep, said.write, said.report, said.into, said.profile)
    if not (chosen or alone or said.repeat or said.report):
        fleets, served = (FLEETS, "full") if said.full else ((), "short")
        return Asked(setups, 11, *common, fleets=fleets, inventory=PLANNED, served=served)
    return Asked(
        _chosen(said) if chosen or (said.repeat and not alone) else (),
        (said.repeat or 5) if STARTUP in said.only else 0,
        *common,
        fleets=tuple(said.simulated),
        rounds=said.repeat or 5,
        inventory=tuple(said.inventory or ()),
        served=said.served,
    )


def _chosen(said: argparse.Namespace) -> tuple[Setup, ...]:
    jobs = tuple(job for job in JOBS if job in said.only) if said.only else JOBS
    tools = tuple(said.tools or (DEPLOYER,)) if jobs else ()
    if said.only and not jobs and FLOOR not in said.only:
        return ()
    return tuple(
        Setup(hosts, delay, tools, jobs, said.repeat or 5, said.budget)
        for delay in said.delay or [0]
        for hosts in said.hosts or [10]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure deployer and its peers. Without a choice: the short form, ten minutes.",
    )
    parser.add_argument("--full", action="store_true", help="all hosts, delays and peers: hours")
    parser.add_argument("--hosts", type=_numbers, metavar="N,N", help="so many hosts (10)")
    parser.add_argument(
        "--inventory", type=_numbers, metavar="N,N", help="plan N hosts that need nothing, on one core"
    )
    parser.add_argument("--delay", type=_numbers, metavar="MS,MS", help="milliseconds per round trip (0)")
    parser.add_argument(
        "--simulated",
        type=_numbers,
        default=(),
        metavar="N,N",
        help="so many simulated hosts, each number by turns",
    )
    only = (*JOBS, FLOOR, STARTUP)
    parser.add_argument("--only", type=_among(only), default=(), metavar="ROW,ROW", help=", ".join(only))
    tools = (DEPLOYER, *PEERS)
    parser.add_argument(
        "--tools",
        type=_among(tools),
        default=(),
        metavar="TOOL,TOOL",
        help=f"{', '.join(tools)} ({DEPLOYER})",
    )
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds (5)")
    parser.add_argument("--budget", type=float, default=float("inf"), metavar="S", help="seconds per setup")
    parser.add_argument("--keep", action="store_true", help="leave the hosts up; the next run takes them")
    parser.add_argument("--write", action="store_true", help="put tables and plots into docs/ too")
    parser.add_argument("--report", type=Path, metavar="FILE", help="report an earlier run, measure nothing")
    parser.add_argument("--into", type=Path, metavar="FILE", help="measure one more piece of this run")
    parser.add_argument("--profile", choices=JOBS, default="", help="where deployer's time goes in one job")
    parser.add_argument(
        "--served",
        nargs="?",
        const="full",
        choices=("full", "short"),
        default="",
        help="only how fast the sites are that deployer configures, beside nginx by hand, Caddy, HAProxy",
    )
    return parser


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def _among(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def among(text: str) -> tuple[str, ...]:
        said = tuple(text.split(","))
        if unknown := [each for each in said if each not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: one of {', '.join(known)}")
        return said

    return among
