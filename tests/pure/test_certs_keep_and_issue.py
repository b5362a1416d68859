"""A certificate on a host stays while it is good; a new one is obtained when it is not."""

import ssl
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from certs_made import NOW, Wish, host, make, tls_site
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deployer import certs
from deployer.bundle import Certificate
from deployer.errors import CertificateError
from deployer.model.host import Host

LOCAL_CA: dict[str, Any] = {"local_ca": {"directory": "ca"}}
SELF_SIGNED: dict[str, Any] = {"self_signed": {}}


def obtained(at: Host, *, now: datetime = NOW) -> dict[str, Certificate]:
    found = certs.obtain(at, certs.decide(at, {}, now), now)
    return {certificate.name: certificate for certificate in found}


def reason(at: Host, live: bytes, days: float = 0) -> str:
    (decision,) = certs.decide(at, {"abc": live}, NOW + timedelta(days=days))
    assert decision.needed == bool(decision.reason)
    return decision.reason


def parsed(certificate: Certificate) -> x509.Certificate:
    (leaf,) = x509.load_pem_x509_certificates(certificate.fullchain)
    return leaf


@pytest.mark.parametrize("tls", [LOCAL_CA, SELF_SIGNED])
def test_a_host_without_a_certificate_gets_one_that_then_stays(tmp_path: Path, tls: dict[str, Any]) -> None:
    at = host(tmp_path, tls_site(tls))
    (decision,) = certs.decide(at, {}, NOW)
    assert (decision.needed, decision.reason) == (True, "no certificate yet")

    certificate = obtained(at)["abc"]

    assert reason(at, certificate.fullchain) == ""
    key = load_pem_private_key(certificate.key.reveal().encode(), None)
    assert key.public_key() == parsed(certificate).public_key()


def test_deciding_makes_no_ca(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(LOCAL_CA))

    certs.check([at], NOW)
    certs.decide(at, {}, NOW)

    assert list(tmp_path.iterdir()) == []


def test_a_leaf_of_the_local_ca_lasts_90_days_and_is_renewed_when_a_third_is_left(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(LOCAL_CA))
    certificate = obtained(at)["abc"]
    leaf = parsed(certificate)

    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=90)
    assert reason(at, certificate.fullchain, days=57) == ""
    assert reason(at, certificate.fullchain, days=58) == "ends in 30 days"
    assert reason(at, certificate.fullchain, days=100) == "expired on 2027-02-18"


@pytest.mark.parametrize("source", [LOCAL_CA, SELF_SIGNED])
@pytest.mark.parametrize("wrong", [timedelta(days=-1), timedelta(days=1)])
def test_what_a_clock_issues_that_is_wrong_by_a_day_is_valid_at_once(
    tmp_path: Path, source: dict[str, Any], wrong: timedelta
) -> None:
    at = host(tmp_path, tls_site(source))
    leaf = parsed(obtained(at, now=NOW + wrong)["abc"])

    assert leaf.not_valid_before_utc < NOW < leaf.not_valid_after_utc


def test_a_new_name_needs_a_new_certificate_and_a_name_less_does_not(tmp_path: Path) -> None:
    before = obtained(host(tmp_path, tls_site(LOCAL_CA, ("abc.com", "www.abc.com"))))["abc"].fullchain

    assert reason(host(tmp_path, tls_site(LOCAL_CA, ("abc.com", "x.abc.com"))), before) == (
        "names changed: + x.abc.com"
    )
    assert reason(host(tmp_path, tls_site(LOCAL_CA, ("abc.com",))), before) == ""


def test_a_certificate_of_another_ca_is_replaced(tmp_path: Path) -> None:
    elsewhere = host(tmp_path, tls_site({"local_ca": {"directory": "other"}}))
    theirs = obtained(elsewhere)["abc"].fullchain
    at = host(tmp_path, tls_site(LOCAL_CA))

    assert reason(at, theirs) == "issued by another CA"
    obtained(at)
    assert reason(at, theirs) == "issued by another CA"
    assert reason(host(tmp_path, tls_site(SELF_SIGNED)), theirs) == "issued by a CA"


def test_a_damaged_certificate_on_the_host_is_replaced(tmp_path: Path) -> None:
    assert reason(host(tmp_path, tls_site(LOCAL_CA)), b"garbage") == "what is there is not a certificate"


def test_files_stay_while_they_are_the_same_whatever_their_comments(tmp_path: Path) -> None:
    made, other = (make("abc.com", Wish(names=("abc.com",))) for _ in range(2))
    at = host(tmp_path, tls_site({"files": {"certificate": "abc.pem", "key": "abc.key"}}))
    (tmp_path / "abc.pem").write_text(f"# bought on a Sunday\n{made.pem}")
    (tmp_path / "abc.key").write_text(made.key_pem)

    live = obtained(at)["abc"].fullchain

    assert live.decode() == made.pem
    assert reason(at, live) == ""
    (tmp_path / "abc.pem").write_text(other.pem)
    assert reason(at, live) == "file changed"


def test_openssl_and_a_strict_client_trust_what_the_local_ca_issues(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(LOCAL_CA, ("abc.com", "*.abc.com")))
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(certs.obtain(at, certs.decide(at, {}, NOW), NOW)[0].fullchain)
    (ca,) = certs.ca_notice(at)

    checked = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "www.abc.com",
         "-attime", str(int(NOW.timestamp())), "-CAfile", str(ca), str(leaf)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.stdout.strip().endswith("OK"), checked.stderr


def test_the_cas_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    obtained(host(tmp_path, tls_site(LOCAL_CA)))
    folder = tmp_path / "ca"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "ca-key.pem").stat().st_mode) == 0o600


def test_a_ca_key_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(LOCAL_CA))
    obtained(at)
    key = tmp_path / "ca" / "ca-key.pem"
    key.chmod(0o644)

    assert certs.check([at], NOW) == (f"others can read the key of the local CA: chmod 600 {key}",)


def test_many_hosts_that_ask_at_once_get_one_ca(tmp_path: Path) -> None:
    fleet = [host(tmp_path, tls_site(LOCAL_CA), name=f"edge{number}") for number in range(24)]

    with ThreadPoolExecutor(24) as pool:
        leaves = [parsed(found["abc"]) for found in pool.map(obtained, fleet)]

    ca = x509.load_pem_x509_certificate((tmp_path / "ca" / "ca.pem").read_bytes())
    for leaf in leaves:
        leaf.verify_directly_issued_by(ca)
    assert len({leaf.serial_number for leaf in leaves}) == 24
    assert sorted(path.name for path in (tmp_path / "ca").iterdir()) == [".lock", "ca-key.pem", "ca.pem"]


def test_a_run_that_died_between_key_and_certificate_does_no_harm(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(LOCAL_CA))
    obtained(at)
    (tmp_path / "ca" / "ca.pem").unlink()

    again = obtained(at)["abc"]

    assert reason(at, again.fullchain) == ""


def test_a_ca_without_its_key_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(LOCAL_CA))
    obtained(at)
    (tmp_path / "ca" / "ca-key.pem").unlink()

    with pytest.raises(CertificateError) as caught:
        certs.check([at], NOW)

    (problem,) = caught.value.problems
    assert str(problem.place) == "inventory.yaml:5:9"
    assert "ca-key.pem" in problem.sentence
    assert "to have a new CA made" in problem.suggestion


def test_an_expired_ca_is_refused_beforehand(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(LOCAL_CA))
    obtained(at)

    with pytest.raises(CertificateError, match="valid from 2026-11-20 to 2036-11-19 only"):
        certs.check([at], NOW + timedelta(days=3700))


def test_the_ca_is_kept_in_the_users_data_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    at = host(tmp_path, tls_site({"local_ca": {}}))
    assert certs.ca_notice(at) == ()

    obtained(at)

    assert certs.ca_notice(at) == (tmp_path / "data" / "deployer" / "ca" / "ca.pem",)


def test_an_error_while_obtaining_has_its_place_too(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("a file where the folder should be")

    with pytest.raises(CertificateError, match=r"inventory.yaml:5:9  sites\[0\].tls.local_ca"):
        obtained(host(tmp_path, tls_site(LOCAL_CA)))


def test_visitors_trust_the_ca_the_chains_top_or_the_certificate_itself(tmp_path: Path) -> None:
    root = make("Root", Wish(ca=True))
    leaf = make("abc.com", Wish(names=("abc.com",), issuer=root))
    files = {"files": {"certificate": leaf.pem + root.pem, "key": leaf.key_pem}}
    at = host(
        tmp_path, tls_site(LOCAL_CA), tls_site(SELF_SIGNED, ("b.com",), "b"), tls_site(files, ("c.com",), "c")
    )
    serving = {name: certificate.fullchain for name, certificate in obtained(at).items()}

    by_ca, by_itself, by_file = (certs.trust(at, site, serving=serving) for site in at.sites)

    assert by_ca == (tmp_path / "ca" / "ca.pem").read_bytes()
    assert by_itself == serving["b"]
    assert by_file is not None
    assert by_file.decode() == root.pem
    assert ssl.create_default_context(cadata=by_file.decode()).cert_store_stats()["x509_ca"] == 1


def test_without_a_ca_or_a_certificate_only_the_system_store_is_left(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(LOCAL_CA), tls_site(SELF_SIGNED, ("b.com",), "b"))

    assert [certs.trust(at, site, serving={}) for site in at.sites] == [None, None]
