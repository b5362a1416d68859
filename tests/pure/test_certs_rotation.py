"""Another local CA takes over, and nobody is cut off; its key may be behind a passphrase."""

import os
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from certs_made import NOW, Wish, host, make, tls_site
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from deployer import certs
from deployer.certs import agent
from deployer.errors import CertificateError
from deployer.model.host import Host
from deployer.secret import Secret

PASSPHRASE = "seven brave horses"


@pytest.fixture(autouse=True)
def nobody_knows_a_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(agent.VARIABLE, raising=False)
    monkeypatch.setattr(agent, "_remembered", {})


def at(tmp_path: Path) -> Host:
    return host(tmp_path, tls_site({"local_ca": {"directory": "ca"}}))


def chain_of(there: Host) -> bytes:
    return certs.obtain(there, certs.decide(there, {}, NOW), NOW)[0].fullchain


def openssl_trusts(root: bytes, chain: bytes, folder: Path, *, strict: bool = True) -> bool:
    (folder / "root").write_bytes(root)
    (folder / "chain").write_bytes(chain)
    strictly = ["-x509_strict"] if strict else []
    checked = subprocess.run(
        ["openssl", "verify", *strictly, "-purpose", "sslserver", "-verify_hostname", "abc.com",
         "-attime", str(int(NOW.timestamp())), "-CAfile", folder / "root", "-untrusted", folder / "chain",
         folder / "chain"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return checked.returncode == 0


def a_strict_client_trusts(root: bytes, chain: bytes) -> bool:
    """The verifier of Python's cryptography, which follows the rules for the public web."""
    leaf, *between = x509.load_pem_x509_certificates(chain)
    store = Store(x509.load_pem_x509_certificates(root))
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName("abc.com"))
    verifier.verify(leaf, between)
    return True


def test_after_a_rotation_who_trusts_either_ca_trusts_the_new_certificate(tmp_path: Path) -> None:
    there = at(tmp_path)
    chain_of(there)
    old = (tmp_path / "ca/ca.pem").read_bytes()

    certs.rotate_all([there], NOW)
    chain = chain_of(there)

    new = (tmp_path / "ca/ca.pem").read_bytes()
    assert new != old
    for root in (old, new):
        assert openssl_trusts(root, chain, tmp_path)
        assert a_strict_client_trusts(root, chain)


def test_a_certificate_from_before_the_rotation_is_trusted_and_then_replaced(tmp_path: Path) -> None:
    there = at(tmp_path)
    before = chain_of(there)

    certs.rotate_all([there], NOW)

    (decision,) = certs.decide(there, {"abc": before}, NOW)
    assert decision.reason == "issued by another CA"
    trusted = certs.trust(there, there.sites[0], serving={})
    assert trusted is not None
    assert openssl_trusts(trusted, before, tmp_path)
    (decision,) = certs.decide(there, {"abc": chain_of(there)}, NOW)
    assert not decision.needed


def test_a_ca_that_may_have_none_below_it_can_be_rotated_too(tmp_path: Path) -> None:
    """So were those that the first version made."""
    there = at(tmp_path)
    old_fashioned = make("deployer local CA 11223344", Wish(ca=True, path_length=0))
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca/ca.pem").write_text(old_fashioned.pem)
    (tmp_path / "ca/ca-key.pem").write_text(old_fashioned.key_pem)
    old = (tmp_path / "ca/ca.pem").read_bytes()

    certs.rotate_all([there], NOW)
    chain = chain_of(there)

    for root in (old, (tmp_path / "ca/ca.pem").read_bytes()):
        assert openssl_trusts(root, chain, tmp_path, strict=False)


def test_a_second_rotation_waits_until_nobody_needs_the_first_ca(tmp_path: Path) -> None:
    there = at(tmp_path)
    chain_of(there)
    certs.rotate_all([there], NOW)
    kept = (tmp_path / "ca/ca.pem").read_bytes()

    with pytest.raises(CertificateError, match=r"take ca-previous.pem and ca-cross.pem away"):
        certs.rotate_all([there], NOW)

    assert (tmp_path / "ca/ca.pem").read_bytes() == kept
    for name in ("ca-previous.pem", "ca-cross.pem"):
        (tmp_path / "ca" / name).unlink()
    certs.rotate_all([there], NOW)
    assert (tmp_path / "ca/ca.pem").read_bytes() != kept


def test_there_is_nothing_to_rotate_before_the_first_apply(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="the first apply makes it"):
        certs.rotate_all([at(tmp_path)], NOW)


@pytest.mark.parametrize("died_after", ["ca-previous.pem", "ca-cross.pem", "ca-next.pem", "ca-key.pem"])
def test_a_rotation_that_died_leaves_a_ca_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, died_after: str
) -> None:
    there = at(tmp_path)
    chain_of(there)
    old = (tmp_path / "ca/ca.pem").read_bytes()
    rename = Path.replace

    def dies(path: Path, target: Path) -> Path:
        done = rename(path, target)
        if Path(target).name == died_after:
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            certs.rotate_all([there], NOW)

    chain = chain_of(there)
    assert openssl_trusts(old, chain, tmp_path)
    assert openssl_trusts((tmp_path / "ca/ca.pem").read_bytes(), chain, tmp_path)
    (decision,) = certs.decide(there, {"abc": chain}, NOW)
    assert not decision.needed


def test_a_ca_made_with_a_passphrase_keeps_its_key_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = at(tmp_path)
    monkeypatch.setenv(agent.VARIABLE, PASSPHRASE)

    chain = chain_of(there)

    key = tmp_path / "ca/ca-key.pem"
    assert b"ENCRYPTED" in key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert load_pem_private_key(key.read_bytes(), PASSPHRASE.encode())
    assert openssl_trusts((tmp_path / "ca/ca.pem").read_bytes(), chain, tmp_path)
    certs.rotate_all([there], NOW)
    assert b"ENCRYPTED" in key.read_bytes()
    assert chain_of(there)


def protected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Host, Path]:
    """A host whose CA was made with a passphrase that is forgotten since."""
    there = at(tmp_path)
    monkeypatch.setenv(agent.VARIABLE, PASSPHRASE)
    chain_of(there)
    monkeypatch.delenv(agent.VARIABLE)
    return there, tmp_path / "ca/ca-key.pem"


def test_what_issues_nothing_needs_no_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, _ = protected(tmp_path, monkeypatch)

    assert certs.check([there], NOW) == ()
    assert certs.decide(there, {}, NOW)
    assert certs.trust(there, there.sites[0], serving={})


def test_issuing_without_the_passphrase_says_how_to_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, key = protected(tmp_path, monkeypatch)

    assert certs.sealed([there, there]) == (key,)
    with pytest.raises(CertificateError, match="set DEPLOYER_CA_PASSPHRASE"):
        chain_of(there)


def test_a_passphrase_is_asked_for_once_and_never_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, key = protected(tmp_path, monkeypatch)

    with pytest.raises(CertificateError, match="does not open the key") as caught:
        certs.unseal(key, Secret("seven lame horses"))
    assert "lame" not in str(caught.value)

    certs.unseal(key, Secret(PASSPHRASE))
    assert certs.sealed([there]) == ()
    assert chain_of(there)
    assert agent.VARIABLE not in os.environ


def test_a_wrong_passphrase_in_the_environment_is_refused_before_contact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, _ = protected(tmp_path, monkeypatch)
    monkeypatch.setenv(agent.VARIABLE, "seven lame horses")

    with pytest.raises(CertificateError, match="the passphrase does not open the key"):
        certs.check([there], NOW)


def test_a_key_that_openssl_has_encrypted_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = at(tmp_path)
    chain_of(there)
    key = tmp_path / "ca/ca-key.pem"
    subprocess.run(
        ["openssl", "pkey", "-aes256", "-passout", f"pass:{PASSPHRASE}", "-in", key, "-out", tmp_path / "x"],
        check=True,
    )
    (tmp_path / "x").replace(key)
    key.chmod(0o600)

    certs.unseal(key, Secret(PASSPHRASE))

    assert chain_of(there)


def test_renewing_on_request_replaces_what_we_issue_and_leaves_files(tmp_path: Path) -> None:
    made = make("c.com", Wish(names=("c.com",)))
    files = {"files": {"certificate": made.pem, "key": made.key_pem}}
    ours = tls_site({"local_ca": {"directory": "ca"}})
    own, theirs = tls_site({"self_signed": {}}, ("b.com",), "b"), tls_site(files, ("c.com",), "c")
    there = host(tmp_path, ours, own, theirs)
    live = {each.name: each.fullchain for each in certs.obtain(there, certs.decide(there, {}, NOW), NOW)}

    reasons = {
        each.name: each.reason for each in certs.decide(there, live, NOW + timedelta(days=1), renew=True)
    }

    assert reasons == {"abc": "renewed on request", "b": "renewed on request", "c": ""}
