"""`apply --quarantine`, the real walk, with the real script and nginx on a host that is a directory."""

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Machine, free_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from desk import Desk

from deployer.errors import RoleError
from deployer.outcome import Phase, State, Verdict


def say(text: str) -> str:
    return f'return 200 "{text}";'


@pytest.fixture
def desk(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(machine, tmp_path_factory.mktemp("desk"))


@pytest.fixture
def two_sites(desk: Desk) -> Desk:
    """Both sites are live at their first version."""
    desk.write("abc", say("abc 1"))
    desk.write("xyz", say("xyz 1"))
    assert desk.apply(quarantine=False).state == State.CHANGED
    return desk


def test_a_bad_site_stays_as_it_was_and_the_others_go_live(two_sites: Desk) -> None:
    first = two_sites.machine.observe().current
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))

    outcome = two_sites.apply()

    assert (outcome.state, outcome.state.exit_code) == (State.INCOMPLETE, 5)
    assert (two_sites.visit("abc"), two_sites.visit("xyz")) == ("abc 1", "xyz 2")
    assert two_sites.machine.observe().running == outcome.serving != first
    stays = f"abc stays as it is in release {first}: nginx refused the new configuration"
    assert outcome.message == f"release {outcome.serving} serves; {stays}"
    (held,) = outcome.quarantined
    assert (held.site, held.keeps, held.phase) == ("abc", first, Phase.VALIDATE)
    assert outcome.said[0].startswith('unknown directive "retrun"')
    assert outcome.said[1].endswith("sites[0].raw")


def test_without_quarantine_it_is_all_or_nothing(two_sites: Desk) -> None:
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))

    assert two_sites.apply(quarantine=False).state == State.REFUSED
    assert (two_sites.visit("abc"), two_sites.visit("xyz")) == ("abc 1", "xyz 1")


def test_a_second_run_in_quarantine_changes_nothing_and_says_it_again(two_sites: Desk) -> None:
    first = two_sites.machine.observe().current
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))
    serving = two_sites.apply().serving
    workers = two_sites.machine.workers()

    outcome = two_sites.apply()

    assert (outcome.state, outcome.changes, outcome.serving) == (State.INCOMPLETE, (), serving)
    assert [(held.site, held.keeps) for held in outcome.quarantined] == [("abc", first)]
    assert two_sites.machine.workers() == workers
    assert two_sites.machine.observe().current == serving


def test_a_site_in_quarantine_is_still_refused_without_and_its_host_says_so(two_sites: Desk) -> None:
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))
    serving = two_sites.apply().serving

    status = two_sites.status()

    assert any(f"in release {serving} abc stays as it is" in warning for warning in status.warnings)
    assert "abc stays as it is" in status.history[0].note
    assert {change.subject for change in status.changes} >= {"/etc/nginx/deployer/sites/abc.conf"}
    assert not status.drift
    assert two_sites.apply(quarantine=False).state == State.REFUSED


def test_a_mended_site_makes_the_host_whole_again(two_sites: Desk) -> None:
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))
    two_sites.apply()
    two_sites.write("abc", say("abc 3"))

    outcome = two_sites.apply(quarantine=False)

    assert (outcome.state, outcome.quarantined) == (State.CHANGED, ())
    assert (two_sites.visit("abc"), two_sites.visit("xyz")) == ("abc 3", "xyz 2")
    assert two_sites.status().history[0].note == ""


def test_a_bad_site_that_was_never_there_stays_away(two_sites: Desk) -> None:
    two_sites.write("new", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))

    outcome = two_sites.apply()

    assert outcome.message.endswith("; new stays away: nginx refused the new configuration")
    assert [two_sites.visit(name) for name in ("abc", "xyz", "new")] == ["abc 1", "xyz 2", ""]
    assert outcome.quarantined[0].keeps == ""


def test_a_bare_host_gets_what_is_good(desk: Desk) -> None:
    desk.write("abc", "retrun 200 x;")
    desk.write("xyz", say("xyz 1"))

    outcome = desk.apply()

    assert (outcome.state, desk.visit("abc"), desk.visit("xyz")) == (State.INCOMPLETE, "", "xyz 1")
    assert outcome.said[1].endswith("sites[0].raw")


def test_two_bad_sites_are_both_held_and_each_has_its_words(two_sites: Desk) -> None:
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("new", "no_such_thing on;")
    two_sites.write("xyz", say("xyz 2"))

    outcome = two_sites.apply()

    assert [(held.site, bool(held.keeps)) for held in outcome.quarantined] == [("abc", True), ("new", False)]
    assert (two_sites.visit("abc"), two_sites.visit("xyz")) == ("abc 1", "xyz 2")
    assert outcome.said[0].startswith('abc: unknown directive "retrun"')
    assert [line for line in outcome.said if line.startswith('new: unknown directive "no_such_thing"')]


def test_a_mistake_that_is_no_sites_is_refused_as_ever(two_sites: Desk) -> None:
    two_sites.write("xyz", say("xyz 2"))
    two_sites.write("abc", say("abc 2"))
    two_sites.everywhere = "no_such_thing on;"

    outcome = two_sites.apply()

    assert (outcome.state, outcome.quarantined) == (State.REFUSED, ())
    assert (two_sites.visit("abc"), two_sites.visit("xyz")) == ("abc 1", "xyz 1")


def test_a_mistake_of_nobody_behind_a_bad_site_changes_nothing_and_tells_of_both(two_sites: Desk) -> None:
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))
    # The last line of http, so that nginx finds the site's mistake before this one.
    role = two_sites.folder / "roles/edge/templates/nginx.conf.j2"
    role.write_text(role.read_text().replace("{% endfor %}\n}", "{% endfor %}\nno_such_thing on;\n}"))

    outcome = two_sites.apply()

    assert outcome.state == State.REFUSED
    assert 'unknown directive "no_such_thing"' in outcome.said[0]
    assert [warning for warning in outcome.warnings if warning.startswith("tried while abc stays as it is")]
    assert (two_sites.visit("abc"), two_sites.visit("xyz")) == ("abc 1", "xyz 1")


def test_a_template_that_fails_for_one_site_holds_that_one_only(two_sites: Desk) -> None:
    two_sites.write("new", say("new 1"))
    two_sites.write("xyz", say("xyz 2"))
    del two_sites.titles["new"]

    with pytest.raises(RoleError):
        two_sites.apply(quarantine=False)
    outcome = two_sites.apply()

    assert outcome.message.endswith("; new stays away: it cannot be rendered")
    assert "has no attribute 'new'" in outcome.said[0]
    assert (two_sites.visit("xyz"), two_sites.visit("new")) == ("xyz 2", "")


def test_a_site_that_is_renamed_and_broken_in_one_go_does_not_vanish(two_sites: Desk) -> None:
    port = two_sites.sites.pop("abc")["http_port"]
    two_sites.sites["renamed"] = {"http_port": port}
    two_sites.write("renamed", "retrun 200 x;", server_names=["abc.test", "www.abc.test"])
    two_sites.write("xyz", say("xyz 2"))
    two_sites.titles["renamed"] = ""

    outcome = two_sites.apply()

    assert outcome.state == State.INCOMPLETE
    assert (two_sites.visit("renamed"), two_sites.visit("xyz")) == ("abc 1", "xyz 2")


def test_a_release_that_does_not_know_its_sites_is_not_touched(two_sites: Desk) -> None:
    two_sites.machine.path("/etc/deployer/current/sites.json").unlink()
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))

    outcome = two_sites.apply()

    assert outcome.state == State.REFUSED
    assert [warning for warning in outcome.warnings if "does not say what its sites are" in warning]
    assert (two_sites.visit("abc"), two_sites.visit("xyz")) == ("abc 1", "xyz 1")


def test_what_others_serve_there_is_not_taken_away(desk: Desk) -> None:
    desk.write("abc", "retrun 200 x;")
    desk.write("xyz", say("xyz 1"))
    machine = desk.machine
    machine.write("/etc/nginx/nginx.conf", machine.config('return 200 "by hand";').decode())
    subprocess.run([machine.path("bin/nginx")], check=True, close_fds=True)

    outcome = desk.apply()

    assert outcome.state == State.REFUSED
    assert [warning for warning in outcome.warnings if "is not deployer's" in warning]
    assert machine.get() == "by hand"


def test_the_list_of_sites_is_for_root_alone_and_tells_where_each_is_from(two_sites: Desk) -> None:
    first = two_sites.machine.observe().current
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))
    serving = two_sites.apply().serving

    file = two_sites.machine.path("/etc/deployer/current/sites.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = {entry["site"]["name"]: (entry["release"], entry["site"]["raw"]) for entry in two_sites.kept()}
    assert kept == {"abc": (first, say("abc 1")), "xyz": (serving, say("xyz 2"))}


def test_a_rollback_from_quarantine_brings_the_release_before(two_sites: Desk) -> None:
    first = two_sites.machine.observe().current
    two_sites.write("abc", "retrun 200 x;")
    two_sites.write("xyz", say("xyz 2"))
    two_sites.apply()

    assert two_sites.machine.rollback(first).ending == "ok"
    assert (two_sites.visit("abc"), two_sites.visit("xyz")) == ("abc 1", "xyz 1")


def pair(folder: Path, name: str, *, days: int) -> dict[str, str]:
    """A certificate that ends in so many days, and its key, in files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    return {"certificate": "cert.pem", "key": "key.pem"}


def test_a_certificate_that_has_expired_holds_its_own_site_and_the_host_keeps_the_old_one(desk: Desk) -> None:
    ports = {"https_port": free_port(), "redirect_http": False}
    desk.write("abc", say("abc 1"), tls={"files": pair(desk.folder, "abc.test", days=90)}, **ports)
    desk.write("xyz", say("xyz 1"))
    assert desk.apply(quarantine=False).state == State.CHANGED
    chain = desk.machine.path("/etc/deployer/certs/abc/fullchain.pem").read_bytes()
    desk.write("abc", say("abc 2"), tls={"files": pair(desk.folder, "abc.test", days=-1)}, **ports)
    desk.write("xyz", say("xyz 2"))

    outcome = desk.apply()

    assert outcome.message.endswith("its certificate cannot be used")
    assert "expired" in outcome.said[0]
    assert (desk.visit("abc"), desk.visit("xyz")) == ("abc 1", "xyz 2")
    assert {probe.kind: probe.verdict for probe in outcome.probes}["certificate"] == Verdict.PASSED
    assert desk.machine.path("/etc/deployer/certs/abc/fullchain.pem").read_bytes() == chain


def names_on(machine: Machine, site: str) -> list[str]:
    """Names that the certificate on the host is good for."""
    chain = machine.path(f"/etc/deployer/certs/{site}/fullchain.pem").read_bytes()
    extensions = x509.load_pem_x509_certificate(chain).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def test_a_renewal_gives_a_held_site_a_certificate_of_the_version_that_serves(desk: Desk) -> None:
    ports = {"https_port": free_port(), "redirect_http": False, "tls": {"self_signed": {}}}
    desk.write("abc", say("abc 1"), **ports)
    desk.write("xyz", say("xyz 1"))
    assert desk.apply(quarantine=False).state == State.CHANGED
    desk.write("abc", "retrun 200 x;", **ports, server_names=["abc.test", "new.abc.test"])
    desk.write("xyz", say("xyz 2"))
    assert desk.apply().state == State.INCOMPLETE
    chain = desk.machine.path("/etc/deployer/certs/abc/fullchain.pem")
    before = chain.read_bytes()

    outcome = desk.renew()

    assert outcome.state == State.CHANGED, outcome
    assert chain.read_bytes() != before
    assert names_on(desk.machine, "abc") == ["abc.test"]
    assert [(each.names, each.wrong) for each in outcome.certificates] == [(("abc.test",), "")]
    assert {probe.kind: probe.verdict for probe in outcome.probes}["certificate"] == Verdict.PASSED


@pytest.mark.parametrize(("changed", "state"), [("", State.INCOMPLETE), ("nginx.conf", State.REFUSED)])
def test_a_welcome_page_is_nothing_to_lose_and_anything_else_is(
    desk: Desk, changed: str, state: State
) -> None:
    desk.write("abc", "retrun 200 x;")
    desk.write("xyz", say("xyz 1"))
    machine = desk.machine
    machine.write("/etc/nginx/nginx.conf", machine.config('return 200 "Welcome to nginx!";').decode())
    machine.write("/etc/nginx/sites-available/default", "")
    machine.path("/etc/nginx/sites-enabled").mkdir()
    machine.path("/etc/nginx/sites-enabled/default").symlink_to("../sites-available/default")
    told = f"??5??????  c /etc/nginx/{changed}" if changed else ""
    machine.write("bin/dpkg", f'#!/bin/sh\n[ "$1" = -s ] || echo "{told}"\n', executable=True)
    subprocess.run([machine.path("bin/nginx")], check=True, close_fds=True)

    assert desk.apply().state == state


def test_a_plan_in_quarantine_tells_what_is_known_before_the_host_is_asked(two_sites: Desk) -> None:
    two_sites.write("new", say("new 1"))
    two_sites.write("xyz", say("xyz 2"))
    del two_sites.titles["new"]

    outcome = two_sites.apply(check=True)

    assert outcome.state == State.PLANNED
    assert outcome.warnings == ("new stays away: it cannot be rendered",)
    assert {change.subject for change in outcome.changes} >= {"/etc/nginx/deployer/sites/xyz.conf"}
    assert two_sites.visit("xyz") == "xyz 1"
