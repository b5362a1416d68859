from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.lab import compose
from deployer.lab.home import Home
from deployer.lab.status import EDGES, SERVICES

CHECKOUT = Path(__file__).parents[2]
HOME = Home(root=Path("/srv/checkout"), source=Path("/srv/checkout"))


def services(name: str) -> dict[str, Any]:
    """The services of a compose file of the lab, with the network that stands in for LAB_NETWORK."""
    text = (CHECKOUT / name).read_text().replace("${LAB_NETWORK:-10.213.0}", "10.213.0")
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def test_compose_is_told_the_checkouts_own_project() -> None:
    argv = compose.argv(HOME, ("docker", "compose"), cgroup="2")

    assert argv[:4] == ["docker", "compose", "--project-name", HOME.project]


@pytest.mark.parametrize("version", ["1", "2"])
def test_each_kernel_gets_its_own_way_to_run_systemd(version: str) -> None:
    argv = compose.argv(HOME, ("docker-compose",), cgroup=version)

    assert f"/srv/checkout/lab/cgroup-v{version}.yml" in argv
    assert set(services(f"lab/cgroup-v{version}.yml")) == set(EDGES)


def test_the_chosen_network_reaches_compose() -> None:
    extra = compose.environment(("docker", "compose"), IPv4Network("10.213.7.0/24"))

    assert extra == {"LAB_NETWORK": "10.213.7"}


def test_version_one_of_compose_builds_without_buildkit() -> None:
    assert compose.environment(("docker-compose",), None)["DOCKER_BUILDKIT"] == "0"


def test_the_status_knows_every_service() -> None:
    assert set(services("docker-compose.yml")) == set(SERVICES)


def test_every_service_keeps_its_address_when_it_is_stopped_and_started() -> None:
    given = [said["networks"]["default"]["ipv4_address"] for said in services("docker-compose.yml").values()]

    assert len(set(given)) == len(given)
    assert all(IPv4Address(address) in IPv4Network("10.213.0.0/24") for address in given)


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for said in services("docker-compose.yml").values() for port in said.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1::") for port in published)
