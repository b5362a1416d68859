"""How many hosts may be under way at a time, as far as this process may have files open."""

import resource
from typing import NamedTuple

QUESTIONS = 32
"""How many questions a host is asked at one time."""
FILES_PER_HOST = 6 + QUESTIONS
"""A connection, and while its sites are probed a socket for each question that goes by no SSH channel."""
FILES_OF_OURS = 64
"""What the program itself has open: modules, logs, keys that are being read."""


class Crowd(NamedTuple):
    """How many hosts at a time, and a warning where that is less than was asked for."""

    parallel: int
    warning: str = ""


def crowd(asked: int, hosts: int) -> Crowd:
    """Let this process open the files that `asked` hosts at a time need; return how many it can have."""
    wanted = min(asked, hosts)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_for(wanted)
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return Crowd(wanted)
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return fitting(wanted, allowed)


def files_for(parallel: int) -> int:
    """Return how many files that many hosts at a time may need open."""
    return FILES_OF_OURS + FILES_PER_HOST * parallel


def fitting(wanted: int, files: int) -> Crowd:
    """Return how many hosts fit into so many open files, at least one.

    >>> fitting(50, 4096)
    Crowd(parallel=50, warning='')
    >>> fitting(1000, 4096).parallel
    106
    """
    fit = max((files - FILES_OF_OURS) // FILES_PER_HOST, 1)
    if wanted <= fit:
        return Crowd(wanted)
    return Crowd(
        fit,
        f"{fit} hosts at a time instead of {wanted}: this process may have {files} files open; "
        f"`ulimit -Hn {files_for(wanted)}` as root allows more",
    )
