"""ACME, as far as the controller decides: what is refused, when the host asks its CA, what visitors trust."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from certs_made import NOW, YEAR, Made, Wish, host, make, tls_site
from cryptography import x509
from pydantic import ValidationError
from written_inventory import problems

from deployer import certs
from deployer.applier import AcmeOrder, Orders
from deployer.certs.acme import is_bootstrap
from deployer.deploy.endings import words_of_the_ca
from deployer.errors import CertificateError
from deployer.facts import Facts
from deployer.model.host import Host, HostVariables
from deployer.model.site import LETS_ENCRYPT, LETS_ENCRYPT_STAGING, Acme
from deployer.render import render_bundle
from deployer.roles import load_role

ACME: dict[str, Any] = {"acme": {"email": "ops@abc.com"}}
HOOK = "/etc/letsencrypt/deployer-deploy"
DROP_IN = "/etc/systemd/system/certbot.service.d/deployer.conf"


def issued(*names: str, days: float = 90, spent: float = 1, rsa_bits: int = 0) -> Made:
    """A certificate by some CA for `names`, of which `spent` days are over."""
    begins = NOW - timedelta(days=spent)
    authority = make("Some CA", Wish(ca=True))
    return make(
        names[0],
        Wish(names, authority, begins=begins, ends=begins + timedelta(days=days), rsa_bits=rsa_bits),
    )


def reason(at: Host, live: bytes | str | None, *, asked: str = LETS_ENCRYPT, now: datetime = NOW) -> str:
    pem = live.encode() if isinstance(live, str) else live
    found = certs.to_issue(at, {"abc": pem} if pem else {}, {"abc": asked} if asked else {}, now=now)
    return found[0].reason if found else ""


def bootstrap(at: Host) -> bytes:
    (certificate,) = certs.obtain(at, certs.decide(at, {}, NOW), NOW)
    return certificate.fullchain


def test_a_bare_host_gets_a_bootstrap_certificate_and_asks_the_ca(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(ACME))

    chain = bootstrap(at)

    assert is_bootstrap(x509.load_pem_x509_certificate(chain))
    assert reason(at, None) == reason(at, chain) == "none was issued yet"


def test_whatever_the_host_has_is_never_replaced_by_a_bootstrap_certificate(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(ACME))
    for live in (bootstrap(at), issued("abc.com").pem.encode(), issued("old.com", spent=200).pem.encode()):
        assert not certs.decide(at, {"abc": live}, NOW)[0].needed


@pytest.mark.parametrize(
    ("live", "asked", "expected"),
    [
        (issued("abc.com", spent=1), LETS_ENCRYPT, ""),
        (issued("abc.com", spent=62), LETS_ENCRYPT, ""),
        (issued("abc.com", spent=70), LETS_ENCRYPT, "ends in 20 days"),
        (issued("abc.com", spent=91), LETS_ENCRYPT, "expired"),
        (issued("abc.com", days=6, spent=4), LETS_ENCRYPT, ""),
        (issued("abc.com", days=6, spent=5), LETS_ENCRYPT, "ends in 1 day"),
        (issued("old.com"), LETS_ENCRYPT, "names changed: + abc.com"),
        (issued("abc.com", rsa_bits=2048), LETS_ENCRYPT, "with an ECDSA key"),
        (issued("abc.com"), LETS_ENCRYPT_STAGING, f"instead of the one from {LETS_ENCRYPT_STAGING}"),
        (issued("abc.com"), "", "instead of the one from elsewhere"),
    ],
)
def test_the_ca_is_asked_only_where_the_hosts_own_timer_does_not_help(
    tmp_path: Path, live: Made, asked: str, expected: str
) -> None:
    assert reason(host(tmp_path, tls_site(ACME)), live.pem, asked=asked) == expected


def test_an_rsa_key_is_asked_for_and_kept(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site({"acme": {"email": "ops@abc.com", "key_type": "rsa"}}))

    assert reason(at, issued("abc.com", rsa_bits=2048).pem) == ""
    assert reason(at, issued("abc.com").pem) == "with an RSA key"


def test_sites_of_other_sources_are_not_asked_for(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site({"self_signed": {}}), tls_site(ACME, ["def.com"], "def"))

    assert [issue.name for issue in certs.to_issue(at, {}, {}, now=NOW)] == ["def"]


def test_a_wildcard_is_refused_before_contact(tmp_path: Path) -> None:
    at = host(tmp_path, tls_site(ACME, ["abc.com", "*.abc.com"]))

    with pytest.raises(CertificateError) as caught:
        certs.check([at], NOW)

    (problem,) = caught.value.problems
    assert "ACME over port 80 cannot vouch for *.abc.com" in str(problem)
    assert problem.path == "sites[0].tls.acme"


def test_roots_that_cannot_be_read_are_refused_before_contact(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("not a certificate")
    acme = {"email": "ops@abc.com", "ca_bundle": "missing.pem", "trust": "root.pem"}

    with pytest.raises(CertificateError) as caught:
        certs.check([host(tmp_path, tls_site({"acme": acme}))], NOW)

    assert [problem.path for problem in caught.value.problems] == [
        "sites[0].tls.acme.ca_bundle",
        "sites[0].tls.acme.trust",
    ]


@pytest.mark.parametrize(
    "acme",
    [
        {},
        {"email": "ops"},
        {"email": "ops@abc.com; reboot"},
        {"email": "ops@abc.com", "directory": "http://ca.test/dir"},
        {"email": "ops@abc.com", "directory": "https://ca.test/dir *"},
        {"email": "ops@abc.com", "key_type": "dsa"},
        {"email": "ops@abc.com", "directory": "https://ca.test/dir", "staging": True},
    ],
)
def test_a_value_that_certbot_could_misread_is_refused(acme: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Acme.model_validate(acme)


def test_one_host_has_one_set_of_roots_for_its_directories() -> None:
    own = {"email": "ops@abc.com", "directory": "https://ca.test/dir", "ca_bundle": "ca.pem"}
    sites = [tls_site(ACME), tls_site({"acme": own}, ["def.com"], "def")]

    with pytest.raises(ValidationError, match=r"sites\[0\] and sites\[1\] differ in acme.ca_bundle"):
        HostVariables.model_validate({"sites": sites})


@pytest.mark.usefixtures("in_a_folder")
def test_the_error_of_two_sources_names_all_of_them() -> None:
    (problem,) = problems("""
        all:
          hosts:
            edge1:
              sites:
                - name: abc
                  server_names: abc.com
                  tls: {acme: {email: ops@abc.com}, self_signed: {}}
                  locations: [{path: /, static: {root: /srv/www}}]
    """)

    assert "exactly one of files, local_ca, self_signed, acme; this one has self_signed and acme" in problem


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_visitors_trust_what_the_inventory_says_and_a_bootstrap_certificate_for_what_it_is(
    tmp_path: Path,
) -> None:
    root = make("Root", Wish(ca=True, ends=NOW + 10 * YEAR))
    (tmp_path / "root.pem").write_text(root.pem)
    plain = host(tmp_path, tls_site(ACME))
    private = host(tmp_path, tls_site({"acme": {"email": "ops@abc.com", "trust": "root.pem"}}))
    staging = host(tmp_path, tls_site({"acme": {"email": "ops@abc.com", "staging": True}}))
    first, chain = bootstrap(plain), issued("abc.com").pem + root.pem

    def trusted(at: Host, serving: bytes) -> bytes | None:
        return certs.trust(at, at.sites[0], serving={"abc": serving})

    assert trusted(plain, first) == trusted(private, first) == first
    assert trusted(plain, chain.encode()) is None
    assert trusted(private, chain.encode()) == root.pem.encode()
    assert trusted(staging, chain.encode()) == root.pem.encode()


def rendered(at: Host) -> dict[str, str]:
    bundle = render_bundle(at, [load_role("nginx", [Path(__file__).parents[2] / "roles"])], Facts())
    return {path: file.content.decode() for path, file in bundle.files.items()}


@pytest.mark.parametrize("redirect", [True, False])
def test_challenges_are_answered_in_plain_before_the_redirect(tmp_path: Path, redirect: bool) -> None:
    site = tls_site(ACME) | {"redirect_http": redirect}

    text = rendered(host(tmp_path, site))["/etc/nginx/deployer/sites/abc.conf"]

    assert text.count("location ^~ /.well-known/acme-challenge/ {") == 1
    listening = text[text.index("listen 80;") : text.index("location ^~ /.well-known")]
    assert ("listen 443" in listening) is not redirect


def test_a_host_with_acme_gets_certbot_its_hook_and_its_timer(tmp_path: Path) -> None:
    role = load_role("nginx", [Path(__file__).parents[2] / "roles"])
    bundle = render_bundle(host(tmp_path, tls_site(ACME)), [role], Facts())
    without = render_bundle(host(tmp_path, tls_site({"self_signed": {}})), [role], Facts())

    assert bundle.packages == ("nginx", "certbot")
    assert bundle.files[HOOK].mode == 0o755
    assert bundle.files["/etc/letsencrypt/deployer-sites"].content == b"abc\n"
    assert [service.name for service in bundle.services] == ["nginx", "certbot.timer"]
    assert DROP_IN not in bundle.files
    assert without.packages == ("nginx",)
    assert HOOK not in without.files
    assert [service.name for service in without.services] == ["nginx"]


def test_the_roots_of_a_private_directory_are_a_managed_file_that_the_timer_uses(tmp_path: Path) -> None:
    root = make("Root", Wish(ca=True))
    (tmp_path / "ca.pem").write_text(root.pem)
    acme = {"email": "ops@abc.com", "directory": "https://ca.test/dir", "ca_bundle": "ca.pem"}

    files = rendered(host(tmp_path, tls_site({"acme": acme})))

    assert files["/etc/letsencrypt/deployer-roots.pem"].strip() == root.pem.strip()
    assert "Environment=REQUESTS_CA_BUNDLE=/etc/letsencrypt/deployer-roots.pem" in files[DROP_IN]


def test_an_order_is_one_line_that_a_shell_can_split() -> None:
    order = AcmeOrder("abc", ("abc.com", "www.abc.com"), LETS_ENCRYPT, "ops@abc.com", "ecdsa")
    orders = Orders(who="ops", current="", target="one", picked=True, acme=(order,))

    assert f"\nacme abc {LETS_ENCRYPT} ops@abc.com ecdsa - abc.com www.abc.com\n".encode() in orders.encode(
        b""
    )


def test_the_words_of_the_ca_are_found_in_what_certbot_writes() -> None:
    refused = (
        "Saving debug log to /var/log/letsencrypt/letsencrypt.log",
        "Certbot failed to authenticate some domains (authenticator: webroot).",
        "  Domain: abc.com",
        "  Type:   unauthorized",
        "  Detail: 192.0.2.1: Invalid response from http://abc.com/.well-known/acme-challenge/x: 404",
        "Hint: The Certificate Authority failed to download the temporary challenge files.",
    )
    unreachable = (
        "An unexpected error occurred:",
        "ConnectionError: HTTPSConnectionPool(host='ca'): ('<object>: [Errno 111] Connection refused'))",
        "Ask for help or search for solutions at https://community.letsencrypt.org.",
    )

    assert words_of_the_ca(refused) == (
        "abc.com: 192.0.2.1: Invalid response from http://abc.com/.well-known/acme-challenge/x: 404",
    )
    assert words_of_the_ca(unreachable) == ("the CA cannot be reached: [Errno 111] Connection refused",)
