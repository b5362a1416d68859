"""Names, TLS, redirects, headers: what holds for every visitor of a site, and for those of none."""

import ssl
from socket import create_connection
from ssl import TLSVersion

import pytest
from visiting import Lab
from wire import EDGES, ask, tls

every_edge = pytest.mark.parametrize("edge", EDGES)
each_nginx = pytest.mark.parametrize("edge", ["edge1", "edge2"])

KINDS = {
    "static": "/",
    "static 404": "/nothing",
    "php": "/app/",
    "php 404": "/app/uploads/shell.php",
    "tomcat": "/Tomcat/",
    "tomcat 400": "/Tomcat/;/",
    "tomcat 404": "/Tomcat/nothing",
    "proxy": "/api/x",
    "proxy 500": "/api/error",
    "websocket 426": "/wss",
    "redirect": "/old",
    "folder": "/app",
}


@every_edge
@pytest.mark.parametrize("path", ["/", "/app/x/%C3%BC?a=1&b=%20&c=//evil.test"])
def test_plain_http_leads_to_the_same_page_over_https(lab: Lab, edge: str, path: str) -> None:
    answer = lab.get(f"http://abc.test{path}", edge=edge)

    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://abc.test{path}")


@every_edge
def test_the_redirect_to_https_keeps_the_name_that_was_typed(lab: Lab, edge: str) -> None:
    typed = [f"http://{name}/" for name in ("www.abc.test", "api.abc.test")]

    led = [lab.get(url, edge=edge).headers["Location"] for url in typed]

    assert led == ["https://www.abc.test/", "https://api.abc.test/"]


@every_edge
@pytest.mark.parametrize("host", ["zz.test", "127.0.0.1", "_", "abc.test.evil.com", "xabc.test"])
def test_plain_http_for_an_unknown_name_is_hung_up_on(lab: Lab, edge: str, host: str) -> None:
    with create_connection(lab.address(edge, "http"), timeout=20) as connection:
        assert ask(connection, "GET / HTTP/1.1", f"Host: {host}") is None


@every_edge
def test_plain_http_without_a_name_is_hung_up_on(lab: Lab, edge: str) -> None:
    with create_connection(lab.address(edge, "http"), timeout=20) as connection:
        assert ask(connection, "GET / HTTP/1.0") is None


@every_edge
@pytest.mark.parametrize("name", ["zz.test", "abc.test.evil.com", None])
def test_a_handshake_for_an_unknown_name_is_rejected(lab: Lab, edge: str, name: str | None) -> None:
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE

    with (
        create_connection(lab.address(edge), timeout=20) as plain,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        anybody.wrap_socket(plain, server_hostname=name)


@every_edge
def test_a_known_names_connection_gives_nothing_of_an_unknown_name(lab: Lab, edge: str) -> None:
    with tls(lab, edge, name="abc.test") as connection:
        assert ask(connection, "GET / HTTP/1.1", "Host: zz.test") is None


@every_edge
@pytest.mark.parametrize("name", ["abc.test", "www.abc.test", "api.abc.test"])
def test_every_name_has_a_certificate_that_browsers_would_take(lab: Lab, edge: str, name: str) -> None:
    with tls(lab, edge, name=name) as connection:
        certificate = connection.getpeercert()

    assert certificate is not None
    assert ("DNS", name) in certificate["subjectAltName"]


@every_edge
@pytest.mark.parametrize("version", [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3])
def test_tls_of_today_is_spoken(lab: Lab, edge: str, version: TLSVersion) -> None:
    trust = lab.trust()
    trust.minimum_version = trust.maximum_version = version

    with (
        create_connection(lab.address(edge), timeout=20) as plain,
        trust.wrap_socket(plain, server_hostname="abc.test") as connection,
    ):
        assert connection.version() == version.name.replace("_", ".")


@every_edge
@pytest.mark.parametrize("version", [TLSVersion.TLSv1, TLSVersion.TLSv1_1])
def test_tls_of_yesterday_is_refused_by_the_server(lab: Lab, edge: str, version: TLSVersion) -> None:
    old = lab.trust()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version = version
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.maximum_version = version

    with (
        create_connection(lab.address(edge), timeout=20) as plain,
        pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"),
    ):
        old.wrap_socket(plain, server_hostname="abc.test")


@each_nginx
@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(
    lab: Lab, edge: str, cipher: str
) -> None:
    weak = lab.trust()
    weak.maximum_version = TLSVersion.TLSv1_2
    weak.set_ciphers(f"{cipher}:@SECLEVEL=0")

    with (
        create_connection(lab.address(edge), timeout=20) as plain,
        pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"),
    ):
        weak.wrap_socket(plain, server_hostname="abc.test")


@every_edge
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(("h2", "http/1.1"), "h2"), (("http/1.1",), "http/1.1"), ((), None)],
    ids=["browser", "HTTP/1.1", "nothing"],
)
def test_http2_is_spoken_with_those_who_offer_it(
    lab: Lab, edge: str, offered: tuple[str, ...], chosen: str | None
) -> None:
    with tls(lab, edge, alpn=offered) as connection:
        assert connection.selected_alpn_protocol() == chosen


@each_nginx
@pytest.mark.parametrize("path", KINDS.values(), ids=KINDS.keys())
def test_every_answer_has_the_security_headers_once_and_no_version(lab: Lab, edge: str, path: str) -> None:
    answer = lab.get(path, edge=edge, headers={"Origin": "https://app.abc.test"})

    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_list("X-Frame-Options") == ["SAMEORIGIN"]
    assert answer.headers.get_list("Referrer-Policy") == ["strict-origin-when-cross-origin"]
    assert answer.headers["Server"] == "nginx"
    assert "X-Powered-By" not in answer.headers
    if answer.is_error and answer.headers.get("Content-Type") == "text/html":
        assert "nginx/" not in answer.text


@every_edge
def test_the_page_is_served_compressed_and_again_only_when_it_changed(lab: Lab, edge: str) -> None:
    with lab.client(edge) as visitor:
        page = visitor.get("/")
        again = visitor.get("/", headers={"If-None-Match": page.headers["ETag"]})

    assert page.text.startswith("<!doctype html>")
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Content-Encoding"] == "gzip"
    assert again.status_code == 304


@each_nginx
@pytest.mark.parametrize(
    "path",
    [
        "/../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/app/..%2f..%2f..%2fetc/passwd",
        "/app../app/index.php",
        "//etc/passwd",
    ],
)
def test_no_path_leaves_the_folder_of_the_site(lab: Lab, edge: str, path: str) -> None:
    with tls(lab, edge) as connection:
        answer = ask(connection, f"GET {path} HTTP/1.1", "Host: abc.test", "Connection: close")

    assert answer is not None
    assert b"root:" not in answer.body
    assert b"<?php" not in answer.body
    assert answer.status in (400, 404) or b'"script": "index.php"' in answer.body


@every_edge
def test_an_old_path_leads_to_the_new_one(lab: Lab, edge: str) -> None:
    answer = lab.get("/old", edge=edge)

    assert (answer.status_code, answer.headers["Location"]) == (301, "/app/")
    assert lab.get("/older", edge=edge).status_code == 404
