"""Run one program and write what it cost, as JSON: a small program of its own, standard library only.

    python -I -S launcher.py COST_FILE LOG_FILE PROGRAM [ARGUMENT...]

The kernel lets a child begin with its parent's peak memory, so the parent of what is measured must be small.
Whatever the program leaves running (ssh's ControlPersist) is adopted, ended and counted.

    {"exit_code": 0, "seconds": 1.5, "cpu": 1.2, "memory": 73400320}

`seconds` end when the program does. `cpu` is user and system time of all its processes. `memory` is in bytes:
the largest process as the kernel counted it, or, where several ran at a time, the largest sum of their
proportional shares that was seen.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time

_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_SHARE = 50  # sampling may take one part in so many of the time


def main() -> None:
    """Run the program that the arguments name."""
    cost_file, log_file, *argv = sys.argv[1:]
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    started = time.monotonic()
    child = _start(argv, log_file)
    sampled = _sample_until_end(child)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - started
    used = [usage, *_end_orphans()]
    cost = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu": sum(each.ru_utime + each.ru_stime for each in used),
        "memory": max(sampled, *(each.ru_maxrss * 1024 for each in used)),
    }
    with open(cost_file, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib would double this program
        json.dump(cost, file)


def _start(argv: list[str], log_file: str) -> int:
    child = os.fork()
    if child:
        return child
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execvp(argv[0], argv)
    finally:
        os._exit(127)


def _sample_until_end(child: int) -> int:
    """Return the largest sum of shares of `child` and its descendants, 0 if it never had one."""
    descriptor = os.pidfd_open(child)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    peak, pause = 0, 0.05
    while not poll.poll(pause * 1000):
        before = time.monotonic()
        family = _descendants(child)
        if family:
            peak = max(peak, sum(map(_share_of, [child, *family])))
        pause = min(5.0, max(0.05, (time.monotonic() - before) * _SHARE))
    os.close(descriptor)
    return peak


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for child in _children(pid):
        found += [child, *_descendants(child)]
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as above
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    except (OSError, ValueError):
        pass  # it has ended meanwhile
    return found


def _share_of(pid: int) -> int:
    """Return the proportional set size of `pid` in bytes, 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _end_orphans() -> list[resource.struct_rusage]:
    used = []
    while orphans := _children(os.getpid()):
        for orphan in orphans:
            os.kill(orphan, signal.SIGTERM)
            used.append(os.wait4(orphan, 0)[2])
    return used


if __name__ == "__main__":
    main()
