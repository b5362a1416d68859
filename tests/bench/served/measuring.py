"""Rounds: in each, every server has one turn at every row, in an order that rotates."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from tests.bench.served.backends import backends
from tests.bench.served.processes import LOAD_CORE, SERVER_CORE, Program, pinned, running
from tests.bench.served.reading import UnreadableError
from tests.bench.served.rows import IDLE, ROWS, Row, idle_command
from tests.bench.served.scene import FOLDER, Scene, await_answer, await_port, new_port, scene_in
from tests.bench.served.servers import SERVERS, Server
from tests.bench.served.values import Load, Sample

_T = TypeVar("_T")
Sink = Callable[[Sample], None]
_MEGABYTE = 2**20


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        rows: In this order.
        rounds: Turns of each server at each row.
        seconds: That a turn takes.
        idle: WebSockets that are opened at each server.
    """

    rows: tuple[Row, ...]
    rounds: int
    seconds: int
    idle: int


SHORT = Effort(tuple(row for row in ROWS if row.short), rounds=3, seconds=1, idle=500)
"""Three minutes."""

FULL = Effort(ROWS, rounds=7, seconds=3, idle=2000)
"""Twenty minutes."""


@dataclass(frozen=True)
class _Running:
    server: Server
    port: int
    program: Program


def measure(effort: Effort, sink: Sink) -> None:
    """Measure every row of every server; each turn goes to `sink` as it ends."""
    with TemporaryDirectory(prefix="served-", dir="/var/tmp") as www:
        scene = scene_in(FOLDER, Path(www))
        scene.prepare()
        _measure(scene, effort, sink)


def _measure(scene: Scene, effort: Effort, sink: Sink) -> None:
    with backends(scene) as neighbours:
        with ExitStack() as stack:
            servers = [stack.enter_context(_serving(scene, server)) for server in SERVERS]
            for number in range(effort.rounds):
                for row in effort.rows:
                    for each in _rotated(servers, number):
                        if row.key not in each.server.cannot:
                            sink(_turn(each, row, effort.seconds, neighbours))
        for number in range(min(effort.rounds, 3)):
            for server in _rotated([each for each in SERVERS if IDLE not in each.cannot], number):
                # A process that has worked before would give the connections memory that it has already.
                with _serving(scene, server) as each:
                    sink(_idle(each, effort.idle))


@contextmanager
def _serving(scene: Scene, server: Server) -> Iterator[_Running]:
    port = new_port()
    argv = server.command(scene, port)
    with running(argv, core=SERVER_CORE, log=scene.log(server.name)) as program:
        await_port(port)
        yield _Running(server, port, program)


def _turn(each: _Running, row: Row, seconds: int, neighbours: Sequence[Program]) -> Sample:
    """Load one server; what it answers is looked at first."""
    name = each.server.name
    try:
        if row.path:
            await_answer(each.port, row.path, tls=True, patience=5)
        before, others = each.program.cpu(), sum(program.cpu() for program in neighbours)
        load = _loaded(row, each.port, seconds)
        used = each.program.cpu() - before
        others = sum(program.cpu() for program in neighbours) - others
    except (TimeoutError, UnreadableError, subprocess.TimeoutExpired) as error:
        return Sample(row.key, name, failure=str(error)[-300:])
    if not load.count:
        return Sample(row.key, name, failure=load.failure or "no answer")
    rate, cpu = load.count / load.seconds, used / load.count * 1e6
    return Sample(row.key, name, rate, cpu, (used + others) / load.seconds, load.failure)


def _loaded(row: Row, port: int, seconds: int) -> Load:
    """Run the load, again and again where one run of it is shorter than `seconds`."""
    until = time.monotonic() + seconds
    loads: list[Load] = []
    while not loads or time.monotonic() < until:
        argv = pinned(row.command(port, seconds), LOAD_CORE)
        said = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60, check=False)
        loads.append(row.read(said.stdout or said.stderr))
        if row.timed or loads[-1].failure:
            break
    failures = dict.fromkeys(load.failure for load in loads if load.failure)
    return Load(sum(load.count for load in loads), sum(load.seconds for load in loads), "; ".join(failures))


def _idle(each: _Running, count: int) -> Sample:
    """Count what idle WebSockets weigh; those that the server does not take are said and not counted."""
    # The first one brings in code that all share.
    with _sockets(each.port, 1):
        pass
    before = each.program.memory()
    with _sockets(each.port, count) as opened:
        time.sleep(0.5)
        more = each.program.memory() - before
    if not opened or more <= 0:
        return Sample(IDLE, each.server.name, failure=f"{opened} opened, {more} bytes more")
    return Sample(IDLE, each.server.name, opened / (more / _MEGABYTE))


@contextmanager
def _sockets(port: int, count: int) -> Iterator[int]:
    """Hold `count` WebSockets open while the block runs; give how many there are."""
    argv = pinned(idle_command(port, count), LOAD_CORE)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        yield int(client.stdout.readline())
        client.communicate()


def _rotated(each: Sequence[_T], by: int) -> list[_T]:
    by %= len(each)
    return [*each[by:], *each[:by]]
