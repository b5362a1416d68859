"""The roles php_fpm and tomcat beside nginx, on a bare server of the test's own."""

import shutil
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection
from typing import Any

import httpx
import pytest
from operating import OwnHost, nginx_of, own_host, wait_for, wait_for_line
from visiting import Lab, PublishedPorts

from deployer.transport import Address

SLOW = """<?php
touch('/srv/state/started');
while (file_exists('/srv/state/hold')) { usleep(100000); clearstatcache(); }
echo 'slow but whole';
"""
INVENTORY = Path(__file__).parent / "inventories" / "backends_on_host"


@dataclass
class Shop:
    """The server, once everything was applied to it, and what the first apply said."""

    own: OwnHost
    first: dict[str, Any]

    def get(self, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        trust = ssl.create_default_context(cafile=self.own.desk.folder / "ca" / "ca.pem")
        ports = PublishedPorts(Address(self.own.address, 80), Address(self.own.address, 443), trust)
        with httpx.Client(transport=ports, base_url="https://abc.test", timeout=20) as visitor:
            return visitor.get(path, **options)

    def apply(self, *words: str, expect_exit: int = 0) -> dict[str, Any]:
        return self.own.desk.type("apply", "--json", *words, expect_exit=expect_exit).host

    def pids(self) -> tuple[int, int]:
        """The processes of the master of php-fpm and of Tomcat."""
        master = self.own.machine.check_output("systemctl show -P MainPID 'php*-fpm.service'")
        return int(master), int(self.get("/shop/").json()["pid"])


@pytest.fixture(scope="module")
def shop(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("backends") / "on_host"
    shutil.copytree(INVENTORY, folder)
    with own_host(lab, folder) as own:
        (folder / "host_vars").mkdir()
        (folder / "host_vars/own.yml").write_text(f"ansible_host: {own.name}\n")
        # Fetching and installing a Java takes its time.
        (first,) = lab.deployer("apply", str(own.desk.inventory))["hosts"]
        yield Shop(own, first)


def test_one_apply_makes_a_bare_server_serve_php_and_java(shop: Shop) -> None:
    assert shop.first["state"] == "changed"
    assert {probe["verdict"] for probe in shop.first["probes"]} == {"passed"}
    assert {probe["kind"] for probe in shop.first["probes"]} >= {"php", "tomcat"}
    assert shop.first["warnings"] == []


def test_php_is_answered_through_the_socket_of_our_pool(shop: Shop) -> None:
    seen = shop.get("/app/some/page?x=1").json()

    assert (seen["sapi"], seen["user"], seen["HTTPS"]) == ("fpm-fcgi", "www-data", "on")
    assert (seen["SCRIPT_FILENAME"], seen["REQUEST_URI"]) == ("/srv/www/app/index.php", "/app/some/page?x=1")


def test_tomcat_knows_its_visitor_and_believes_only_nginx(shop: Shop) -> None:
    answer = shop.get("/shop/", headers={"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"})

    seen = answer.json()
    assert (seen["scheme"], seen["secure"], seen["port"], seen["contextPath"]) == (
        "https",
        True,
        443,
        "/shop",
    )
    assert seen["remoteAddr"] not in ("6.6.6.6", "127.0.0.1")
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("port", [8080, 8009, 9000, 8199])
def test_nobody_gets_past_nginx_to_what_is_behind_it(shop: Shop, port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        create_connection((shop.own.address, port), timeout=5)


@pytest.mark.parametrize("service", ["nginx", "php8.2-fpm", "tomcat10"])
def test_everything_comes_back_after_a_reboot(shop: Shop, service: str) -> None:
    unit = shop.own.machine.service(service)

    assert unit.is_running
    assert unit.is_enabled


def test_a_second_apply_touches_nothing(shop: Shop) -> None:
    before = (nginx_of(shop.own.machine), shop.pids())

    outcome = shop.apply()

    assert (outcome["state"], outcome["changes"]) == ("unchanged", [])
    assert (nginx_of(shop.own.machine), shop.pids()) == before


def test_a_changed_pool_reloads_php_and_leaves_tomcat_alone(shop: Shop) -> None:
    masters = shop.pids()
    child = shop.get("/app/").json()["pid"]

    outcome = shop.apply("--set", "php_fpm_max_children=2")

    assert outcome["state"] == "changed"
    assert shop.pids() == masters
    assert shop.get("/app/").json()["pid"] != child


def reloads(shop: Shop) -> int:
    """How often php-fpm has begun to reload."""
    return int(
        shop.own.machine.check_output("cat /var/log/php*-fpm.log | grep -c 'Reloading in progress' || true")
    )


def test_a_changed_pool_lets_the_scripts_that_run_come_to_their_end(shop: Shop) -> None:
    machine = shop.own.machine
    machine.check_output(
        "printf %%s %s >/srv/www/app/slow.php && install -d -o www-data /srv/state && touch /srv/state/hold",
        SLOW,
    )
    before = reloads(shop)
    applying = shop.own.desk.start("apply", "--json", "--set", "php_fpm_request_timeout=45s")
    with ThreadPoolExecutor() as visitors:
        try:
            wait_for_line(applying, "own: stage")
            running = [visitors.submit(shop.get, "/app/slow.php", timeout=45) for _ in range(2)]
            wait_for(lambda: machine.file("/srv/state/started").exists, sentence="no script has started")
            wait_for(lambda: reloads(shop) > before, sentence="php-fpm was not reloaded")
        finally:
            machine.check_output("rm -f /srv/state/hold")
        outcome = shop.own.desk.end(applying).host

        assert outcome["state"] == "changed"
        assert [visitor.result().text for visitor in running] == ["slow but whole"] * 2
    assert shop.get("/app/").status_code == 200


def test_a_pool_that_php_refuses_never_goes_live(shop: Shop) -> None:
    serving = nginx_of(shop.own.machine).linked

    outcome = shop.apply("--set", "php_fpm_max_children=0", expect_exit=5)

    assert outcome["phase"] == "validate"
    assert "max_children" in " ".join([outcome["message"], *outcome["said"]])
    assert nginx_of(shop.own.machine).linked == serving
    assert shop.get("/app/").status_code == 200
