"""Passes for nginx's master process and its worker, of all simulated hosts: standard library only.

    nginx_master.py

What the script looks at are the names in /proc. A SIGHUP replaces the worker, as nginx's reload does.
"""

import ctypes
import signal
import subprocess

_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def main() -> None:
    """Serve SIGHUPs until SIGTERM."""
    ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    awaited = {signal.SIGHUP, signal.SIGTERM}
    # Blocked, a signal that comes while one is served waits for its turn.
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    worker = _worker()
    while signal.sigwait(awaited) == signal.SIGHUP:
        former, worker = worker, _worker()
        _end(former)
    _end(worker)


def _worker() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["nginx: worker process", "infinity"], executable="/bin/sleep")


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.kill()
    worker.wait()


if __name__ == "__main__":
    main()
