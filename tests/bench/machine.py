"""What a run was made on, and of what."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from deployer import __version__
from tests.bench.hosts import IMAGE
from tests.bench.places import CHECKOUT, STATE


def described() -> dict[str, str]:
    """Return kind of fact to fact, for the head of a report."""
    return machine() | {
        "Python": platform.python_version(),
        "asyncssh": importlib.metadata.version("asyncssh"),
        "OpenSSH": _said("ssh", "-V"),
        "hosts": _said(
            "docker", "run", "--rm", "--entrypoint", "sh", IMAGE, "-c", "nginx -v 2>&1; ssh -V 2>&1"
        ),
        "peers": _peers(),
    }


def machine() -> dict[str, str]:
    """Return what every report begins with: when, where, which deployer."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()} GB, Linux {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "deployer": f"{__version__}, revision {_revision()}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _revision() -> str:
    return _said("git", "-C", str(CHECKOUT), "describe", "--always", "--dirty")


def _said(*argv: str) -> str:
    run = subprocess.run(argv, capture_output=True, text=True, check=False)
    return ", ".join((run.stdout + run.stderr).split("\n")).strip(", ")


def _peers() -> str:
    marks = sorted((STATE / "environments").glob("*/requirements"))
    return ", ".join(line.replace("==", " ") for mark in marks for line in mark.read_text().splitlines())
