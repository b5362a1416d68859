"""What a site says of TLS beside its certificate, and what comes of it."""

from pathlib import Path

import pytest
from certs_made import NOW, Wish, host, make, tls_site
from written_inventory import load, problems

from deployer import certs
from deployer.applier.events import Event
from deployer.applier.observe import read_facts
from deployer.outcome import Verdict
from deployer.probes.answer import Seen
from deployer.probes.clients import judge_refusal


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def site(rest: str, name: str = "abc") -> str:
    locations = "[{path: /, static: {root: /srv}}]"
    return f"{{name: {name}, server_names: {name}.com, locations: {locations}, {rest}}}"


def inventory_of(*sites: str) -> str:
    lines = "".join(f"      - {each}\n" for each in sites)
    return f"all:\n  hosts:\n    edge1:\n  vars:\n    sites:\n{lines}"


def test_two_policies_on_one_port_are_told_with_both_sites() -> None:
    (said,) = problems(
        inventory_of(
            site("tls: {self_signed: {}}", "one"), site("tls: {self_signed: {}, policy: modern}", "two")
        )
    )

    assert said.startswith("inventory.yaml:7:")
    assert (
        "sites[1].tls.policy: sites[0].tls has the policy intermediate on port 443, this one modern" in said
    )
    assert "another https_port" in said


def test_two_policies_on_two_ports_are_fine() -> None:
    loaded = load(
        inventory_of(
            site("tls: {self_signed: {}}", "one"),
            site("tls: {self_signed: {}, policy: modern}, https_port: 8443", "two"),
        )
    )

    assert [each.tls.policy for each in loaded.hosts[0].sites if each.tls] == ["intermediate", "modern"]


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("tls: {self_signed: {}, policy: old}", "tls.policy: 'old' is not one of modern, intermediate"),
        ("tls: {self_signed: {}, hsts: true}", "tls.hsts: say for how long, such as hsts: 1y"),
        ("tls: {self_signed: {}, hsts: soon}", "tls.hsts: 'soon' does not fit"),
        ("tls: {self_signed: {}, hsts: {max_age: 1y, preload: true}}", "tls.hsts.preload: no such key"),
        ("http3: true", "http3 needs tls"),
        (
            "tls: {self_signed: {}, client_ca: ca.pem}, redirect_http: false",
            "client_ca needs redirect_http: over plain HTTP nobody is asked for a certificate",
        ),
        (
            "tls: {self_signed: {}, hsts: 1y}, headers: {strict-transport-security: max-age=1}",
            "Strict-Transport-Security is in headers and in tls.hsts",
        ),
    ],
)
def test_a_mistake_is_told_in_words(rest: str, said: str) -> None:
    (problem,) = problems(inventory_of(site(rest)))

    assert said in problem


@pytest.mark.parametrize(
    ("hsts", "header"),
    [
        ("false", ""),
        ("1y", "max-age=31536000"),
        ("300", "max-age=300"),
        ("0s", "max-age=0"),
        ("{max_age: 2y, include_subdomains: true}", "max-age=63072000; includeSubDomains"),
    ],
)
def test_hsts_is_off_or_says_for_how_long(hsts: str, header: str) -> None:
    (only,) = load(inventory_of(site(f"tls: {{self_signed: {{}}, hsts: {hsts}}}"))).hosts[0].sites

    assert only.tls is not None
    assert only.tls.hsts_header == header


def test_a_second_pair_is_a_certificate_of_its_own(tmp_path: Path) -> None:
    first, second = (make("abc.com", Wish(names=("abc.com",), rsa_bits=bits)) for bits in (0, 2048))
    pairs = {
        "certificate": first.pem,
        "key": first.key_pem,
        "rsa": {"certificate": second.pem, "key": second.key_pem},
    }
    edge = host(tmp_path, tls_site({"files": pairs}))

    decisions = certs.decide(edge, {"abc": first.pem.encode()}, NOW)
    (obtained,) = certs.obtain(edge, decisions, NOW)

    assert [(each.name, each.needed) for each in decisions] == [("abc", False), ("abc+rsa", True)]
    assert (obtained.name, obtained.fullchain.decode()) == ("abc+rsa", second.pem)
    assert certs.trust(edge, edge.sites[0], serving={}) == (first.pem + second.pem).encode()


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (400, Verdict.PASSED, "400, asks for a client certificate, in 3 ms"),
        (200, Verdict.FAILED, "200 OK, although the visitor has no client certificate"),
        (502, Verdict.FAILED, "502 Bad Gateway, although the visitor has no client certificate"),
    ],
)
def test_a_closed_site_has_to_turn_the_probe_away(status: int, verdict: Verdict, words: str) -> None:
    answer = judge_refusal(Seen(status, (), b"", 0.003))

    assert (answer.verdict, answer.said) == (verdict, words)


@pytest.mark.parametrize(("codename", "has"), [("bookworm", False), ("trixie", True)])
def test_a_bare_host_is_expected_to_have_http3_where_its_package_does(codename: str, has: bool) -> None:
    facts = read_facts([Event("fact", ("os_codename", codename))])

    assert ("http_v3" in facts.nginx_modules) is has
