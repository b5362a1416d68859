"""The API behind two servers, asked by programs and by scripts of other origins."""

import pytest
from httpx import Headers
from visiting import Lab
from wire import EDGES, ask, tls

every_edge = pytest.mark.parametrize("edge", EDGES)
each_nginx = pytest.mark.parametrize("edge", ["edge1", "edge2"])

APP = "https://app.abc.test"
PREFLIGHT = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization, content-type",
}
# No browser knows it, and no inventory lists it.
STRANGERS = (
    "https://evil.test",
    "https://app.abc.test.evil.com",
    "https://evilapp.abc.test",
    "http://app.abc.test",
    "https://app.abc.test:444",
    "null",
)


def allowed(headers: Headers) -> list[str]:
    """Every Access-Control-Allow-Origin of an answer: two are as bad as a wrong one."""
    return headers.get_list("Access-Control-Allow-Origin")


def vary(headers: Headers) -> list[str]:
    return [name.strip().lower() for name in headers.get("Vary", "").split(",")]


@every_edge
def test_both_servers_answer_in_turn(lab: Lab, edge: str) -> None:
    with lab.client(edge) as visitor:
        servers = [visitor.get("/api/who").json()["server"] for _ in range(6)]

    assert {servers.count("api1"), servers.count("api2")} == {3}


@every_edge
def test_the_request_reaches_the_api_as_it_was_sent(lab: Lab, edge: str) -> None:
    with lab.client(edge) as visitor:
        lies = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "Proxy": "evil.test:80"}
        seen = visitor.put("/api/a%2Fb/%C3%BC?x=%26&y=1", content=b"text", headers=lies).json()

    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/api/a%2Fb/%C3%BC?x=%26&y=1", "text")
    assert (seen["headers"]["Host"], seen["headers"]["X-Forwarded-Proto"]) == ("abc.test", "https")
    assert seen["headers"]["X-Forwarded-For"] == seen["headers"]["X-Real-IP"]
    assert "6.6.6.6" not in str(seen)
    assert not {"Proxy", "Forwarded", "Connection"} & set(seen["headers"])


@every_edge
def test_an_allowed_origin_is_allowed_once_though_the_api_allows_everybody(lab: Lab, edge: str) -> None:
    answer = lab.get("/api/x", edge=edge, headers={"Origin": APP})

    assert allowed(answer.headers) == [APP]
    assert "origin" in vary(answer.headers)
    assert "Access-Control-Allow-Credentials" not in answer.headers


@each_nginx
@pytest.mark.parametrize("origin", STRANGERS)
def test_a_strange_origin_is_never_allowed(lab: Lab, edge: str, origin: str) -> None:
    with lab.client(edge) as visitor:
        plain = visitor.get("/api/x", headers={"Origin": origin})
        preflight = visitor.options("/api/x", headers={"Origin": origin, **PREFLIGHT})

    for answer in (plain, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control-allow")]
        assert "origin" in vary(answer.headers)


@every_edge
def test_a_program_without_origin_gets_no_cors(lab: Lab, edge: str) -> None:
    answer = lab.get("/api/x", edge=edge)

    assert answer.status_code == 200
    assert allowed(answer.headers) == []
    # A cache may hold this answer when a script asks next.
    assert "origin" in vary(answer.headers)


@every_edge
def test_a_preflight_is_answered_without_asking_the_api(lab: Lab, edge: str) -> None:
    with lab.client(edge) as visitor:
        answer = visitor.options("/api/x", headers={"Origin": APP, **PREFLIGHT})

    assert (answer.status_code, answer.content) == (204, b"")
    assert "X-Served-By" not in answer.headers
    assert allowed(answer.headers) == [APP]
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"authorization", "content-type"} == set(
        answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    )
    assert answer.headers["Access-Control-Max-Age"] == "600"


@every_edge
def test_options_that_are_no_preflight_are_the_apis_own_affair(lab: Lab, edge: str) -> None:
    with lab.client(edge) as visitor:
        from_script = visitor.options("/api/x", headers={"Origin": APP})
        from_program = visitor.options("/api/x", headers=PREFLIGHT)

    assert from_script.json()["method"] == from_program.json()["method"] == "OPTIONS"
    assert (allowed(from_script.headers), allowed(from_program.headers)) == ([APP], [])


@every_edge
def test_scripts_may_read_errors_too(lab: Lab, edge: str) -> None:
    with lab.client(edge) as visitor:
        of_api = visitor.get("/api/error", headers={"Origin": APP})
        of_nginx = visitor.post("/api/x", headers={"Origin": APP}, content=b"x" * 2_000_000)

    assert (of_api.status_code, of_nginx.status_code) == (500, 413)
    assert allowed(of_api.headers) == allowed(of_nginx.headers) == [APP]


@every_edge
@pytest.mark.parametrize("port", ["", ":{port}"], ids=["usual port", "published port"])
def test_a_page_of_the_site_may_ask_the_other_name_with_cookies(lab: Lab, edge: str, port: str) -> None:
    origin = "https://abc.test" + port.format(port=lab.address(edge).port)
    with lab.client(edge) as visitor:
        preflight = visitor.options("https://api.abc.test/api/x", headers={"Origin": origin, **PREFLIGHT})
        answer = visitor.put("https://api.abc.test/api/x", headers={"Origin": origin, "Cookie": "a=b"})

    assert preflight.status_code == 204
    for given in (preflight, answer):
        assert allowed(given.headers) == [origin]
        assert given.headers.get_list("Access-Control-Allow-Credentials") == ["true"]
    assert answer.json()["headers"]["Cookie"] == "a=b"


@every_edge
def test_the_other_name_gives_strangers_neither_answer_nor_cookies(lab: Lab, edge: str) -> None:
    answer = lab.get("https://api.abc.test/api/x", edge=edge, headers={"Origin": APP})

    assert not [name for name in answer.headers if name.startswith("access-control-allow")]


@every_edge
def test_a_websocket_is_not_smuggled_through_a_plain_location(lab: Lab, edge: str) -> None:
    upgrade = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}

    seen = lab.get("/api/x", edge=edge, headers=upgrade).json()

    assert not {"Upgrade", "Connection"} & set(seen["headers"])


@each_nginx
@pytest.mark.parametrize(("method", "status"), [("TRACE", 405), ("CONNECT", 405)])
def test_methods_that_are_no_visitors_are_refused(lab: Lab, edge: str, method: str, status: int) -> None:
    target = "abc.test:443" if method == "CONNECT" else "/api/x"
    with tls(lab, edge) as connection:
        answer = ask(connection, f"{method} {target} HTTP/1.1", "Host: abc.test", "Cookie: session=secret")

    assert answer is not None
    assert answer.status in (status, 400)
    assert b"secret" not in answer.body


@every_edge
@pytest.mark.parametrize("path", ["/apifoo", "/API/x"])
def test_beside_the_location_there_is_no_api(lab: Lab, edge: str, path: str) -> None:
    answer = lab.get(path, edge=edge)

    assert answer.status_code == 404
    assert "X-Served-By" not in answer.headers
