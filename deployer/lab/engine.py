"""Questions to the Docker engine. Whatever keeps it from answering is a LabError with a next step."""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network, ip_network
from typing import Any

import docker
import docker.errors
import requests
from docker.constants import DEFAULT_UNIX_SOCKET

from deployer.errors import LabError

_PROJECT = "com.docker.compose.project"


@contextmanager
def connect(setup: str) -> Iterator["Engine"]:
    """Open the engine that the environment names.

    Args:
        setup: The command that brings an engine up, for the error's next step.

    Raises:
        LabError: No engine answers, or it refuses.
    """
    try:
        _knock()
        client = docker.from_env(timeout=120)
    except PermissionError as error:
        step = 'sudo usermod -aG docker "$USER", then log in again'
        raise LabError("this user may not talk to Docker", next_step=step) from error
    except (OSError, docker.errors.DockerException) as error:
        raise LabError("no Docker engine answers", next_step=setup) from error
    try:
        yield Engine(client)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise LabError(f"Docker refused: {error}", next_step="deployer lab logs") from error
    finally:
        client.close()


def _knock() -> None:
    """Connect once to the engine's socket, if it is one: the SDK leaves open what it could not connect.

    Raises:
        OSError: There is no such socket, nobody listens, or this user may not use it.
    """
    host = os.environ.get("DOCKER_HOST") or DEFAULT_UNIX_SOCKET
    scheme, _, path = host.partition("://")
    if scheme in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(10)
            door.connect(path)


class Engine:
    """One engine that answers."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client

    def containers(self, project: str) -> Sequence[Mapping[str, Any]]:
        """Return `docker inspect` of the project's containers, stopped ones too."""
        api = self._client.api
        found = api.containers(all=True, filters={"label": f"{_PROJECT}={project}"})
        return [api.inspect_container(entry["Id"]) for entry in found]

    def has_image(self, name: str) -> bool:
        """Tell whether the engine has the image."""
        try:
            self._client.images.get(name)
        except docker.errors.ImageNotFound:
            return False
        return True

    def network(self, project: str) -> IPv4Network | None:
        """Return the project's own network, if there is one."""
        own = self._networks({"label": f"{_PROJECT}={project}"})
        return own[0] if own else None

    def networks(self) -> tuple[IPv4Network, ...]:
        """Return the IPv4 networks of all projects."""
        return self._networks({})

    def cgroup_version(self) -> str:
        """Return `1` or `2`, of the machine that the engine runs on."""
        return str(self._client.info().get("CgroupVersion") or "1")

    def run(
        self, container: str, argv: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run a command as root in a container and return what it wrote.

        Raises:
            LabError: It failed.
        """
        result = self._client.containers.get(container).exec_run(
            list(argv), environment=dict(environment or {}), user="root"
        )
        written = result.output if isinstance(result.output, bytes) else b"".join(result.output)
        output = written.decode(errors="replace")
        if result.exit_code != 0:
            raise LabError(f"{container}: {' '.join(argv[:2])} failed: {output.strip()}")
        return output

    def _networks(self, filters: Mapping[str, str]) -> tuple[IPv4Network, ...]:
        found = self._client.api.networks(filters=dict(filters))
        configs = (config for entry in found for config in (entry.get("IPAM") or {}).get("Config") or [])
        parsed = (ip_network(config["Subnet"]) for config in configs if config.get("Subnet"))
        return tuple(network for network in parsed if isinstance(network, IPv4Network))
