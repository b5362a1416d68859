import shutil
from pathlib import Path

import pytest

from deployer import inventory
from deployer.inventory import Inventory

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def without_a_lab(tmp_path: Path) -> Inventory:
    """The lab's inventory as it is in a fresh checkout: nothing generated."""
    shutil.copytree(
        CHECKOUT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("host_vars", "group_vars")
    )
    return inventory.load(tmp_path / "lab" / "inventory.yaml")


def test_the_labs_inventory_is_valid_while_the_lab_is_down(without_a_lab: Inventory) -> None:
    assert [host.name for host in without_a_lab.hosts] == ["edge1", "edge2", "edge3"]


def test_the_labs_inventory_shows_every_kind_of_location(without_a_lab: Inventory) -> None:
    kinds = {location.kind for site in without_a_lab.hosts[0].sites for location in site.locations}

    assert kinds == {"websocket", "php", "tomcat", "proxy", "static", "redirect"}


def test_the_labs_hosts_are_reached_in_two_ways(without_a_lab: Inventory) -> None:
    ways = [host.settings.ansible_connection for host in without_a_lab.hosts]

    assert ways == ["ssh", "ssh", "docker"]


def test_a_page_on_a_published_port_may_call_the_other_site(tmp_path: Path) -> None:
    shutil.copytree(
        CHECKOUT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("host_vars", "group_vars")
    )
    (tmp_path / "lab" / "host_vars").mkdir()
    (tmp_path / "lab" / "host_vars" / "edge1.yml").write_text("lab_https_port: 32803\n")

    edge1 = inventory.load(tmp_path / "lab" / "inventory.yaml").hosts[0]

    cors = edge1.sites[1].locations[0].cors
    assert cors is not None
    assert "https://abc.test:32803" in cors.origins
