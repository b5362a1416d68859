"""One program, run once, with its cost."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.places import HERE


@dataclass(frozen=True)
class Command:
    """What is to be run.

    Attributes:
        argv: Program and arguments.
        folder: Where it runs.
        environment: Beside the benchmark's own.
    """

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """What one run of a command cost its controller.

    Attributes:
        seconds: From start to end.
        cpu: Seconds of user and system time, of all processes that it started.
        memory: Peak in bytes, of all processes that ran at a time.
        exit_code: The program's own.
    """

    seconds: float
    cpu: float
    memory: int
    exit_code: int = 0


def measure(command: Command, log: Path) -> Cost:
    """Run `command` to its end; what it prints goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    cost = log.with_suffix(".json")
    cost.unlink(missing_ok=True)
    argv = (sys.executable, "-I", "-S", str(HERE / "launcher.py"), str(cost), str(log), *command.argv)
    subprocess.run(argv, cwd=command.folder, env={**_environment(), **command.environment}, check=True)
    return Cost(**json.loads(cost.read_text()))


def _environment() -> dict[str, str]:
    """Return our own, but let Python keep what it has compiled, as it does where programs are installed."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
