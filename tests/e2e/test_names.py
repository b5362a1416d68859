"""Backends by name on a bare server: Docker's DNS, the server's own /etc/hosts, and no DNS at its boot."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from operating import OwnHost, own_host, wait_for
from visiting import Lab


def _inventory(**more: object) -> str:
    names = {"docker": "api1", "hosts": "shop.internal", "nobody": "nobody.internal"}
    locations: list[object] = [
        {"path": f"/{path}", "proxy": {"upstream": f"{name}:3000", "upstream_path": "/"}, "probe": "off"}
        for path, name in names.items()
    ]
    locations.append({"path": "/", "redirect": {"to": "/docker"}})
    site = {"name": "abc", "server_names": "abc.test", "locations": locations}
    return yaml.safe_dump({"all": {"hosts": {"own": {"sites": [site], **more}}}})


@pytest.fixture
def own(lab: Lab, tmp_path: Path) -> Iterator[OwnHost]:
    """A server that knows one name by its /etc/hosts."""
    with own_host(lab, tmp_path) as own:
        (tmp_path / "host_vars").mkdir()
        connection = {"ansible_host": own.name, "ansible_connection": "docker", "ansible_user": "root"}
        (tmp_path / "host_vars/own.yml").write_text(yaml.safe_dump(connection))
        address = own.machine.check_output("getent ahostsv4 api2").split()[0]
        own.machine.check_output(f"printf '{address}\\tshop.internal # api2\\n' >>/etc/hosts")
        yield own


def _statuses(own: OwnHost) -> dict[str, int]:
    return {
        path: httpx.get(f"http://{own.address}/{path}", headers={"Host": "abc.test"}, timeout=20).status_code
        for path in ("docker", "hosts", "nobody", "")
    }


def test_names_serve_and_neither_an_unknown_one_nor_a_silent_dns_stops_nginx(own: OwnHost) -> None:
    own.desk.inventory.write_text(_inventory())
    assert own.desk.type("apply", "--json").host["state"] == "changed"
    assert _statuses(own) == {"docker": 200, "hosts": 200, "nobody": 502, "": 308}
    assert own.desk.type("apply", "--json").host["state"] == "unchanged"

    own.desk.inventory.write_text(_inventory(nginx_resolver="127.0.0.9", nginx_resolver_timeout="1s"))
    assert own.desk.type("apply", "--json").host["state"] == "changed"
    own.machine.check_output("systemctl restart nginx")
    wait_for(lambda: own.machine.service("nginx").is_running, sentence="nginx did not start without DNS")
    assert _statuses(own) == {"docker": 502, "hosts": 200, "nobody": 502, "": 308}


def test_an_apply_follows_the_host_s_own_hosts_file(own: OwnHost) -> None:
    own.desk.inventory.write_text(_inventory())
    own.desk.type("apply")
    own.machine.check_output(
        "sed 's/^.*shop.internal/127.0.0.9 shop.internal/' /etc/hosts >/tmp/h; cat /tmp/h >/etc/hosts"
    )

    plan = own.desk.type("plan", "--exit-code", "--json", expect_exit=3).host

    assert [change["subject"] for change in plan["changes"] if change["kind"] == "file"]
    own.desk.type("apply")
    assert _statuses(own)["hosts"] == 502
