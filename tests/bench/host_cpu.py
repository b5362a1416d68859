"""What the hosts' own processors did, as the kernel counts it for each container."""

from collections.abc import Sequence
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def used(pids: Sequence[int]) -> float | None:
    """Return the seconds that the containers of these processes have used; None if one is not known."""
    seconds = [_of(pid) for pid in pids]
    known = [each for each in seconds if each is not None]
    return sum(known) if len(known) == len(seconds) else None


def _of(pid: int) -> float | None:
    try:
        groups = (Path("/proc") / str(pid) / "cgroup").read_text()
        return read(groups, _CGROUPS)
    except OSError:
        return None


def read(groups: str, mounted: Path) -> float | None:
    """Return the seconds used by a control group.

    Args:
        groups: As in /proc/PID/cgroup: `NUMBER:CONTROLLERS:PATH` per line; version 2 has no controllers.
        mounted: Where control groups are mounted, a folder per controller for version 1.

    Returns:
        None where CPU is not counted.

    Raises:
        OSError: There is no such group.
    """
    paths = {names: path for _, names, path in (line.split(":", 2) for line in groups.splitlines())}
    for names, path in paths.items():
        if "cpuacct" in names.split(","):
            usage = mounted / "cpuacct" / path.lstrip("/") / "cpuacct.usage"
            return int(usage.read_text()) / 1e9
    if "" in paths:
        words = (mounted / paths[""].lstrip("/") / "cpu.stat").read_text().split()
        return int(words[words.index("usage_usec") + 1]) / 1e6
    return None
