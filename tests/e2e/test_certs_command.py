"""`deployer certs`: what visitors get against what lies on disk, new ones on request, another CA."""

import ssl
import textwrap
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection

import pytest
from certifying import certified
from cryptography import x509
from operating import OwnHost, Typed, own_host, wait_for
from visiting import Lab

SITES = ("shop", "trial")


@pytest.fixture(scope="module")
def own(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnHost]:
    """A host of the test's own with a site of a local CA and one that signs itself."""
    with own_host(lab, tmp_path_factory.mktemp("desk")) as made:
        write_inventory(made)
        made.desk.type("apply")
        yield made


def write_inventory(own: OwnHost) -> None:
    own.desk.inventory.write_text(
        textwrap.dedent(f"""\
        all:
          hosts:
            own:
              ansible_connection: docker
              ansible_host: {own.name}
              sites:
                - name: shop
                  server_names: [shop.test, www.shop.test]
                  tls: {{local_ca: {{directory: ca}}}}
                  locations: [{{path: /, redirect: {{to: "https://elsewhere.test/"}}}}]
                - name: trial
                  server_names: [trial.test]
                  tls: {{self_signed: {{}}}}
                  locations: [{{path: /, redirect: {{to: "https://elsewhere.test/"}}}}]
        """)
    )


def on_the_wire(own: OwnHost, name: str, root: Path | None = None) -> x509.Certificate:
    """What a visitor gets, who trusts `root` and nothing else; without one, whoever vouches for it."""
    trust = ssl.create_default_context(cafile=str(root) if root else None)
    if root is None:
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with (
        create_connection((own.address, 443), timeout=10) as plain,
        trust.wrap_socket(plain, server_hostname=name) as connection,
    ):
        leaf = connection.getpeercert(binary_form=True)
    assert leaf is not None
    return x509.load_der_x509_certificate(leaf)


def certificates(typed: Typed) -> dict[str, dict[str, object]]:
    return {entry["site"]: entry for entry in typed.host["certificates"]}


def serials(typed: Typed) -> dict[str, object]:
    return {site: entry["served"] for site, entry in certificates(typed).items()}


def nothing_to_do(own: OwnHost) -> bool:
    return bool(own.desk.type("plan", "--json").host["state"] == "unchanged")


def test_the_table_names_every_certificate_with_the_days_that_are_left(own: OwnHost) -> None:
    told = own.desk.type("certs").stdout

    (shop,) = [line for line in told.splitlines() if "shop.test" in line]
    assert "shop.test, www.shop.test" in shop
    assert "87 days" in shop
    assert "local_ca" in shop
    assert shop.rstrip().endswith("ok")
    assert "2 certificates, 0 with a problem" in told


def test_the_document_has_the_serial_that_is_on_the_wire(own: OwnHost) -> None:
    told = certificates(own.desk.type("certs", "--json"))

    assert set(told) == set(SITES)
    for site, entry in told.items():
        served = f"{on_the_wire(own, f'{site}.test').serial_number:x}"
        assert (entry["served"], entry["on_disk"], entry["agrees"], entry["wrong"]) == (
            served,
            served,
            True,
            "",
        )


def test_a_monitor_is_told_by_the_exit_code(own: OwnHost) -> None:
    own.desk.type("certs", "--max-days", "87")

    assert "shop" in own.desk.type("certs", "--max-days", "88", expect_exit=3).stdout


def test_renewing_puts_new_ones_on_the_wire_and_touches_nothing_else(own: OwnHost) -> None:
    before = serials(own.desk.type("certs", "--json"))
    releases = own.machine.check_output("ls /etc/deployer/releases")

    renewed = own.desk.type("certs", "--renew", "--json")

    assert renewed.host["state"] == "changed"
    after = serials(renewed)
    assert all(after[site] != before[site] for site in SITES)
    assert after == {site: f"{on_the_wire(own, f'{site}.test').serial_number:x}" for site in SITES}
    assert own.machine.check_output("ls /etc/deployer/releases") == releases
    assert own.machine.check_output("stat -c '%a %U' /etc/deployer/certs/shop/privkey.pem") == "600 root"
    assert nothing_to_do(own)


def test_no_key_is_in_what_a_renewal_says(own: OwnHost) -> None:
    renewed = own.desk.type("certs", "--renew")

    keys = own.machine.check_output("cat /etc/deployer/certs/*/privkey.pem")
    keys += (own.desk.folder / "ca/ca-key.pem").read_text()
    secret = [line for line in keys.splitlines() if not line.startswith("-----")]
    assert secret
    assert not any(line in renewed.stdout + renewed.stderr for line in secret)


def test_files_that_somebody_exchanged_are_told_from_what_is_served(own: OwnHost) -> None:
    own.machine.check_output(
        "cp /etc/deployer/certs/trial/fullchain.pem /etc/deployer/certs/shop/fullchain.pem"
    )

    told = own.desk.type("certs", "--max-days", "1", expect_exit=3)

    assert "shop: nginx serves another certificate than the host has on disk" in told.stdout
    shop = certificates(own.desk.type("certs", "--json"))["shop"]
    assert (shop["agrees"], shop["on_disk"] != shop["served"]) == (False, True)
    own.desk.type("certs", "--renew")
    own.desk.type("certs", "--max-days", "1")


def test_after_a_rotation_visitors_of_either_ca_are_served(own: OwnHost, tmp_path: Path) -> None:
    current = own.desk.folder / "ca/ca.pem"
    before = tmp_path / "before.pem"
    before.write_bytes(current.read_bytes())
    former = on_the_wire(own, "shop.test", before)

    rotated = own.desk.type("certs", "--rotate-ca")

    assert f"visitors have to trust {current}" in rotated.stdout
    assert current.read_bytes() != before.read_bytes()
    served = on_the_wire(own, "shop.test", before)
    assert served == on_the_wire(own, "shop.test", current)
    assert served.serial_number != former.serial_number
    assert own.desk.type("verify", "--json").document["summary"]["probes_failed"] == 0
    assert nothing_to_do(own)
    assert "may trust only" in " ".join(own.desk.type("certs", "--rotate-ca", expect_exit=2).stderr.split())


def test_status_counts_open_connections_and_those_that_drain(own: OwnHost) -> None:
    with create_connection((own.address, 80), timeout=10) as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: shop.test\r\n")  # a request that never ends
        wait_for(lambda: held(own, draining=False) == 1, sentence="nobody sees the visitor")

        own.desk.type("certs", "--renew")

        assert held(own, draining=True) == 1
        told = own.desk.type("status").stdout
        assert "drains: 1 connection" in told


def held(own: OwnHost, *, draining: bool) -> int:
    workers = own.desk.type("status", "--json").host["workers"]
    return sum(worker["connections"] for worker in workers if worker["draining"] == draining)


def test_status_tells_drift_from_what_the_inventory_wants(own: OwnHost) -> None:
    assert own.desk.type("status", "--json").host["drift"] == []
    own.machine.check_output(
        "cp --remove-destination /etc/deployer/current/root/etc/nginx/nginx.conf /etc/nginx/"
    )
    own.desk.edit("www.shop.test", "new.shop.test")
    try:
        stands = own.desk.type("status", "--json").host
        told = own.desk.type("status").stdout
    finally:
        own.desk.edit("new.shop.test", "www.shop.test")
        own.desk.type("apply")

    assert [change["subject"] for change in stands["drift"]] == ["/etc/nginx/nginx.conf"]
    assert "/etc/nginx/deployer/sites/shop.conf" in [change["subject"] for change in stands["changes"]]
    assert "/etc/nginx/nginx.conf" not in [change["subject"] for change in stands["changes"]]
    assert "drift: it was replaced on the host" in told
    assert (stands["linked"], stands["serving"]) == (stands["history"][0]["release"],) * 2
    assert [entry["site"] for entry in stands["certificates"]] == list(SITES)


def test_a_host_without_a_release_is_told_to_apply_first(lab: Lab, tmp_path: Path) -> None:
    with own_host(lab, tmp_path) as bare:
        write_inventory(bare)

        refused = bare.desk.type("certs", "--renew", expect_exit=5)

        assert "nothing is deployed here yet" in refused.stdout
        missing = bare.desk.type("certs", "--max-days", "1", expect_exit=3)
        assert "none" in missing.stdout


def test_an_acme_certificate_is_renewed_on_request_by_its_host(lab: Lab, tmp_path: Path) -> None:
    with certified(lab, tmp_path, release="bookworm") as host:
        desk = host.own.desk
        desk.type("apply")
        before = host.proven().serial_number

        renewed = desk.type("certs", "--renew", "--json")

        (entry,) = renewed.host["certificates"]
        assert (renewed.host["state"], entry["provider"], entry["wrong"]) == ("changed", "acme", "")
        assert entry["served"] == f"{host.proven().serial_number:x}" != f"{before:x}"
        assert nothing_to_do(host.own)
