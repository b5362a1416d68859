"""The benchmark's side of the simulated hosts: starts their server, and says where each answers."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import material
from tests.bench.delaying import backend
from tests.bench.hosts import Target, login_key
from tests.bench.job import Scene
from tests.bench.places import CHECKOUT
from tests.bench.simulated.addresses import address_of

_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Trouble:
    """What is wrong with some hosts, by their numbers from 1.

    Attributes:
        silent: Take a connection and say nothing.
        refusing: Their nginx refuses every configuration.
        late: Seconds that each command of a host waits before it begins.
    """

    silent: Sequence[int] = ()
    refusing: Sequence[int] = ()
    late: Mapping[int, float] = field(default_factory=dict)


_NONE = Trouble()


@dataclass(frozen=True)
class Simulation:
    """A running fleet.

    Attributes:
        scene: The hosts as tools reach them, with the job's files written.
        folder: What stands for `/` on host N is `folder/N`.
    """

    scene: Scene
    folder: Path


@contextmanager
def simulated(
    hosts: int, work: Path, trouble: Trouble = _NONE, *, recorded: bool = False
) -> Iterator[Simulation]:
    """Run `hosts` simulated hosts that have nothing of deployer yet, their folders in memory where possible.

    Args:
        hosts: How many.
        work: For the files of tools.
        trouble: What is wrong with some.
        recorded: Hosts to which nothing was done yet repeat what one of them says, which costs little.
    """
    material.ssh_key(login_key())
    folder = Path(tempfile.mkdtemp(prefix="deployer-bench-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        with backend("127.0.0.1") as behind_sites:
            empty = Scene((), behind_sites, work)
            empty.write()
            asked = {
                "hosts": hosts,
                "folder": str(folder),
                "key": str(login_key()),
                "certificates": str(empty.certificates),
                "backend": behind_sites,
                "silent": list(trouble.silent),
                "refusing": list(trouble.refusing),
                "late": dict(trouble.late),
                "recorded": recorded,
            }
            with _server(asked) as told:
                targets = tuple(_target(number, told) for number in range(1, hosts + 1))
                scene = Scene(targets, behind_sites, work)
                scene.write()
                yield Simulation(scene, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(asked: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    argv = (sys.executable, "-m", "tests.bench.simulated.server", json.dumps(asked))
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin
        assert stdout
        try:
            yield json.loads(stdout.readline())
        finally:
            stdin.close()


def _target(number: int, told: Mapping[str, object]) -> Target:
    address, port, key = address_of(number), told["port"], told["host_key"]
    assert isinstance(port, int)
    assert isinstance(key, str)
    return Target(f"web{number:04}", address, port, key, address)
