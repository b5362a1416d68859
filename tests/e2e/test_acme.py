"""Certificates by ACME: from a bare host to the wire, renewed without us, and a CA that says no."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from certifying import DIRECTORY, Certified, certified
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import DNSName, SubjectAlternativeName
from cryptography.x509.oid import NameOID
from operating import linked
from visiting import Lab

from deployer.certs.acme import is_bootstrap


@pytest.fixture(scope="module")
def hosts(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Certified]]:
    """One host for each Debian release; the first test makes them what they are."""
    folder: Path = tmp_path_factory.mktemp("desks")
    (folder / "bookworm").mkdir()
    (folder / "trixie").mkdir()
    with (
        certified(lab, folder / "bookworm", release="bookworm") as bookworm,
        certified(lab, folder / "trixie", release="trixie") as trixie,
    ):
        yield {"bookworm": bookworm, "trixie": trixie}


@pytest.fixture(params=["bookworm", "trixie"])
def host(hosts: dict[str, Certified], request: pytest.FixtureRequest) -> Certified:
    """A host that serves with a certificate of the CA."""
    chosen = hosts[request.param]
    chosen.own.desk.type("apply")
    return chosen


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_one_apply_takes_a_bare_host_to_a_certificate_of_the_ca_and_a_second_changes_nothing(
    hosts: dict[str, Certified], release: str
) -> None:
    host = hosts[release]
    planned = host.own.desk.type("plan").stdout

    outcome = host.own.desk.type("apply", "--json").host

    assert f"certificate shop  (to be issued by {DIRECTORY}: none was issued yet)" in planned
    assert outcome["state"] == "changed"
    assert {probe["verdict"] for probe in outcome["probes"]} == {"passed"}
    issuer = host.proven().issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert "Pebble" in str(issuer)
    key = host.proven().public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.key_size == 256
    assert host.own.desk.type("apply", "--json").host["state"] == "unchanged"


def test_a_renewal_by_the_host_alone_is_on_the_wire_and_cuts_no_websocket(host: Certified) -> None:
    before = host.proven().serial_number
    with host.websocket() as socket:
        assert host.renew() == 0

        assert host.proven().serial_number != before
        socket.send("still here")
        assert socket.recv(timeout=10) == "still here"
    assert "unchanged: 1" in host.own.desk.type("plan").stdout


def test_only_root_reads_the_keys_and_old_pairs_are_removed(host: Certified) -> None:
    machine = host.own.machine
    store = machine.check_output("readlink -f /etc/deployer/certs/shop")

    assert machine.check_output("stat -c '%%a %%U' %s %s/privkey.pem", store, store) == "700 root\n600 root"
    assert machine.check_output("ls -d /etc/deployer/certs/.store/*") == store
    assert (
        machine.run("grep -rl 'PRIVATE KEY' /var/log /var/lib/deployer /etc/deployer/releases").stdout == ""
    )


def test_a_rollback_keeps_the_renewed_certificate(host: Certified) -> None:
    desk = host.own.desk
    release = linked(host.own.machine)
    desk.edit("elsewhere.test", "somewhere.test")
    assert desk.type("apply", "--json").host["state"] == "changed"
    assert host.renew() == 0
    renewed = host.proven().serial_number

    desk.type("rollback")

    assert linked(host.own.machine) == release
    assert host.proven().serial_number == renewed
    desk.edit("somewhere.test", "elsewhere.test")
    assert desk.type("apply", "--json").host["state"] == "unchanged"


def test_the_challenge_is_answered_in_plain_and_all_else_redirects(host: Certified) -> None:
    token = "/var/lib/deployer/acme/.well-known/acme-challenge/token"
    host.own.machine.check_output("mkdir -p $(dirname %s) && echo proof >%s", token, token)

    assert host.own.fetch("/.well-known/acme-challenge/token", name=host.name) == "proof\n"
    assert "308" in host.own.fetch("/.well-known/other", name=host.name)


def test_a_name_that_leads_elsewhere_is_refused_in_the_words_of_the_ca_and_the_old_one_serves(
    host: Certified,
) -> None:
    desk, stranger = host.own.desk, f"stranger.{host.name}"
    before = host.proven().serial_number
    host.pebble.resolve(stranger, "127.0.0.1")
    host.write(names=(host.name, stranger))

    told = desk.type("apply", expect_exit=5).stdout

    assert "incomplete" in told
    assert f"shop: {stranger}: " in told
    assert "onnection refused" in told
    assert "next: deployer apply inventory.yaml --limit own" in told
    assert host.proven().serial_number == before

    host.pebble.resolve(stranger, host.own.address)
    assert desk.type("apply", "--json").host["state"] == "changed"
    names = host.proven().extensions.get_extension_for_class(SubjectAlternativeName).value
    assert set(names.get_values_for_type(DNSName)) == {host.name, stranger}
    host.write()
    desk.type("apply")


def test_an_authorisation_that_is_gone_at_renewal_leaves_the_old_certificate(host: Certified) -> None:
    before = host.proven().serial_number
    host.pebble.resolve(host.name, "127.0.0.1")

    assert host.renew() != 0

    host.pebble.resolve(host.name, host.own.address)
    assert host.proven().serial_number == before
    assert host.own.desk.type("apply", "--json").host["state"] == "unchanged"


def test_with_the_ca_down_a_first_apply_serves_the_bootstrap_and_the_next_one_puts_it_right(
    lab: Lab, tmp_path: Path
) -> None:
    with certified(lab, tmp_path, release="bookworm") as host:
        with host.pebble.down():
            told = host.own.desk.type("apply", expect_exit=5).stdout
        assert "incomplete" in told
        assert "no certificate could be issued for shop" in told
        assert "the CA cannot be reached: [Errno" in told
        assert is_bootstrap(host.served())
        assert "to be issued by" in host.own.desk.type("plan").stdout

        host.write()
        assert host.own.desk.type("apply", "--json").host["state"] == "changed"
        assert not is_bootstrap(host.proven())


def test_with_the_ca_down_a_renewal_leaves_the_old_certificate(host: Certified) -> None:
    before = host.proven().serial_number
    with host.pebble.down():
        assert host.renew() != 0

        assert host.proven().serial_number == before
        assert host.own.desk.type("apply", "--json").host["state"] == "unchanged"
