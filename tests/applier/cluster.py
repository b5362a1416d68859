"""A Dask scheduler and workers, processes on this machine's loopback, that a test can kill."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from conftest import free_port

from deployer.workers.scheduler import reached

KEY = "a random text of the tests and nobody else"
THREADS = 2
LOOPBACK = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")


@dataclass
class Cluster:
    """A scheduler and two workers that know `KEY`, with their output in files below `folder`."""

    folder: Path
    port: int = 0
    scheduler: "subprocess.Popen[bytes] | None" = None
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    started: int = 0

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def pids(self) -> set[int]:
        return {worker.pid for worker in self.workers}

    def complete(self) -> None:
        """Start what is not there, or is there no more, and wait until it works."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.stop()
            self.port = free_port()
            self.scheduler = self._start("scheduler", "--port", str(self.port))
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < 2:
            self.workers.append(self._start("worker", self.address, "--no-nanny", "--nthreads", str(THREADS)))
        asyncio.run(asyncio.wait_for(self._together(), 60))

    async def _together(self) -> None:
        async with reached(self.address) as scheduler:
            await scheduler.client.wait_for_workers(2)

    def stop(self) -> None:
        """End all processes."""
        for process in (*self.workers, *filter(None, [self.scheduler])):
            process.kill()
            process.wait()
        self.workers = []

    def said(self) -> bytes:
        """What all of them have logged so far."""
        return b"".join(file.read_bytes() for file in self.folder.glob("*.log"))

    def memory_of_scheduler(self) -> bytes:
        """All that the scheduler's process can write to, as it is now."""
        assert self.scheduler
        process = Path(f"/proc/{self.scheduler.pid}")
        regions = [line.split() for line in (process / "maps").read_text().splitlines()]
        with (process / "mem").open("rb", buffering=0) as memory:
            return b"".join(_read(memory.fileno(), area) for area, rights, *_ in regions if "w" in rights)

    def _start(self, part: str, *arguments: str) -> "subprocess.Popen[bytes]":
        self.started += 1
        key = {"DEPLOYER_WORKERS_KEY": KEY} if part == "worker" else {}
        with (self.folder / f"{part}-{self.started}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{part}", *arguments, *LOOPBACK],
                cwd=self.folder,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.folder),
                    "PYTHONPATH": os.pathsep.join(map(str, [Path(__file__).parent, Path.cwd()])),
                    **key,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def _read(memory: int, area: str) -> bytes:
    start, end = (int(number, 16) for number in area.split("-"))
    try:
        return os.pread(memory, end - start, start)
    except OSError:
        return b""  # gone meanwhile
