"""Bare hosts: containers with an sshd, an nginx and an /etc/nginx of their own, and no init system."""

import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from ipaddress import IPv4Network
from pathlib import Path

import docker
from docker.errors import APIError
from docker.models.containers import Container
from docker.models.networks import Network

from deployer.lab import network as addresses
from tests.bench import material
from tests.bench.places import CHECKOUT, HERE, STATE

IMAGE = "deployer-bench/host"
_BASE = "deployer-lab/base:bookworm"
_LABEL = "deployer.bench"
_AT_A_TIME = 8
_PATIENCE = 60.0
"""Seconds that an sshd has to answer."""
_TRIES = 5
"""To remove the network, one a second."""


@dataclass(frozen=True)
class Target:
    """One host: where its sshd answers, by which key, where its nginx is, its first process."""

    name: str
    address: str
    port: int
    host_key: str
    web: str
    pid: int = 0


@dataclass(frozen=True)
class Hosts:
    """The hosts of this checkout on their own network.

    Attributes:
        project: Names containers and network.
        gateway: The controller's address on that network.
    """

    project: str
    gateway: str
    _client: docker.DockerClient
    _network: Network

    def up(self, count: int) -> list[Target]:
        """Start what is missing of the first `count` hosts, and wait until all of them answer."""
        running = {str(each.name): each for each in self._running()}
        names = [f"{self.project}-{number:03}" for number in range(1, count + 1)]
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            found = list(pool.map(lambda name: running.get(name) or self._start(name), names))
            return list(pool.map(self._target, found))

    def down(self) -> None:
        """Take all hosts and their network away."""
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            list(pool.map(lambda container: container.remove(force=True), self._running()))
        _remove(self._network)

    def _running(self) -> list[Container]:
        return self._client.containers.list(all=True, filters={"label": f"{_LABEL}={self.project}"})

    def _start(self, name: str) -> Container:
        folder = _folder(name)
        material.ssh_key(folder / "host_key")
        (folder / "authorized_keys").write_text(material.ssh_key(login_key()) + "\n")
        return self._client.containers.run(
            IMAGE,
            detach=True,
            name=name,
            hostname=name,
            network=self._network.name,
            labels={_LABEL: self.project},
            volumes={str(folder): {"bind": "/bench", "mode": "ro"}},
        )

    def _target(self, container: Container) -> Target:
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"][self._network.name]["IPAddress"]
        _await_banner(address)
        name = str(container.name)
        key = material.ssh_key(_folder(name) / "host_key")
        return Target(name, address, 22, key, address, container.attrs["State"]["Pid"])


@contextmanager
def opened(*, keep: bool) -> Iterator[Hosts]:
    """Open the hosts of this checkout; take them away at the end unless they are to be kept."""
    _build_image()
    project = f"deployer-bench-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]}"
    client = docker.from_env(timeout=120)
    try:
        network = _network(client, project)
        network.reload()
        hosts = Hosts(project, network.attrs["IPAM"]["Config"][0]["Gateway"], client, network)
        try:
            yield hosts
        finally:
            if not keep:
                hosts.down()
    finally:
        client.close()


def _remove(network: Network) -> None:
    """Take the network away, or say that it stays: the engine may hold an end of it after the last host."""
    for _ in range(_TRIES):
        try:
            network.remove()
        except APIError as error:
            if error.status_code != HTTPStatus.FORBIDDEN:
                raise
            why = error.explanation
            time.sleep(1)
        else:
            return
    print(f"the network stays until dockerd starts anew: {why}", file=sys.stderr)


def login_key() -> Path:
    """Return the private key that every host lets in as root."""
    return STATE / "login_key"


def behind(targets: Sequence[Target], ports: Sequence[int]) -> list[Target]:
    """Return `targets` as they are reached by loopback `ports`."""
    return [
        replace(target, address="127.0.0.1", port=port) for target, port in zip(targets, ports, strict=True)
    ]


def _folder(name: str) -> Path:
    return STATE / "hosts" / name


def _build_image() -> None:
    if subprocess.run(["docker", "image", "inspect", _BASE], capture_output=True, check=False).returncode:
        subprocess.run(["sh", "lab/setup", "images"], cwd=CHECKOUT, check=True)
    built = subprocess.run(
        ["docker", "build", "--quiet", "--tag", IMAGE, str(HERE / "image")],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise RuntimeError(f"the benchmark's image does not build:\n{built.stdout}{built.stderr}")


def _network(client: docker.DockerClient, project: str) -> Network:
    if found := client.networks.list(names=[project]):
        return found[0]
    route_table = Path("/proc/net/route")
    taken = addresses.routes(route_table.read_text()) if route_table.exists() else ()
    subnet = addresses.choose(project, (*taken, *_of_docker(client)))
    gateway = str(subnet.network_address + 1)
    pool = docker.types.IPAMPool(subnet=str(subnet), gateway=gateway)
    return client.networks.create(project, ipam=docker.types.IPAMConfig(pool_configs=[pool]))


def _of_docker(client: docker.DockerClient) -> list[IPv4Network]:
    configs = [entry for each in client.networks.list() for entry in each.attrs["IPAM"]["Config"] or ()]
    return [IPv4Network(entry["Subnet"]) for entry in configs if ":" not in entry["Subnet"]]


def _await_banner(address: str) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with socket.create_connection((address, 22), timeout=5) as door:
                if door.recv(4) == b"SSH-":
                    return
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)
