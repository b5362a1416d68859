"""What deployer itself needs for N hosts that need nothing: inventory, render and plan, on one core.

    python -m tests.bench.planning HOSTS FOLDER

Every host has an address of its own, and is in one of a hundred groups with sites of their own. What it says
itself is what a host says to which the job was applied. Prints what that cost as JSON.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer import inventory, roles
from deployer.applier import Conversation, Privilege
from deployer.compiling import Compiled
from deployer.deploy.applying import walk
from deployer.deploy.entering import Options
from deployer.deploy.preparing import search_path
from deployer.deploy.session import Session
from deployer.facts import Facts, LiveFile, Observation, Release, ServiceState
from deployer.model.host import Host
from deployer.outcome import State
from deployer.release import Record, manifest
from deployer.transport.fake import FakeTransport
from tests.bench.job import Scene

GROUPS = 100
_RELEASE = "20261122T101500Z-3f9a1c"


@dataclass
class _Looked(Session):
    """A session that has looked already."""

    seen: Observation | None = None

    async def observe(self, *questions: str) -> Observation:
        """Say what was seen."""
        assert self.seen
        return self.seen


def main(count: int, folder: Path) -> None:
    """Write the inventory, then measure; whatever is no part of the measure is taken off."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    scene = Scene((), "127.0.0.1:8080", folder)
    scene.write()
    _write(scene, count)
    spent = _Spent()
    hosts = _loaded(folder / "inventory.yaml")
    spent.add()
    options = Options(check=True)
    for host in hosts:
        spent.begin()
        compiled = options.compiler.compile(host, Facts(), search_path(host))
        spent.add()
        seen = _converged(compiled, scene)
        spent.begin()
        outcome = asyncio.run(walk(_looked(host, seen), options)).outcome
        spent.add()
        assert outcome.state == State.UNCHANGED, outcome
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({"seconds": spent.seconds, "cpu": spent.cpu, "memory": memory}) + "\n")


def _looked(host: Host, seen: Observation) -> _Looked:
    transport, privilege = FakeTransport(), Privilege()
    return _Looked(
        host, transport, privilege, Conversation(transport, privilege), lambda *told: None, seen=seen
    )


class _Spent:
    """Seconds of the clock and of the processor."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self._began = (time.perf_counter(), time.process_time())

    def add(self) -> None:
        """Count up to now."""
        seconds, cpu = self._began
        self.seconds += time.perf_counter() - seconds
        self.cpu += time.process_time() - cpu


def _loaded(path: Path) -> tuple[Host, ...]:
    """Load as the command line does."""
    known = roles.default_variable_names(), roles.role_names()
    return inventory.load(path, known_variables=known[0], known_roles=known[1]).hosts


def _write(scene: Scene, count: int) -> None:
    (scene.folder / "inventory.yaml").write_text("".join(_lines(count)))
    for group in range(GROUPS):
        file = scene.folder / "group_vars" / f"group{group}.yml"
        scene.fill("deployer/group_vars/all.yml", file, str(group))


def _lines(count: int) -> Iterator[str]:
    yield "all:\n  vars: {ansible_user: deploy, ansible_become: true}\n  children:\n"
    for group in range(GROUPS):
        yield f"    group{group}:\n      hosts:\n"
        for host in range(group, count, GROUPS):
            address = f"10.{host >> 16}.{host >> 8 & 255}.{host & 255}"
            yield f"        web{host}.example.com: {{ansible_host: {address}}}\n"


def _converged(compiled: Compiled, scene: Scene) -> Observation:
    """What a host says that was made what `compiled` wants, just now."""
    bundle, now = compiled.bundle, int(time.time())
    record = Record(_RELEASE, "", "", "", "", "", (), compiled.target)
    entries = manifest(bundle, _RELEASE)
    names = [path.stem for path in scene.certificates.glob("*.key")]
    return Observation(
        clock=now,
        current=_RELEASE,
        running=_RELEASE,
        releases=(Release(_RELEASE, confirmed=True, meta=record.to_json()),),
        manifests={_RELEASE: entries},
        files={
            path: LiveFile(
                entry.sha256, entry.mode, entry.owner, entry.group, f"/etc/deployer/current/root{path}"
            )
            for path, entry in entries.items()
        }
        | {path: LiveFile() for path in bundle.absent},
        packages=dict.fromkeys(bundle.packages, "1"),
        services={each.name: ServiceState(active=True, enabled=True) for each in bundle.services},
        directories={
            path: LiveFile(mode=each.mode, owner=each.owner, group=each.group)
            for path, each in bundle.directories.items()
        },
        certificates={name: (scene.certificates / f"{name}.pem").read_bytes() for name in names},
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
