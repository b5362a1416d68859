"""Tomcat's application /shop, as visitors of /Tomcat/ find it."""

import pytest
from visiting import Lab
from wire import EDGES, ask, tls

every_edge = pytest.mark.parametrize("edge", EDGES)
each_nginx = pytest.mark.parametrize("edge", ["edge1", "edge2"])


@every_edge
def test_the_application_knows_that_its_visitor_came_by_https(lab: Lab, edge: str) -> None:
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "8080"}

    seen = lab.get("/Tomcat/?x=1&y=a%2Fb", edge=edge, headers=lies).json()

    assert (seen["application"], seen["contextPath"]) == ("shop", "/shop")
    assert (seen["scheme"], seen["secure"], seen["serverPort"]) == ("https", True, 443)
    assert (seen["serverName"], seen["queryString"]) == ("abc.test", "x=1&y=a%2Fb")
    assert seen["remoteAddr"] != "6.6.6.6"


@every_edge
def test_the_application_is_told_the_port_that_the_visitor_used(lab: Lab, edge: str) -> None:
    port = lab.address(edge).port

    seen = lab.get("/Tomcat/", edge=edge, headers={"Host": f"abc.test:{port}"}).json()

    assert (seen["serverName"], seen["serverPort"], seen["scheme"]) == ("abc.test", port, "https")


@each_nginx
@pytest.mark.parametrize("query", ["", "?absolute=1"], ids=["by path", "by URL"])
@pytest.mark.parametrize("port", ["", ":{port}"], ids=["usual port", "published port"])
def test_its_redirects_lead_to_the_public_path(lab: Lab, edge: str, query: str, port: str) -> None:
    host = "abc.test" + port.format(port=lab.address(edge).port)

    answer = lab.get(f"/Tomcat/redirect.jsp{query}", edge=edge, headers={"Host": host})

    assert answer.status_code == 302
    assert answer.headers["Location"].removeprefix(f"https://{host}").startswith("/Tomcat/index.jsp")
    assert "/shop" not in answer.headers["Location"]


@every_edge
def test_its_session_cookie_belongs_to_the_public_path_and_comes_back(lab: Lab, edge: str) -> None:
    with lab.client(edge) as visitor:
        first = visitor.get("/Tomcat/")
        second = visitor.get("/Tomcat/")

    attributes = {part.strip().lower() for part in first.headers["Set-Cookie"].split(";")[1:]}
    assert {"path=/tomcat", "secure", "httponly"} <= {part.rstrip("/") for part in attributes}
    assert second.json()["cookies"] == {"JSESSIONID": first.cookies["JSESSIONID"]}


@each_nginx
@pytest.mark.parametrize(
    "path",
    [
        "/Tomcat/..;/secret/",
        "/Tomcat/..;x=1/secret/",
        "/Tomcat/%2e%2e;/secret/",
        "/Tomcat/..%3b/secret/",
        "/Tomcat/..%3B/secret/",
        "/Tomcat/;/../..;/secret/",
        "/Tomcat/index.jsp;jsessionid=1",
        "/Tomcat/..%5csecret/",
        "/Tomcat/..\\secret/",
    ],
)
def test_no_trick_with_the_path_leaves_the_application(lab: Lab, edge: str, path: str) -> None:
    with tls(lab, edge) as connection:
        answer = ask(connection, f"GET {path} HTTP/1.1", "Host: abc.test")

    assert answer is not None
    assert answer.status == 400
    assert b"secret" not in answer.body


@each_nginx
@pytest.mark.parametrize("path", ["/Tomcat/../secret/", "/Tomcat/%2e%2e/secret/", "/Tomcat/..%2fsecret/"])
def test_dots_lead_to_the_site_and_not_to_the_other_application(lab: Lab, edge: str, path: str) -> None:
    with tls(lab, edge) as connection:
        answer = ask(connection, f"GET {path} HTTP/1.1", "Host: abc.test", "Connection: close")

    assert answer is not None
    assert answer.status == 404
    assert b'"secret"' not in answer.body


@every_edge
def test_a_semicolon_in_a_query_is_a_visitors_own_affair(lab: Lab, edge: str) -> None:
    assert lab.get("/Tomcat/?a=1;b=..;/secret", edge=edge).json()["queryString"] == "a=1;b=..;/secret"


@each_nginx
@pytest.mark.parametrize("path", ["/Tomcatfoo", "/tomcat/", "/shop/", "/secret/"])
def test_beside_the_location_there_is_no_tomcat(lab: Lab, edge: str, path: str) -> None:
    answer = lab.get(path, edge=edge)

    assert answer.status_code == 404
    assert "application" not in answer.text


@every_edge
def test_the_location_without_its_slash_leads_to_the_application(lab: Lab, edge: str) -> None:
    answer = lab.get("/Tomcat", edge=edge)

    assert (answer.status_code, answer.headers["Location"]) == (308, "/Tomcat/")


@every_edge
def test_an_answer_with_a_large_header_passes(lab: Lab, edge: str) -> None:
    answer = lab.get("/Tomcat/", edge=edge, headers={"Cookie": f"large={'x' * 5000}"})

    assert answer.json()["cookies"]["large"] == "x" * 5000
