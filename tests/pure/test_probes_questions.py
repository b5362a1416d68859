"""What a visitor would ask of a host, from its inventory alone."""

from typing import Any

from deployer import probes
from deployer.model.host import Host, HostVariables


def asked(*locations: dict[str, Any], **site: Any) -> tuple[probes.Question, ...]:  # noqa: ANN401 - as in YAML
    told = {"name": "abc", "server_names": ["abc.com"], "locations": list(locations)} | site
    upstreams = {"pool": {"servers": ["10.0.0.7:3000", "10.0.0.8:3000"]}}
    settings = HostVariables.model_validate({"sites": [told], "upstreams": upstreams})
    return probes.questions(Host("edge1", settings=settings))


def urls(*locations: dict[str, Any], **site: Any) -> list[str]:  # noqa: ANN401 - as in YAML
    return [question.url for question in asked(*locations, **site) if not question.off]


STATIC = {"path": "/", "static": {"root": "/srv"}}
TLS = {"tls": {"self_signed": {}}}


def test_a_site_with_tls_is_asked_for_its_certificate_and_its_redirect_first() -> None:
    found = asked(STATIC, **TLS)

    assert [(question.kind, question.url) for question in found] == [
        ("certificate", "https://abc.com"),
        ("redirect", "http://abc.com/"),
        ("static", "https://abc.com/"),
    ]


def test_a_site_that_keeps_plain_http_is_not_asked_to_redirect() -> None:
    assert [question.kind for question in asked(STATIC, redirect_http=False, **TLS)] == [
        "certificate",
        "static",
    ]


def test_a_plain_site_is_asked_by_http_and_ws() -> None:
    socket = {"path": "/wss", "websocket": {"upstream": "127.0.0.1:8888"}}

    assert urls(STATIC, socket) == ["http://abc.com/", "ws://abc.com/wss"]


def test_ports_that_are_not_the_schemes_own_stand_in_the_url() -> None:
    assert urls(STATIC, https_port=8443, http_port=8080, **TLS) == [
        "https://abc.com:8443",
        "http://abc.com:8080/",
        "https://abc.com:8443/",
    ]


def test_a_wildcard_is_visited_by_a_name_that_it_stands_for() -> None:
    assert urls(STATIC, server_names=["*.abc.com"]) == ["http://deployer-probe.abc.com/"]
    assert urls(STATIC, server_names=["*.abc.com", "abc.com"]) == ["http://abc.com/"]


def test_folders_are_asked_with_their_slash_and_everything_else_as_it_is_written() -> None:
    assert urls(
        {"path": "/app", "php": {"root": "/srv/app", "fpm": "127.0.0.1:9000"}},
        {"path": "/Tomcat", "tomcat": {"upstream": "127.0.0.1:8080"}},
        {"path": "/logo.svg", "exact": True, "static": {"root": "/srv"}},
        {"path": "/api", "proxy": {"upstream": "pool"}},
    ) == [
        "http://abc.com/app/",
        "http://abc.com/Tomcat/",
        "http://abc.com/logo.svg",
        "http://abc.com/api",
    ]


def test_the_operators_own_path_and_status_win() -> None:
    (question,) = asked(STATIC | {"probe": {"path": "/health", "status": 204}})

    assert (question.url, question.status) == ("http://abc.com/health", 204)


def test_a_probe_that_is_off_stays_in_the_list_and_takes_cors_with_it() -> None:
    api = {
        "path": "/api",
        "proxy": {"upstream": "pool"},
        "cors": {"origins": ["https://a.b"]},
        "probe": "off",
    }

    assert [(question.kind, question.off) for question in asked(api)] == [
        ("proxy", "probe: off"),
        ("cors", "probe: off"),
    ]


def test_a_regular_expression_cannot_be_guessed() -> None:
    regex = {"path": "^/v[0-9]+/", "regex": True, "proxy": {"upstream": "pool"}}

    (question,) = asked(regex)
    assert "name one in probe.path" in question.off
    assert urls(regex | {"probe": {"path": "/v1/"}}) == ["http://abc.com/v1/"]


def test_a_location_that_an_exact_one_hides_is_not_asked_in_its_stead() -> None:
    exact = {"path": "/", "exact": True, "redirect": {"to": "/app/"}}

    hidden, shown = asked(STATIC, exact)

    assert "another location has exactly /" in hidden.off
    assert shown.off == ""


def test_a_named_upstream_is_known_by_its_servers() -> None:
    (question,) = asked({"path": "/api", "proxy": {"upstream": "pool"}})

    assert question.behind == ("10.0.0.7:3000", "10.0.0.8:3000")


def test_every_question_of_a_host_has_its_own_key() -> None:
    api = {"path": "/api", "proxy": {"upstream": "pool"}, "cors": {"origins": ["https://a.b"]}}
    found = asked(STATIC, api, {"path": "/old", "redirect": {"to": "/"}}, **TLS)

    assert len({question.key for question in found}) == len(found)
