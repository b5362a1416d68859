"""TLS of the nginx role: policies, HSTS, HTTP/3, client certificates, two keys."""

import dataclasses
import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from certs_made import Made, Wish, make
from local_nginx import check, free_port, place, running, write_certificate
from rich_host import FACTS, make_host, render_nginx

from deployer.bundle import Bundle
from deployer.errors import TemplateError
from deployer.facts import Facts

CLIENTS = make("Clients CA", Wish(ca=True))
VISITOR = make("visitor", Wish(issuer=CLIENTS, for_clients=True))
WITH_HTTP3 = dataclasses.replace(FACTS["1.26"], nginx_modules=frozenset({"http_v3"}))


def site(name: str, *, port: int = 443, http: int = 80, tls: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "server_names": [f"{name}.test"],
        "http_port": http,
        "https_port": port,
        "tls": tls if tls and "files" in tls else {"self_signed": {}, **(tls or {})},
        "locations": [
            {"path": "/", "redirect": {"to": "/landed", "status": 302}},
            {"path": "/own", "exact": True, "redirect": {"to": "/x"}, "headers": {"X-Own": "yes"}},
        ],
    }


def render(*sites: dict[str, Any], facts: Facts = FACTS["1.22"], release: int = 8199) -> Bundle:
    return render_nginx(make_host({"nginx_release_port": release, "sites": list(sites)}), facts)


def text(bundle: Bundle, path: str) -> str:
    return bundle.files[f"/etc/nginx/{path}"].content.decode()


@dataclass(frozen=True)
class Served:
    """A running nginx with one port per policy."""

    plain: int
    intermediate: int
    modern: int
    folder: Path

    def shake(self, name: str, port: int, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        try:
            return (context or anybody()).wrap_socket(plain, server_hostname=f"{name}.test")
        except BaseException:
            plain.close()
            raise

    def ask(
        self, name: str, port: int, path: str = "/", *, host: str = "", visitor: Made | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.sock = self.shake(name, port, self._with(visitor))
        connection.request("GET", path, headers={"Host": host or f"{name}.test", "Connection": "close"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def _with(self, visitor: Made | None) -> ssl.SSLContext:
        context = anybody()
        if visitor:
            file = self.folder / "visitor.pem"
            file.write_text(visitor.pem + visitor.key_pem)
            context.load_cert_chain(file)
        return context


def anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tls")
    edge = Served(free_port(), free_port(), free_port(), folder)
    sites = (
        site("plain", port=edge.intermediate, http=edge.plain),
        site("strict", port=edge.modern, http=edge.plain, tls={"policy": "modern", "hsts": "1y"}),
        site(
            "both",
            port=edge.modern,
            http=edge.plain,
            tls={"policy": "modern", "hsts": {"max_age": "2y", "include_subdomains": True}},
        )
        | {"redirect_http": False},
        site("closed", port=edge.intermediate, http=edge.plain, tls={"client_ca": CLIENTS.pem}),
        site("pairs", port=edge.intermediate, http=edge.plain, tls={"files": two_pairs()}),
    )
    bundle = render(*sites, release=free_port())
    configuration = place(bundle, folder, sites=("plain", "strict", "both", "closed", "pairs"))
    write_certificate(folder / "certs" / "pairs+rsa", rsa_bits=2048)
    with running(configuration, port=edge.intermediate):
        yield edge


def two_pairs() -> dict[str, Any]:
    return {"certificate": "ec.pem", "key": "ec.key", "rsa": {"certificate": "rsa.pem", "key": "rsa.key"}}


def only(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = anybody()
    context.minimum_version = context.maximum_version = version
    return context


def test_intermediate_speaks_tls_1_2_and_1_3(served: Served) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with served.shake("plain", served.intermediate, only(version)) as connection:
            assert connection.version() == version.name.replace("_", ".")


@pytest.mark.parametrize("name", ["strict", "both"])
def test_modern_speaks_tls_1_3_alone_on_every_site_of_its_port(served: Served, name: str) -> None:
    with served.shake(name, served.modern) as connection:
        assert connection.version() == "TLSv1.3"
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        served.shake(name, served.modern, only(ssl.TLSVersion.TLSv1_2))


def test_hsts_is_sent_once_from_every_location_and_never_over_plain_http(served: Served) -> None:
    year, two = "max-age=31536000", "max-age=63072000; includeSubDomains"
    for path in ("/", "/own", "/nothing"):
        assert served.ask("strict", served.modern, path).headers.get_all("Strict-Transport-Security") == [
            year
        ]
        assert served.ask("both", served.modern, path).headers.get_all("Strict-Transport-Security") == [two]
    assert served.ask("plain", served.intermediate).headers["Strict-Transport-Security"] is None

    connection = http.client.HTTPConnection("127.0.0.1", served.plain, timeout=10)
    connection.request("GET", "/", headers={"Host": "both.test"})
    over_http = connection.getresponse()
    connection.close()
    assert (over_http.status, over_http.headers["Strict-Transport-Security"]) == (302, None)


def test_only_visitors_with_a_certificate_of_the_client_ca_come_in(served: Served) -> None:
    stranger = make("stranger", Wish(for_clients=True))

    assert served.ask("closed", served.intermediate).status == 400
    assert served.ask("closed", served.intermediate, visitor=stranger).status == 400
    assert served.ask("closed", served.intermediate, visitor=VISITOR).status == 302
    assert served.ask("plain", served.intermediate).status == 302


def test_a_handshake_for_an_open_site_does_not_open_the_closed_one(served: Served) -> None:
    assert served.ask("plain", served.intermediate, host="closed.test").status == 421


@pytest.mark.parametrize(
    ("cipher", "key"), [("ECDHE-ECDSA-AES128-GCM-SHA256", "EC"), ("ECDHE-RSA-AES128-GCM-SHA256", "RSA")]
)
def test_a_client_gets_the_certificate_of_the_kind_it_knows(served: Served, cipher: str, key: str) -> None:
    context = only(ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(cipher)

    with served.shake("pairs", served.intermediate, context) as connection:
        leaf = connection.getpeercert(binary_form=True)

    shown = subprocess.run(
        ["openssl", "x509", "-inform", "der", "-noout", "-text"], input=leaf, capture_output=True, check=True
    ).stdout
    assert (b"id-ecPublicKey" if key == "EC" else b"rsaEncryption") in shown


def test_http3_shares_its_socket_once_per_port_and_says_where_it_is() -> None:
    sites = [site(name) | {"http3": True} for name in ("one", "two")]

    bundle = render(*sites, site("three"), facts=WITH_HTTP3)

    assert text(bundle, "nginx.conf").count("quic reuseport default_server;") == 2  # IPv4 and IPv6
    for name in ("one", "two"):
        said = text(bundle, f"deployer/sites/{name}.conf")
        assert said.count("listen 443 quic;") == 1
        assert said.count('add_header Alt-Svc "h3=\\":443\\"; ma=86400" always;') == 2  # server, and /own
    assert "quic" not in text(bundle, "deployer/sites/three.conf")


def test_http3_is_refused_where_the_hosts_nginx_has_none() -> None:
    with pytest.raises(TemplateError) as caught:
        render(site("one") | {"http3": True})

    problem = caught.value.problem
    assert problem.sentence.startswith("nginx 1.22.1 of this host has no HTTP/3")
    assert problem.path == "sites[0].http3"
    assert str(problem.place).startswith("inventory.yaml:")


def test_a_host_without_http3_is_not_touched_by_it() -> None:
    bundle = render(site("one"), facts=WITH_HTTP3)

    assert "quic" not in text(bundle, "nginx.conf")
    assert "Alt-Svc" not in text(bundle, "deployer/sites/one.conf")


def test_nginx_says_yes_to_all_of_it_together(tmp_path: Path) -> None:
    everything = site(
        "all",
        port=free_port(),
        http=free_port(),
        tls={"policy": "modern", "hsts": "1y", "client_ca": CLIENTS.pem},
    )

    assert check(place(render(everything, release=free_port()), tmp_path, sites=("all",))) == ""
