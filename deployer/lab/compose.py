"""The compose command line: which program, which arguments, and running it."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network

from deployer.errors import LabError
from deployer.lab import network as networks
from deployer.lab.home import Home


def program() -> tuple[str, ...]:
    """Return how compose is called here: `docker compose` (version 2), else `docker-compose` (version 1).

    Raises:
        LabError: Neither is installed.
    """
    if shutil.which("docker") and _succeeds(["docker", "compose", "version"]):
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise LabError("compose is not installed", next_step="sudo apt-get install docker-compose")


def argv(home: Home, caller: Sequence[str], *, cgroup: str) -> list[str]:
    """Return the compose command without its subcommand.

    Args:
        home: The lab.
        caller: What `program` returned.
        cgroup: `1` or `2`; chooses how systemd in the containers gets its groups.
    """
    files = (home.root / "docker-compose.yml", home.files / f"cgroup-v{cgroup}.yml")
    chosen = [word for file in files for word in ("--file", str(file))]
    return [*caller, "--project-name", home.project, "--project-directory", str(home.root), *chosen]


def environment(caller: Sequence[str], network: IPv4Network | None) -> Mapping[str, str]:
    """Return what compose finds in its environment besides the user's own."""
    chosen = {"LAB_NETWORK": networks.prefix(network)} if network else {}
    # Version 1 drives the engine's classic builder itself; BuildKit would need a plugin that Debian 12 lacks.
    classic = {"DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"} if len(caller) == 1 else {}
    return {**chosen, **classic}


def run(home: Home, command: Sequence[str], extra: Mapping[str, str]) -> None:
    """Run a command of the lab's set-up, its output in `.lab/compose.log`.

    Raises:
        LabError: It failed; says the last line it wrote.
    """
    log = home.state / "compose.log"
    with log.open("wb") as sink:
        code = subprocess.run(  # noqa: S603 - the arguments are ours, no shell is between
            list(command),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **extra},
        ).returncode
    if code != 0:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        last = lines[-1] if lines else f"exit code {code}"
        raise LabError(f"{command[0]} failed: {last}", next_step=f"read {log}")


def _succeeds(command: Sequence[str]) -> bool:
    asked = subprocess.run(list(command), check=False, capture_output=True, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
    return asked.returncode == 0
