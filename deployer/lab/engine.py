"""Questions to the Docker engine. Whatever keeps it from answering is a LabError with a next step."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network, ip_network
from typing import Any

import docker
import docker.errors
import requests

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
        client = docker.from_env(timeout=120)
    except docker.errors.DockerException as error:
        raise _unavailable(error, setup) from error
    try:
        yield Engine(client)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise LabError(f"Docker refused: {error}", next_step="deployer lab logs") from error
    finally:
        client.close()


def _unavailable(error: Exception, setup: str) -> LabError:
    if "Permission denied" in str(error):
        return LabError(
            "this user may not talk to Docker",
            next_step='sudo usermod -aG docker "$USER", then log in again',
        )
    return LabError("no Docker engine answers", next_step=setup)


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
