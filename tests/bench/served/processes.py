"""Programs that run while something is measured: pinned to a core, observed, ended."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_CORES = sorted(os.sched_getaffinity(0))
LOAD_CORE, SERVER_CORE = _CORES[0], _CORES[-1]
"""Load generators on one, servers on the other, so that the server's processor decides."""


class Program:
    """A running program, with all processes that it started."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def cpu(self) -> float:
        """Return the seconds of user and system time of all its processes so far."""
        return sum(map(_cpu, _below(self._process.pid)))

    def memory(self) -> int:
        """Return the proportional share of memory of all its processes, in bytes."""
        return sum(map(_share, _below(self._process.pid)))

    def stop(self) -> None:
        """End it, by force after ten seconds."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            # It leads a group of its own.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def running(argv: Sequence[str], *, core: int, log: Path) -> Iterator[Program]:
    """Run `argv` on `core` while the block runs; what it says goes to `log`."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            pinned(argv, core),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    program = Program(process)
    try:
        yield program
    finally:
        program.stop()


def pinned(argv: Sequence[str], core: int) -> list[str]:
    """Return what runs `argv` on `core` and nowhere else."""
    return ["taskset", "-c", str(core), *argv]


def _below(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _below(int(child))


def _cpu(pid: int) -> float:
    """To the nanosecond, ended threads included; `/proc/PID/stat` has hundredths of a second."""
    # What clock_getcpuclockid(3) makes of a process.
    return time.clock_gettime(~pid << 3 | 2)


def _share(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
