"""What the lab is at this moment, as data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SERVICES = ("edge1", "edge2", "edge3", "echo", "php", "tomcat", "api1", "api2", "pebble")
EDGES = ("edge1", "edge2", "edge3")
_PORTS = {"22/tcp": "ssh", "80/tcp": "http", "443/tcp": "https"}


@dataclass(frozen=True)
class Member:
    """One container of the lab.

    Attributes:
        service: Its name in docker-compose.yml.
        container: Its name in Docker.
        state: Docker's word: `running`, `exited`, ...
        health: Docker's word: `starting`, `healthy`, `unhealthy`.
        ports: `22/tcp` to `127.0.0.1:32801`, for those that are published.
        address: Its address in the lab's network, empty while it does not run.
    """

    service: str
    container: str
    state: str
    health: str
    ports: Mapping[str, str] = field(default_factory=dict)
    address: str = ""

    @property
    def ready(self) -> bool:
        """Whether it runs and its health check has passed."""
        return self.state == "running" and self.health == "healthy"


@dataclass(frozen=True)
class LabStatus:
    """The whole lab.

    Attributes:
        members: Those that exist, in the order of `SERVICES`.
        ca: Path of the CA certificate that visitors of the lab trust.
    """

    members: tuple[Member, ...]
    ca: str

    @property
    def running(self) -> bool:
        """Whether every container of the lab runs and is healthy."""
        return not self.waiting

    @property
    def waiting(self) -> tuple[str, ...]:
        """Services that are not ready."""
        ready = {member.service for member in self.members if member.ready}
        return tuple(service for service in SERVICES if service not in ready)

    @property
    def edges(self) -> tuple[Member, ...]:
        """The hosts to deploy to."""
        return tuple(member for member in self.members if member.service in EDGES)

    def member(self, service: str) -> Member | None:
        """Return the container of `service`, if there is one."""
        return next((member for member in self.members if member.service == service), None)

    def to_json(self) -> dict[str, Any]:
        """Return the document of `deployer lab status --json`.

        `{"running": true, "ca": path, "hosts": {"edge1": {"ssh": "127.0.0.1:32801", "http": ...,
        "https": ...}}}`; edge3 has no `ssh`, it is reached through Docker.
        """
        hosts = {edge.service: _addresses(edge.ports) for edge in self.edges}
        return {"running": self.running, "ca": self.ca, "hosts": hosts}


def _addresses(ports: Mapping[str, str]) -> dict[str, str]:
    return {name: ports[port] for port, name in _PORTS.items() if port in ports}


def member_of(attributes: Mapping[str, Any]) -> Member:
    """Return the member that `docker inspect` describes.

    Args:
        attributes: One document of the engine's `GET /containers/{id}/json`.
    """
    state, network = attributes["State"], attributes["NetworkSettings"]
    published = {port: bindings[0] for port, bindings in (network["Ports"] or {}).items() if bindings}
    addresses = (entry.get("IPAddress", "") for entry in (network["Networks"] or {}).values())
    return Member(
        service=attributes["Config"]["Labels"]["com.docker.compose.service"],
        container=attributes["Name"].removeprefix("/"),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        ports={port: f"{bound['HostIp']}:{bound['HostPort']}" for port, bound in published.items()},
        address=next((address for address in addresses if address), ""),
    )


def status_of(containers: Iterable[Mapping[str, Any]], *, ca: str) -> LabStatus:
    """Return the status of the lab whose containers `docker inspect` describes, without foreign services."""
    members = {member.service: member for member in map(member_of, containers)}
    return LabStatus(tuple(members[service] for service in SERVICES if service in members), ca)
