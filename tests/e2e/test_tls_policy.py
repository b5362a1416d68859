"""TLS as outside judges and old clients find it: policies, HSTS, HTTP/3, visitors with certificates."""

import base64
import hashlib
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from operating import Desk, Typed, as_the_lab_is
from playwright.sync_api import sync_playwright
from sockets import WebSocket, echoed
from visiting import CHECKOUT, Lab
from wire import Answer, ask

EDGES = {"bookworm": "edge3", "trixie": "edge2"}
every_release = pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES.keys())

PORTS = {"abc.test": 443, "modern.abc.test": 8443, "slow.abc.test": 8444, "closed.abc.test": 443}
SITES = """
          - name: modern
            server_names: modern.abc.test
            https_port: 8443
            http3: "{{ inventory_hostname == 'edge2' }}"
            tls: {local_ca: {directory: ../.lab/ca}, policy: modern, hsts: 2y}
            locations:
              - {path: /wss, websocket: {upstream: "{{ lab_echo }}"}, probe: echo}
              - {path: /, static: {root: /srv/www/abc}}
          - name: slow
            server_names: slow.abc.test
            https_port: 8444
            http2: false
            tls: {local_ca: {directory: ../.lab/ca}}
            locations: [{path: /wss, websocket: {upstream: "{{ lab_echo }}"}, probe: echo}]
          - name: closed
            server_names: closed.abc.test
            tls: {local_ca: {directory: ../.lab/ca}, client_ca: clients.pem}
            locations:
              - {path: /wss, websocket: {upstream: "{{ lab_echo }}"}, probe: echo}
              - {path: /, static: {root: /srv/www/abc}}
"""
END = "                probe: {path: /api/}\n"

# What testssl.sh says above LOW of a site that keeps to the guideline: docs/certificates.md says why.
EXPLAINED = {"cipher_order", "cert_revocation", "BREACH"}
ABOVE_LOW = {"MEDIUM", "HIGH", "CRITICAL"}


@dataclass(frozen=True)
class Judged:
    """The lab's hosts with one site per policy, and a visitor who has a certificate."""

    lab: Lab
    desk: Desk
    applied: Typed
    visitor: Path

    def address(self, edge: str) -> str:
        member = self.lab.status.member(edge)
        assert member is not None
        return member.address

    def tls(self, edge: str, name: str, trust: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = create_connection((self.address(edge), PORTS.get(name, 443)), timeout=20)
        try:
            return (trust or self.lab.trust()).wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def get(self, edge: str, name: str, trust: ssl.SSLContext | None = None) -> Answer:
        with self.tls(edge, name, trust) as connection:
            answer = ask(connection, "GET / HTTP/1.1", f"Host: {name}", "Connection: close")
        assert answer is not None
        return answer


@pytest.fixture(scope="module")
def judged(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder = tmp_path_factory.mktemp("policies")
    desk = Desk.of_the_lab(folder)
    text = desk.inventory.read_text()
    assert text.endswith(END)
    desk.inventory.write_text(text + SITES)
    visitor = folder / "visitor.pem"
    _write_clients(desk.folder / "clients.pem", visitor)
    applied = desk.type("apply", "--limit", ",".join(EDGES.values()), "--json")
    yield Judged(lab, desk, applied, visitor)
    as_the_lab_is(*EDGES.values())


def _write_clients(authority: Path, visitor: Path) -> None:
    """Make a CA, and a certificate of it with its key."""
    script = """
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Clients' \
            -keyout ca.key -out ca.pem -addext basicConstraints=critical,CA:TRUE
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=visitor' \
            -keyout v.key -out v.csr
        openssl x509 -req -in v.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out v.pem
    """
    folder = visitor.parent / "clients"
    folder.mkdir()
    subprocess.run(["sh", "-ec", script], cwd=folder, capture_output=True, check=True)
    shutil.copy(folder / "ca.pem", authority)
    visitor.write_text((folder / "v.pem").read_text() + (folder / "v.key").read_text())


def only(lab: Lab, version: ssl.TLSVersion) -> ssl.SSLContext:
    trust = lab.trust()
    trust.minimum_version = trust.maximum_version = version
    return trust


@every_release
@pytest.mark.parametrize("policy", ["intermediate", "modern"])
def test_sslyze_finds_that_the_policy_is_mozillas(
    judged: Judged, tmp_path: Path, edge: str, policy: str
) -> None:
    name = "modern.abc.test" if policy == "modern" else "abc.test"
    sslyze = CHECKOUT / ".lab/judges/bin/sslyze"
    assert sslyze.exists(), "sslyze is not here\n  next: sh lab/setup test"
    report = tmp_path / "sslyze.json"
    target = f"{name}:{PORTS[name]}{{{judged.address(edge)}}}"
    options = [f"--certinfo_ca_file={judged.lab.status.ca}", "--mozilla_config", policy]

    ended = subprocess.run(
        [sslyze, *options, "--json_out", report, target],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    (server,) = json.loads(report.read_text())["server_scan_results"]
    assert server["scan_status"] == "COMPLETED", ended.stdout
    assert (ended.returncode, "OK - Compliant" in ended.stdout) == (0, True), ended.stdout


def test_testssl_finds_nothing_above_low_that_is_not_explained(judged: Judged, tmp_path: Path) -> None:
    assert shutil.which("testssl"), "testssl is not here\n  next: sh lab/setup test"
    names = ("abc.test", "modern.abc.test")
    running = {
        (edge, name): _testssl(judged, tmp_path / f"{edge}-{name}.json", edge=edge, name=name)
        for edge in EDGES.values()
        for name in names
    }
    for process in running.values():
        process.communicate(timeout=1200)

    page = (CHECKOUT / "docs/certificates.md").read_text()
    assert {name for name in EXPLAINED if f"`{name}`" in page} == EXPLAINED
    for edge, name in running:
        findings = json.loads((tmp_path / f"{edge}-{name}.json").read_text())
        assert len(findings) > 60, f"testssl did not finish with {name} on {edge}"
        above = {
            each["id"].split(" ")[0]: each["finding"] for each in findings if each["severity"] in ABOVE_LOW
        }
        assert {key: said for key, said in above.items() if key not in EXPLAINED} == {}, (edge, name)


def _testssl(judged: Judged, report: Path, *, edge: str, name: str) -> "subprocess.Popen[bytes]":
    options = ["--quiet", "--color", "0", "--warnings", "batch", "--ip", judged.address(edge)]
    return subprocess.Popen(
        [
            "testssl",
            *options,
            "--add-ca",
            judged.lab.status.ca,
            "--jsonfile",
            report,
            f"https://{name}:{PORTS[name]}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@every_release
@pytest.mark.parametrize("name", ["abc.test", "modern.abc.test"])
def test_a_hello_of_tls_1_1_is_refused(judged: Judged, edge: str, name: str) -> None:
    old = judged.lab.trust()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"):
        judged.tls(edge, name, old)


@every_release
def test_tls_1_2_is_spoken_under_intermediate_and_not_under_modern(judged: Judged, edge: str) -> None:
    old = only(judged.lab, ssl.TLSVersion.TLSv1_2)

    with judged.tls(edge, "abc.test", old) as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        judged.tls(edge, "modern.abc.test", old)
    with judged.tls(edge, "modern.abc.test") as connection:
        assert connection.version() == "TLSv1.3"


@every_release
@pytest.mark.parametrize("name", ["zz.test", None])
def test_an_unknown_name_gets_no_certificate(judged: Judged, edge: str, name: str | None) -> None:
    target = f"{judged.address(edge)}:443"
    sni = ["-servername", name] if name else ["-noservername"]

    shown = subprocess.run(
        ["openssl", "s_client", "-connect", target, *sni, "-showcerts"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert "BEGIN CERTIFICATE" not in shown.stdout
    assert "no peer certificate available" in shown.stdout


@every_release
def test_browsers_are_told_to_insist_on_https_where_the_site_says_so(judged: Judged, edge: str) -> None:
    assert judged.get(edge, "modern.abc.test").headers["Strict-Transport-Security"] == "max-age=63072000"
    assert "Strict-Transport-Security" not in judged.get(edge, "abc.test").headers


@every_release
def test_only_a_visitor_with_a_certificate_comes_into_the_closed_site(judged: Judged, edge: str) -> None:
    invited = judged.lab.trust()
    invited.load_cert_chain(judged.visitor)

    assert judged.get(edge, "closed.abc.test").status == 400
    assert judged.get(edge, "closed.abc.test", invited).status == 200


@every_release
def test_the_probes_say_that_the_closed_site_asks_for_a_certificate(judged: Judged, edge: str) -> None:
    asked = [each for each in judged.applied.hosts[edge]["probes"] if each["site"] == "closed"]
    by_kind = {each["kind"]: each for each in asked}

    assert {each["verdict"] for each in asked} == {"passed"}
    for kind in ("static", "websocket"):
        assert by_kind[kind]["said"].startswith("400, asks for a client certificate")


@every_release
@pytest.mark.parametrize(("name", "chosen"), [("modern.abc.test", "h2"), ("slow.abc.test", "http/1.1")])
def test_a_websocket_echoes_on_sites_with_and_without_http2(
    judged: Judged, edge: str, name: str, chosen: str
) -> None:
    browser = judged.lab.trust()
    browser.set_alpn_protocols(["h2", "http/1.1"])
    with judged.tls(edge, name, browser) as for_pages:
        assert for_pages.selected_alpn_protocol() == chosen

    for_socket = judged.lab.trust()
    for_socket.set_alpn_protocols(["http/1.1"])
    with WebSocket(
        f"wss://{name}/wss", host=judged.address(edge), port=PORTS[name], ssl=for_socket
    ) as opened:
        assert echoed(opened, "hello") == "hello"


def test_http3_is_offered_and_listened_for_where_nginx_has_it(judged: Judged) -> None:
    listening = judged.lab.container("edge2").check_output("ss -Hlun")

    assert ":8443" in listening
    assert judged.get("edge2", "modern.abc.test").headers["Alt-Svc"] == 'h3=":8443"; ma=86400'
    assert "Alt-Svc" not in judged.get("edge3", "modern.abc.test").headers


def test_a_browser_gets_the_page_over_http3(judged: Judged) -> None:
    with judged.tls("edge2", "modern.abc.test") as connection:
        leaf = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    options = [
        "--no-sandbox",
        "--origin-to-force-quic-on=modern.abc.test:8443",
        f"--host-resolver-rules=MAP modern.abc.test {judged.address('edge2')}",
        # The lab's CA is in no store of the browser's.
        f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(key).digest()).decode()}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=options, timeout=90_000
        )
        page = browser.new_page()
        answer = page.goto("https://modern.abc.test:8443/", timeout=60_000)
        protocol = page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        browser.close()

    assert answer is not None
    assert (answer.status, protocol) == (200, "h3")


def test_http3_is_refused_with_the_hosts_version_where_nginx_has_it_not(
    judged: Judged, tmp_path: Path
) -> None:
    desk = Desk.of_the_lab(tmp_path)
    desk.edit(
        "            server_names: [api.abc.test]\n",
        "            server_names: [api.abc.test]\n            http3: true\n",
    )

    refused = desk.type("plan", "--limit", "edge3", expect_exit=None)

    assert refused.exit_code not in (0, 1)
    assert "nginx 1.22.1 of this host has no HTTP/3" in refused.stdout + refused.stderr


def test_a_second_apply_changes_nothing(judged: Judged) -> None:
    again = judged.desk.type("apply", "--limit", ",".join(EDGES.values()), "--json")

    assert {host["state"] for host in again.hosts.values()} == {"unchanged"}
