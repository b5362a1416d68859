"""Simulated hosts to try deployer on by hand.

    python -m tests.bench.simulated 1000 --silent 3,500 --refusing 7 --late 9:2.5

Writes an inventory, says where, and simulates until Ctrl-C.
"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence

from tests.bench.places import STATE
from tests.bench.simulated.fleet import Trouble, simulated
from tests.bench.simulated.tool import OnSimulated


def main(arguments: Sequence[str]) -> None:
    """Simulate what the arguments ask for."""
    said = _parser().parse_args(arguments)
    late = {int(number): float(seconds) for number, _, seconds in (each.partition(":") for each in said.late)}
    trouble = Trouble(_numbers(said.silent), _numbers(said.refusing), late)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # a job in the background ignores Ctrl-C
    with contextlib.suppress(KeyboardInterrupt), simulated(said.hosts, STATE / "by-hand", trouble) as running:
        OnSimulated().prepare(running.scene, "1")
        print(f"deployer apply {running.scene.folder / 'deployer' / 'inventory.yaml'}", flush=True)
        signal.pause()


def _numbers(said: Sequence[str]) -> list[int]:
    return [int(each) for each in said]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.simulated")
    parser.add_argument("hosts", type=int)
    for name in ("silent", "refusing", "late"):
        parser.add_argument(f"--{name}", type=lambda text: text.split(","), default=[], metavar="N,N")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
