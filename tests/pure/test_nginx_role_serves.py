"""The nginx role under the real nginx: what visitors and backends of a rendered host get."""

import asyncio
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from backends import app, echo, fpm
from local_nginx import RELEASE, free_port, place, running
from rich_host import FACTS, Ports, make_host, render_nginx, variables
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

SITE = "abc.test"
SOURCE = "<?php echo 'secret source';"


@cache
def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True)
class Talk:
    """One conversation: the handshake's headers as the backend saw them, its echo, what was agreed on."""

    headers: dict[str, str]
    echo: str
    subprotocol: str | None


@dataclass(frozen=True)
class Edge:
    """One running host."""

    ports: Ports

    def ask(self, path: str, *, host: str = SITE, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask the site over TLS; `path` goes out as it is written."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.ports.https, context=_trusting(), timeout=10
        )
        connection.sock = _trusting().wrap_socket(
            socket.create_connection(("127.0.0.1", self.ports.https), timeout=10), server_hostname=host
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"Host": f"{host}:{self.ports.https}", **named})
        answer = connection.getresponse()
        pairs = answer.getheaders()
        response = httpx.Response(answer.status, headers=pairs, content=answer.read())
        connection.close()
        return response

    def plain(self, path: str, *, host: str = SITE) -> httpx.Response:
        """Ask over plain HTTP."""
        url = f"http://127.0.0.1:{self.ports.http}{path}"
        return httpx.get(url, headers={"Host": host}, trust_env=False)

    def talk(self, path: str, origin: str | None = None, subprotocol: str | None = None) -> Talk:
        """Open a WebSocket, say hello, close."""
        return asyncio.run(self._talk(path, origin, subprotocol))

    async def _talk(self, path: str, origin: str | None, subprotocol: str | None) -> Talk:
        client = connect(
            f"wss://{SITE}:{self.ports.https}{path}",
            host="127.0.0.1",
            ssl=_trusting(),
            server_hostname=SITE,
            origin=Origin(origin) if origin else None,
            subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
            proxy=None,
        )
        async with client as connection:
            headers = json.loads(await connection.recv())
            await connection.send("hello")
            return Talk(headers, str(await connection.recv()), connection.subprotocol)

    def refused(self, path: str, origin: str) -> int:
        """The status that a handshake from `origin` gets instead of 101."""
        with pytest.raises(InvalidStatus) as caught:
            self.talk(path, origin)
        return caught.value.response.status_code


def _write_files(folder: Path) -> None:
    files = {
        "app/index.php": SOURCE,
        "app/other.php": SOURCE,
        "app/other.php.bak": SOURCE,
        "app/lib.inc": SOURCE,
        "app/style.css": "body {}",
        "app/.env": "SECRET=1",
        "app/uploads/x.jpg": "picture",
        "app/uploads/shell.php": SOURCE,
        "app/wiki/index.php": SOURCE,
        "app/.well-known/security.txt": "contact",
        "abc/index.html": "home",
        "abc/robots.txt": "robots",
        "abc/.git/HEAD": "ref",
        "abc/left.php": SOURCE,
        "abc/docs/manual.txt": "manual",
        "spa/index.html": "spa",
        "spa/main.js": "js",
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture(scope="module", params=["1.18", "1.22"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    root = tmp_path_factory.mktemp("edge")
    with ExitStack() as stack:
        ports = Ports(
            http=free_port(),
            https=free_port(),
            release=free_port(),
            websocket=f"127.0.0.1:{stack.enter_context(echo())}",
            app=f"127.0.0.1:{stack.enter_context(app())}",
            fpm=f"127.0.0.1:{stack.enter_context(fpm())}",
            files=str(root / "www"),
            resolver_timeout="100ms",
        )
        _write_files(root / "www")
        bundle = render_nginx(make_host(variables(ports)), FACTS[request.param])
        configuration = place(bundle, root, sites=("abc", "app"))
        stack.enter_context(running(configuration, port=ports.https))
        yield Edge(ports)


def seen(response: httpx.Response) -> dict[str, Any]:
    """What the backend said it saw."""
    assert response.status_code == 200, response.text
    return response.json()


def test_the_loopback_endpoint_names_the_running_release(edge: Edge) -> None:
    answer = httpx.get(f"http://127.0.0.1:{edge.ports.release}/deployer-release", trust_env=False)
    assert answer.text == f"{RELEASE}\n"


def test_an_unknown_name_gets_no_site_of_anybody(edge: Edge) -> None:
    with pytest.raises(httpx.TransportError):
        edge.plain("/", host="stranger.test")
    with pytest.raises(ssl.SSLError):
        edge.ask("/", host="stranger.test")


def test_a_handshake_for_a_known_name_does_not_open_the_door_for_another(edge: Edge) -> None:
    with pytest.raises((ConnectionError, ssl.SSLError)):
        edge.ask("/", Host="stranger.test")


def test_plain_http_is_sent_to_https_with_its_path(edge: Edge) -> None:
    answer = edge.plain("/app/x?y=1")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://{SITE}:{edge.ports.https}/app/x?y=1"


def test_a_websocket_echoes_and_agrees_on_a_subprotocol(edge: Edge) -> None:
    talk = edge.talk("/wss", f"https://{SITE}:{edge.ports.https}", "chat")
    assert (talk.echo, talk.subprotocol) == ("hello", "chat")


def test_the_websocket_backend_learns_who_asks_for_what(edge: Edge) -> None:
    headers = edge.talk("/wss/room").headers
    assert headers["host"] == f"{SITE}:{edge.ports.https}"
    assert headers["x-real-ip"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] == str(edge.ports.https)


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "null", "https://app.abc.test.evil.test", "http://app.abc.test"]
)
def test_a_foreign_origin_does_not_reach_the_websocket(edge: Edge, origin: str) -> None:
    assert edge.refused("/wss", origin) == 403
    assert edge.refused("/wss/room", origin) == 403


def test_a_listed_origin_opens_the_websocket(edge: Edge) -> None:
    assert edge.talk("/wss", "https://app.abc.test").echo == "hello"


def test_plain_http_on_a_websocket_is_asked_to_upgrade(edge: Edge) -> None:
    answer = edge.ask("/wss")
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"


def test_a_path_that_only_begins_alike_is_not_the_websocket(edge: Edge) -> None:
    assert edge.ask("/wssfoo").status_code == 404


def test_a_path_is_run_by_php_and_told_where_it_is(edge: Edge) -> None:
    said = seen(edge.ask("/app/other.php?a=1", Proxy="http://evil.test", X_Forwarded_For="6.6.6.6"))
    assert said["SCRIPT_FILENAME"] == f"{edge.ports.files}/app/other.php"
    assert said["SCRIPT_NAME"] == "/app/other.php"
    assert said["QUERY_STRING"] == "a=1"
    assert said["HTTPS"] == "on"
    assert said["HTTP_HOST"] == f"{SITE}:{edge.ports.https}"
    assert "HTTP_PROXY" not in said
    assert said["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/app/", "/app/no/such/page?q=1", "/app/index.php"])
def test_the_front_controller_answers_what_is_not_a_file(edge: Edge, path: str) -> None:
    said = seen(edge.ask(path))
    assert said["SCRIPT_FILENAME"] == f"{edge.ports.files}/app/index.php"
    assert said["SCRIPT_NAME"] == "/app/index.php"
    assert said["REQUEST_URI"] == path
    assert said["QUERY_STRING"] == path.partition("?")[2]
    assert said["PATH_INFO"] == ""


def test_the_front_controller_has_a_path_behind_it(edge: Edge) -> None:
    said = seen(edge.ask("/app/index.php/blog/1.php"))
    assert said["SCRIPT_FILENAME"] == f"{edge.ports.files}/app/index.php"
    assert said["PATH_INFO"] == "/blog/1.php"


def test_a_folder_answers_with_its_index_script(edge: Edge) -> None:
    assert seen(edge.ask("/app/wiki/"))["SCRIPT_NAME"] == "/app/wiki/index.php"


def test_files_beside_the_scripts_are_served(edge: Edge) -> None:
    assert edge.ask("/app/style.css").text == "body {}"
    assert edge.ask("/app/uploads/x.jpg").text == "picture"
    assert edge.ask("/app/.well-known/security.txt").text == "contact"


@pytest.mark.parametrize(
    "path",
    [
        "/app/uploads/shell.php",
        "/app/uploads/x.jpg/y.php",
        "/app/uploads/%73hell.php",
        "/app/uploads/shell.php/",
        "/app/UPLOADS/shell.php",
        "/app/.env",
        "/app/lib.inc",
        "/app/other.php.bak",
        "/app/other.php/extra",
        "/app/other.php%0a",
        "/app/other.PHP",
        "/app/../app/.env",
        "/app/%2e%65nv",
        "/left.php",
        "/.git/HEAD",
        "/files/left.php",
        "/files/.git/HEAD",
    ],
)
def test_no_upload_runs_and_no_source_shows(edge: Edge, path: str) -> None:
    host = "php.test" if path.startswith("/files") else SITE
    answer = edge.ask(path, host=host)
    assert answer.status_code == 404
    assert "secret" not in answer.text.lower()


def test_php_elsewhere_needs_no_file_here_to_be_asked(edge: Edge) -> None:
    # php.internal is not in any DNS: nginx started all the same, and says what is missing when asked.
    assert edge.ask("/far/").status_code == 502
    assert edge.ask("/far/other.php").status_code == 404


def test_a_script_at_the_root_of_a_site_runs(edge: Edge) -> None:
    said = seen(edge.ask("/other.php", host="php.test"))
    assert said["SCRIPT_FILENAME"] == f"{edge.ports.files}/app/other.php"
    assert said["SCRIPT_NAME"] == "/other.php"


def test_a_folder_without_its_slash_is_redirected_to_itself(edge: Edge) -> None:
    answer = edge.ask("/Tomcat?x=1", method="POST")
    assert (answer.status_code, answer.headers["location"]) == (308, "/Tomcat/?x=1")


def test_tomcat_is_told_scheme_and_port_and_nothing_that_a_client_made_up(edge: Edge) -> None:
    said = seen(edge.ask("/Tomcat/page", X_Forwarded_Proto="http", Forwarded="for=6.6.6.6"))["headers"]
    assert said["x-forwarded-proto"] == "https"
    assert said["x-forwarded-port"] == str(edge.ports.https)
    assert said["x-forwarded-for"] == "127.0.0.1"
    assert "forwarded" not in said
    assert "connection" not in said


@pytest.mark.parametrize(
    "path",
    ["/Tomcat/..;/manager/", "/Tomcat/..%3b/manager/", "/Tomcat/%5c../", "/Tomcat/a;b=1/", "/shop/..;/"],
)
def test_no_path_leaves_the_java_application(edge: Edge, path: str) -> None:
    assert edge.ask(path).status_code == 400


def test_a_semicolon_in_the_query_is_harmless(edge: Edge) -> None:
    assert seen(edge.ask("/Tomcat/?a=;b"))["path"] == "/Tomcat/?a=;b"


def test_another_context_is_mapped_both_ways(edge: Edge) -> None:
    assert seen(edge.ask("/shop/a%20b/c?d=1"))["path"] == "/app/a%20b/c?d=1"
    answer = edge.ask("/shop/?header=Location:/app/login&header=Set-Cookie:s=1;%20Path=/app;%20HttpOnly")
    assert answer.headers["location"] == "/shop/login"
    assert answer.headers["set-cookie"].startswith("s=1; Path=/shop;")


def test_a_backend_that_redirects_to_plain_http_stays_on_the_site(edge: Edge) -> None:
    own = f"http://{SITE}:{edge.ports.https}/Tomcat/x"
    assert edge.ask(f"/Tomcat/?header=Location:{own}").headers["location"] == "/Tomcat/x"


def test_an_upstream_path_replaces_the_public_one(edge: Edge) -> None:
    assert seen(edge.ask("/api/users/1?x=2"))["path"] == "/v1/users/1?x=2"


def test_a_path_matches_itself_and_whole_segments_below(edge: Edge) -> None:
    assert seen(edge.ask("/open"))["path"] == "/open"
    assert seen(edge.ask("/open/x"))["path"] == "/open/x"
    assert edge.ask("/openx").status_code == 404


def test_a_regular_expression_passes_the_path_as_it_is(edge: Edge) -> None:
    assert seen(edge.ask("/v12/x"))["path"] == "/v12/x"


def test_a_preflight_is_answered_without_the_backend(edge: Edge) -> None:
    answer = edge.ask(
        "/api/x",
        method="OPTIONS",
        Origin="https://app.abc.test",
        Access_Control_Request_Method="PUT",
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.abc.test"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-max-age"] == "600"
    assert answer.headers["vary"] == "Origin"


def test_cors_headers_are_said_once_and_on_errors_too(edge: Edge) -> None:
    theirs = "header=Access-Control-Allow-Origin:*&header=Vary:Origin&status=500"
    answer = edge.ask(f"/api/?{theirs}", Origin="https://app.abc.test")
    assert answer.status_code == 500
    assert answer.headers.get_list("access-control-allow-origin") == ["https://app.abc.test"]
    assert answer.headers.get_list("access-control-expose-headers") == ["X-Total"]
    assert answer.headers.get_list("vary") == ["Origin"]


@pytest.mark.parametrize("origin", ["https://evil.test", "https://app.abc.test.evil.test", "null"])
def test_another_origin_is_never_reflected(edge: Edge, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = edge.ask("/api/", method=method, Origin=origin, Access_Control_Request_Method="GET")
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "Origin"


def test_everybody_is_a_star_and_nothing_more(edge: Edge) -> None:
    answer = edge.ask("/open", Origin="https://evil.test")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_security_headers_are_on_every_answer(edge: Edge) -> None:
    for path in ("/", "/api/", "/wss", "/no/such", "/app/", "/open"):
        headers = edge.ask(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["strict-transport-security"] == "max-age=63072000", path
        assert "x-frame-options" not in headers, path


def test_a_default_header_gives_way_to_the_application(edge: Edge) -> None:
    answer = edge.plain("/?header=X-Frame-Options:DENY", host="a.plain.test")
    assert answer.headers.get_list("x-frame-options") == ["DENY"]
    assert edge.plain("/", host="a.plain.test").headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize("kind", [{"static": {"root": "/srv"}}, {"proxy": {"upstream": "127.0.0.1:9"}}])
def test_a_default_header_may_have_quotes_in_front_of_files_and_of_applications(
    tmp_path: Path, kind: dict[str, Any]
) -> None:
    port, value = free_port(), 'geolocation=(self "https://maps.test")'
    values = {
        "nginx_release_port": free_port(),
        "nginx_security_headers": {"Permissions-Policy": value},
        "sites": [
            {
                "name": "abc",
                "server_names": ["abc.test"],
                "http_port": port,
                "locations": [{"path": "/", **kind}],
            }
        ],
    }
    configuration = place(render_nginx(make_host(values), FACTS["1.22"]), tmp_path, sites=())

    with running(configuration, port=port):
        answer = httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": "abc.test"}, trust_env=False)

    assert answer.headers["permissions-policy"] == value


def test_a_location_s_header_replaces_the_backend_s(edge: Edge) -> None:
    answer = edge.ask("/api/?header=Cache-Control:public")
    assert answer.headers.get_list("cache-control") == ["no-store"]


def test_only_allowed_networks_come_in(edge: Edge) -> None:
    assert edge.ask("/internal").status_code == 403
    assert edge.ask("/internal/x").status_code == 403


def test_too_many_requests_get_429(edge: Edge) -> None:
    statuses = [edge.ask("/login").status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/old", "/new/"),
        ("/old?a=1", "/new/?a=1"),
        ("/old/x/y%20z?a=1", "/new/x/y%20z?a=1"),
        ("/old//evil.test/", "/new/evil.test/"),
        ("/old/%0d%0aX-Injected:1", "/new/%0d%0aX-Injected:1"),
    ],
)
def test_a_redirect_keeps_the_path_and_stays_on_the_site(edge: Edge, path: str, location: str) -> None:
    answer = edge.ask(path)
    assert (answer.status_code, answer.headers["location"]) == (308, location)


def test_a_single_page_app_answers_every_path_that_is_not_a_file(edge: Edge) -> None:
    assert edge.ask("/spa/main.js").headers["cache-control"] == "max-age=3600"
    deep = edge.ask("/spa/deep/link")
    assert deep.text == "spa"
    assert "cache-control" not in deep.headers


def test_an_exact_path_is_the_file_of_that_name(edge: Edge) -> None:
    assert edge.ask("/robots.txt").text == "robots"


def test_a_folder_is_listed_where_the_inventory_says_so(edge: Edge) -> None:
    assert "manual.txt" in edge.ask("/files/docs/", host="php.test").text


def test_a_backend_whose_name_dns_does_not_know_costs_only_its_own_location(edge: Edge) -> None:
    assert edge.ask("/names/").status_code == 502
    assert edge.ask("/").text == "home"


def test_raw_directives_stand_beside_ours(edge: Edge) -> None:
    answer = edge.ask("/")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert edge.ask("/robots.txt").headers.get("x-raw") is None
    assert answer.headers["x-raw"] == "yes"
