"""How many processes a change costs the host, in the whole and exactly."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import Machine

from deployer import applier
from deployer.applier import Applied, Orders, Watching
from deployer.bundle import Bundle, Directory
from deployer.release import Record, parse_record, release_name, target_of

WAITING = {"sleep": 1, "perl": 1, "flock": 1, "tail": len(("tail", "grep", "grep"))}
"""Programs that are called again as long as something has not happened yet: how often depends on how busy
the machine is. And how many processes that is each time."""

LOOK = ("awk", "find", "sha256sum", "perl")
STAGE = ("head", "mktemp", "date", "flock", "sleep", "the ear", "awk", "sha256sum", "stat")
UNPACK = ("mkdir", "head", "tar", "sync", "mv")
VALIDATE = ("sh", "nginx")
BACKUP = ("find", "$(", "find", "sha256sum", "awk")
WAY_BACK = ("mkdir", "ln", "sync", "mv", "sync")
GUARD = ("setsid sh", "sleep")
SWITCH = ("find", "date", "ln", "mv", "sync")
RELOAD = ("stat", "awk", "grep", "awk", "perl", "worker", "worker", "perl")
CONFIRM = ("date", "rm")


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, "the run has not come to its end"
        time.sleep(0.02)


@dataclass(frozen=True)
class Counted:
    """A machine whose processes are numbered by themselves, from 1."""

    machine: Machine
    init: int

    def entered(self, *words: str) -> list[str]:
        """A command, in where they are numbered."""
        spaces = [
            f"--{kind}=/proc/{self.init}/ns/{name}" for kind, name in (("pid", "pid"), ("mount", "mnt"))
        ]
        return ["nsenter", *spaces, *words]

    def number(self) -> int:
        """The number of a process that is started now."""
        return int(subprocess.check_output(self.entered("dash", "-c", "echo $$")))

    def waiting(self) -> int:
        """How many processes of `WAITING` there were so far."""
        return sum(WAITING[program] for program in self.machine.path("called").read_text().split())

    def change(self, bundle: Bundle) -> int:
        """Apply `bundle` as deployer does; the processes of that but for those of `WAITING`."""
        seen, target = self.machine.observe(), target_of(bundle)
        release = release_name(seen.clock, target.digest, seen.by_name)
        record = Record(release, seen.current, "2026-11-22T10:15:00Z", "ops@desk", "", "0", (), target)
        return self.run(self.machine.orders(target, seen, release), applier.archive(bundle, record, ()))

    def rollback(self, release: str) -> int:
        seen = self.machine.observe("manifests")
        record = parse_record(seen.by_name[release].meta)
        target = replace(record.target, files=seen.manifests[release])
        orders = self.machine.orders(target, seen, release)
        return self.run(replace(orders, picked=True), b"", "manifests")

    def run(self, orders: Orders, packed: bytes, *questions: str) -> int:
        async def until_the_clock_runs() -> None:
            await asyncio.to_thread(eventually, lambda: "sleep" in called.read_text()[said:])

        async def confirm() -> applier.Decision:
            return applier.CONFIRM

        async def converse() -> Applied:
            async with self.machine.conversation() as host:
                await host.observe(*questions)
                return await host.apply(
                    orders.encode(packed), Watching(until_the_clock_runs, confirm, lambda event: None)
                )

        # A clock that is ended too early could not say that it was called.
        called = self.machine.path("called")
        said, waiting, first = len(called.read_text()), self.waiting(), self.number()
        assert asyncio.run(converse()).ending == "ok"
        return self.number() - first - 1 - (self.waiting() - waiting)


@pytest.fixture
def counted(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """A host of which the first release is there, in a space of process numbers of its own."""
    # By its number in here a process out there is dead, and so are its notes nobody's.
    monkeypatch.setenv("TMPDIR", str(machine.path("tmp")))
    machine.write("called", "")
    machine.write("/var/lib/dpkg/status", "Package: nginx\n")
    machine.path("/var/lib/dpkg/updates").mkdir()
    for program in WAITING:
        text = (
            f'#!/bin/sh\necho {program} >>{machine.path("called")}\nPATH=/usr/bin:/bin exec {program} "$@"\n'
        )
        machine.write(f"bin/{program}", text, executable=True)
    with space() as init:
        plain = machine.path("bin/shell").rename(machine.path("bin/plain"))
        made = Counted(machine, init)
        machine.write(
            "bin/shell", f'#!/bin/sh\nexec {" ".join(made.entered(str(plain)))} "$@"\n', executable=True
        )
        try:
            machine.apply(usual(machine, "one"))
            yield made
        finally:
            # What it says is the number of somebody else out here.
            machine.path("run/nginx.pid").unlink(missing_ok=True)


@contextlib.contextmanager
def space() -> Iterator[int]:
    """A space of process numbers; yields its first process as it is numbered here. All in it end with it."""
    words = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        "echo; exec sleep infinity",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as outside:
        assert outside.stdout
        outside.stdout.readline()
        yield int(Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text())
        outside.kill()


def usual(machine: Machine, body: str) -> Bundle:
    """A bundle like most: a package, a folder, something that must be absent."""
    return replace(
        machine.bundle(f'return 200 "{body}";', srv_www_index="hello"),
        packages=("nginx",),
        directories={"/srv/www": Directory(0o755, "root", "root")},
        absent=frozenset({"/etc/nginx/sites-enabled/default"}),
    )


def without_waiting(*programs: str) -> int:
    return len([program for program in programs if program not in WAITING])


def test_a_change_starts_no_process_that_it_can_spare(counted: Counted) -> None:
    assert counted.change(usual(counted.machine, "two")) == without_waiting(
        "shell", *LOOK, *STAGE, *UNPACK, *VALIDATE, *BACKUP, *WAY_BACK, *GUARD, *SWITCH, *RELOAD, *CONFIRM
    )


def test_a_rollback_starts_no_process_that_it_can_spare(counted: Counted) -> None:
    first = counted.machine.observe().current
    counted.change(usual(counted.machine, "two"))

    assert counted.rollback(first) == without_waiting(
        "shell", *LOOK, *STAGE, *VALIDATE, *BACKUP, *WAY_BACK, *GUARD, *SWITCH, *RELOAD, *CONFIRM
    )
