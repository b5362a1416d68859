"""Certificates of the operator's own are judged before anything is contacted."""

import dataclasses
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from certs_made import NOW, YEAR, Made, Wish, host, make, tls_site
from cryptography.x509 import load_pem_x509_certificate

from deployer import certs
from deployer.errors import CertificateError, Problem

ROOT = make("Root", Wish(ca=True))
INTERMEDIATE = make("Intermediate", Wish(ca=True, issuer=ROOT))
LEAF = make("abc.com", Wish(names=("abc.com", "*.abc.com"), issuer=INTERMEDIATE))
CHAIN = LEAF.pem + INTERMEDIATE.pem


def problems(
    folder: Path, certificate: str, key: str, names: tuple[str, ...] = ("abc.com",)
) -> tuple[Problem, ...]:
    """Return what is said of a site with this certificate and key, each a PEM text or a path."""
    site = tls_site({"files": {"certificate": certificate, "key": key}}, names)
    try:
        certs.check([host(folder, site)], NOW)
    except CertificateError as error:
        return error.problems
    return ()


def only(found: tuple[Problem, ...]) -> Problem:
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


def leaf(wish: Wish) -> Made:
    return make("abc.com", dataclasses.replace(wish, names=wish.names or ("abc.com",)))


def test_a_chain_with_its_key_is_accepted(tmp_path: Path) -> None:
    assert problems(tmp_path, CHAIN, LEAF.key_pem, ("abc.com", "www.abc.com")) == ()


def test_paths_start_at_the_inventorys_folder(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "abc.pem").write_text(CHAIN)
    (tmp_path / "tls" / "abc.key").write_text(LEAF.key_pem)

    assert problems(tmp_path, "tls/abc.pem", "tls/abc.key") == ()


def test_a_tilde_is_the_home_of_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "abc.pem").write_text(CHAIN)
    (tmp_path / "abc.key").write_text(LEAF.key_pem)

    assert problems(Path("/nowhere"), "~/abc.pem", "~/abc.key") == ()


def test_a_missing_certificate_file_is_named_at_its_line(tmp_path: Path) -> None:
    problem = only(problems(tmp_path, "abc.pem", LEAF.key_pem))

    assert str(problem.place) == "inventory.yaml:7:9"
    assert problem.path == "sites[0].tls.files.certificate"
    assert problem.sentence == f"cannot read the certificate {tmp_path}/abc.pem: No such file or directory"


def test_a_missing_key_file_is_not_named_for_it_might_be_a_key(tmp_path: Path) -> None:
    lost_first_line = LEAF.key_pem.splitlines()[1]

    problem = only(problems(tmp_path, CHAIN, lost_first_line))

    assert str(problem.place) == "inventory.yaml:8:9"
    assert lost_first_line not in str(problem)
    assert "neither PEM nor a file" in problem.sentence


@pytest.mark.parametrize(
    ("certificate", "sentence"),
    [
        (LEAF.key_pem, "this is a private key, not a certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "the certificate is damaged"),
        ("-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n", "the certificate is not PEM"),
    ],
)
def test_what_is_no_certificate_is_said_to_be_none(tmp_path: Path, certificate: str, sentence: str) -> None:
    assert only(problems(tmp_path, certificate, LEAF.key_pem)).sentence == sentence


def test_an_encrypted_key_is_said_to_be_encrypted(tmp_path: Path) -> None:
    problem = only(problems(tmp_path, CHAIN, LEAF.encrypted_key_pem(b"passphrase")))

    assert "the key is encrypted" in problem.sentence
    assert "openssl pkey" in problem.suggestion


def test_a_certificate_in_the_keys_place_is_noticed(tmp_path: Path) -> None:
    assert only(problems(tmp_path, CHAIN, LEAF.pem)).sentence == "this is a certificate, not a private key"


def test_an_ec_certificate_with_an_rsa_key_is_refused(tmp_path: Path) -> None:
    stranger = leaf(Wish(rsa_bits=2048))

    problem = only(problems(tmp_path, CHAIN, stranger.key_pem))

    assert problem.sentence == "the key does not match the certificate (EC certificate, RSA key)"
    assert problem.path == "sites[0].tls.files.key"


def test_a_key_of_the_same_kind_that_belongs_to_another_certificate_is_refused(tmp_path: Path) -> None:
    problem = only(problems(tmp_path, CHAIN, leaf(Wish()).key_pem))

    assert problem.sentence == "the key does not match the certificate (EC certificate, EC key)"


def test_names_that_the_certificate_does_not_cover_are_listed(tmp_path: Path) -> None:
    names = ("abc.com", "a.b.abc.com", "other.com")

    problem = only(problems(tmp_path, CHAIN, LEAF.key_pem, names))

    assert problem.sentence == (
        "the certificate does not cover a.b.abc.com, other.com; it covers abc.com, *.abc.com"
    )


@pytest.mark.parametrize(
    ("certified", "wanted", "covered"),
    [
        ("*.abc.com", "www.abc.com", True),
        ("*.abc.com", "WWW.ABC.COM", True),
        ("*.abc.com", "*.abc.com", True),
        ("*.abc.com", "abc.com", False),
        ("*.abc.com", "a.www.abc.com", False),
        ("*.abc.com", "*.www.abc.com", False),
        ("*.com", "abc.com", False),
        ("w*.abc.com", "www.abc.com", False),
        ("abc.com", "*.abc.com", False),
    ],
)
def test_a_wildcard_stands_for_one_whole_label(
    tmp_path: Path, certified: str, wanted: str, covered: bool
) -> None:
    made = leaf(Wish(names=(certified,)))

    assert (problems(tmp_path, made.pem, made.key_pem, (wanted,)) == ()) is covered


def test_a_common_name_alone_covers_nothing(tmp_path: Path) -> None:
    made = make("abc.com")

    assert "it covers no name at all" in only(problems(tmp_path, made.pem, made.key_pem)).sentence


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    made = leaf(Wish(begins=NOW - YEAR, ends=NOW - timedelta(days=2)))

    assert only(problems(tmp_path, made.pem, made.key_pem)).sentence == (
        "the certificate of abc.com expired on 2026-11-20"
    )


def test_a_certificate_of_tomorrow_is_refused(tmp_path: Path) -> None:
    made = leaf(Wish(begins=NOW + timedelta(days=1)))

    assert (
        "is not valid before 2026-11-23 12:00 UTC"
        in only(problems(tmp_path, made.pem, made.key_pem)).sentence
    )


def test_an_expired_intermediate_is_refused(tmp_path: Path) -> None:
    old = make("Old CA", Wish(ca=True, begins=NOW - YEAR, ends=NOW - timedelta(days=1)))
    made = leaf(Wish(issuer=old))

    assert "Old CA expired" in only(problems(tmp_path, made.pem + old.pem, made.key_pem)).sentence


def test_a_chain_out_of_order_is_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, LEAF.pem + ROOT.pem + INTERMEDIATE.pem, LEAF.key_pem)

    assert "the chain is out of order: the issuer of abc.com does not follow it" in found[0].sentence


def test_a_chain_that_begins_with_the_intermediate_is_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, INTERMEDIATE.pem + LEAF.pem, LEAF.key_pem)

    assert any("does not begin with the key's own certificate" in problem.sentence for problem in found)


def test_an_unrelated_intermediate_is_refused_and_the_right_one_named(tmp_path: Path) -> None:
    problem = only(problems(tmp_path, LEAF.pem + make("Other CA", Wish(ca=True)).pem, LEAF.key_pem))

    assert problem.sentence == "Other CA in the chain did not issue abc.com"
    assert problem.suggestion == "put the certificate of Intermediate there"


def test_a_missing_intermediate_is_refused_and_named(tmp_path: Path) -> None:
    problem = only(problems(tmp_path, LEAF.pem, LEAF.key_pem))

    assert problem.sentence == (
        "the chain ends with abc.com: the intermediate Intermediate, which issued it, is missing"
    )
    assert problem.suggestion == "append the certificate of Intermediate, also where it is your own root"
    assert problem.path == "sites[0].tls.files.certificate"


def test_a_leaf_that_a_root_of_the_system_issued_needs_no_intermediate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = leaf(Wish(issuer=ROOT))
    (tmp_path / "store.pem").write_text(make("Other", Wish(ca=True)).pem + ROOT.pem)

    assert "is missing" in only(problems(tmp_path, made.pem, made.key_pem)).sentence
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "store.pem"))
    assert problems(tmp_path, made.pem, made.key_pem) == ()


def test_a_private_root_may_stand_at_the_end_or_be_left_out(tmp_path: Path) -> None:
    made = leaf(Wish(issuer=ROOT))

    assert problems(tmp_path, made.pem + ROOT.pem, made.key_pem) == ()
    assert problems(tmp_path, CHAIN, LEAF.key_pem) == ()


def two_pairs(folder: Path, first: Made, second: Made) -> list[str]:
    """Return what is said of a site with two certificates."""
    pairs = {
        "certificate": first.pem,
        "key": first.key_pem,
        "rsa": {"certificate": second.pem, "key": second.key_pem},
    }
    try:
        certs.check([host(folder, tls_site({"files": pairs}))], NOW)
    except CertificateError as error:
        return [f"{problem.path}: {problem.sentence}" for problem in error.problems]
    return []


def test_an_ec_and_an_rsa_certificate_stand_side_by_side(tmp_path: Path) -> None:
    assert two_pairs(tmp_path, leaf(Wish()), leaf(Wish(rsa_bits=2048))) == []


def test_two_certificates_of_one_kind_are_refused(tmp_path: Path) -> None:
    assert two_pairs(tmp_path, leaf(Wish()), leaf(Wish())) == [
        "sites[0].tls.files.rsa.certificate: the key is not RSA but EC"
    ]
    assert two_pairs(tmp_path, leaf(Wish(rsa_bits=2048)), leaf(Wish(rsa_bits=2048))) == [
        "sites[0].tls.files.certificate: both certificates have an RSA key"
    ]


def test_the_second_certificate_is_judged_as_the_first_is(tmp_path: Path) -> None:
    expired = leaf(Wish(rsa_bits=2048, begins=NOW - YEAR, ends=NOW - timedelta(days=2)))

    assert two_pairs(tmp_path, leaf(Wish()), expired) == [
        "sites[0].tls.files.rsa.certificate: the certificate of abc.com expired on 2026-11-20"
    ]


def of_clients(folder: Path, client_ca: str) -> list[str]:
    """Return what is said of a site whose visitors need a certificate of `client_ca`."""
    try:
        certs.check([host(folder, tls_site({"self_signed": {}, "client_ca": client_ca}))], NOW)
    except CertificateError as error:
        return [f"{problem.path}: {problem.sentence}" for problem in error.problems]
    return []


def test_the_ca_of_visitors_is_judged_too(tmp_path: Path) -> None:
    old = make("Old CA", Wish(ca=True, begins=NOW - YEAR, ends=NOW - timedelta(days=2)))

    assert of_clients(tmp_path, ROOT.pem + INTERMEDIATE.pem) == []
    (missing,) = of_clients(tmp_path, "nobody.pem")
    assert missing.startswith(f"sites[0].tls.client_ca: cannot read the certificate {tmp_path}/nobody.pem: ")
    assert of_clients(tmp_path, LEAF.pem) == ["sites[0].tls.client_ca: abc.com is not a CA"]
    assert of_clients(tmp_path, old.pem) == [
        "sites[0].tls.client_ca: the certificate of Old CA expired on 2026-11-20"
    ]
    assert of_clients(tmp_path, ROOT.pem + ROOT.key_pem) == [
        "sites[0].tls.client_ca: a private key is in there; it would become readable on the host"
    ]


def test_an_issuer_that_is_no_ca_is_refused(tmp_path: Path) -> None:
    fraud = make("Fraud")
    made = leaf(Wish(issuer=fraud))

    assert only(problems(tmp_path, made.pem + fraud.pem, made.key_pem)).sentence == (
        "Fraud signs a certificate but is not a CA"
    )


def test_an_rsa_key_of_1024_bits_is_refused(tmp_path: Path) -> None:
    made = leaf(Wish(rsa_bits=1024))

    assert (
        "an RSA key of 1024 bits; 2048 is the least"
        in only(problems(tmp_path, made.pem, made.key_pem)).sentence
    )


def test_a_signature_with_sha1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(ROOT.pem)
    (tmp_path / "ca.key").write_text(ROOT.key_pem)
    script = """
        openssl req -new -newkey rsa:2048 -nodes -subj /CN=abc.com -keyout abc.key -out abc.csr
        printf subjectAltName=DNS:abc.com > names
        openssl x509 -req -sha1 -days 3650 -in abc.csr -CA ca.pem -CAkey ca.key -CAcreateserial \\
            -extfile names -out leaf.pem
        cat leaf.pem ca.pem > abc.pem
    """
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, check=True)

    said = [problem.sentence for problem in problems(tmp_path, "abc.pem", "abc.key")]

    assert "the certificate of abc.com is signed with SHA1, which no browser accepts" in said
    assert not any("did not issue" in sentence for sentence in said)


def test_a_certificate_for_clients_is_refused(tmp_path: Path) -> None:
    made = leaf(Wish(for_clients=True))

    assert "not for servers" in only(problems(tmp_path, made.pem, made.key_pem)).sentence


def test_a_certificate_that_ends_within_14_days_is_a_warning(tmp_path: Path) -> None:
    made = leaf(Wish(ends=NOW + timedelta(days=9, hours=1)))
    site = tls_site({"files": {"certificate": made.pem, "key": made.key_pem}})

    (warning,) = certs.check([host(tmp_path, site)], NOW)

    assert warning == "abc: the certificate of abc.com ends in 9 days, on 2026-12-01"


def test_all_problems_of_all_sites_come_at_once(tmp_path: Path) -> None:
    expired = leaf(Wish(begins=NOW - YEAR, ends=NOW - timedelta(days=2), names=("other.com",)))
    bad = tls_site({"files": {"certificate": expired.pem, "key": LEAF.key_pem}})
    worse = tls_site({"files": {"certificate": "missing.pem", "key": "missing.key"}}, ("b.com",), "b")

    with pytest.raises(CertificateError) as caught:
        certs.check([host(tmp_path, bad, worse)], NOW)

    assert [problem.path for problem in caught.value.problems] == [
        "sites[0].tls.files.certificate",
        "sites[0].tls.files.certificate",
        "sites[0].tls.files.key",
        "sites[1].tls.files.certificate",
        "sites[1].tls.files.key",
    ]


def test_what_a_group_of_hosts_shares_is_reported_once(tmp_path: Path) -> None:
    site = tls_site({"files": {"certificate": "missing.pem", "key": LEAF.key_pem}})
    fleet = [host(tmp_path, site, name=f"edge{number}") for number in range(50)]

    with pytest.raises(CertificateError) as caught:
        certs.check(fleet, NOW)

    assert len(caught.value.problems) == 1


def test_no_error_repeats_key_material(tmp_path: Path) -> None:
    secret = "".join(LEAF.key_pem.splitlines()[1:-1])
    damaged = LEAF.key_pem.replace("MIG", "MIX")

    for value in (damaged, secret, LEAF.key_pem.replace("BEGIN PRIVATE", "BEGIN")):
        text = "\n".join(str(problem) for problem in problems(tmp_path, CHAIN, value))
        assert text
        assert not any(line in text for line in LEAF.key_pem.splitlines()[1:-1])


def test_a_site_with_plain_http_has_nothing_to_check(tmp_path: Path) -> None:
    site = tls_site({"self_signed": {}}) | {"tls": None}

    assert certs.check([host(tmp_path, site)], NOW) == ()


def test_a_self_signed_certificate_of_the_operators_own_is_accepted(tmp_path: Path) -> None:
    made = leaf(Wish())

    assert load_pem_x509_certificate(made.pem.encode()).issuer == made.certificate.subject
    assert problems(tmp_path, made.pem, made.key_pem) == ()
