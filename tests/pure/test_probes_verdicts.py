"""What one answer means: the words that an operator reads."""

from typing import Any

import pytest

from deployer import probes
from deployer.model.host import Host, HostVariables
from deployer.outcome import ProbeResult, Verdict
from deployer.probes.answer import Answer, Seen
from deployer.probes.cors import judge_cors
from deployer.probes.verdicts import judge

NGINX_PAGE = b"<html><body><center><h1>%s</h1></center><hr><center>nginx</center></body></html>"


def verdict(location: dict[str, Any], status: int, body: bytes = b"", **headers: str) -> Answer:
    """Judge an answer to the question of this location."""
    site = {"name": "abc", "server_names": ["abc.com"], "locations": [{"path": "/x/"} | location]}
    question = probes.questions(Host("edge1", settings=HostVariables.model_validate({"sites": [site]})))[0]
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return judge(question, Seen(status, tuple(fields), body, 0.003))


STATIC = {"static": {"root": "/srv/www"}}
PHP = {"php": {"root": "/srv/app", "fpm": "unix:/run/php.sock"}}
TOMCAT = {"tomcat": {"upstream": "10.0.0.7:8080"}}
BOTH = "10.0.0.7:3000 or 10.0.0.8:3000"
PROXY = {"proxy": {"upstream": ["10.0.0.7:3000", "10.0.0.8:3000"]}}


@pytest.mark.parametrize(
    ("location", "status", "words"),
    [
        (STATIC, 200, "200 in 3 ms"),
        (STATIC | {"probe": {"status": 403}}, 403, "403 in 3 ms"),
        (PHP, 200, "200 in 3 ms"),
        (PHP, 302, "302 in 3 ms"),
        (PHP, 401, "401 in 3 ms"),
        (TOMCAT, 200, "200 in 3 ms"),
        (TOMCAT, 404, "404 Not Found in 3 ms"),
        (TOMCAT, 500, "500 Internal Server Error in 3 ms"),
        (PROXY, 401, "401 Unauthorized in 3 ms"),
    ],
)
def test_an_answer_of_what_is_behind_passes(location: dict[str, Any], status: int, words: str) -> None:
    assert verdict(location, status) == Answer(Verdict.PASSED, words)


@pytest.mark.parametrize(
    ("location", "status", "words"),
    [
        (STATIC, 404, "404 Not Found instead of 200: is index.html in /srv/www, and may nginx read it?"),
        (STATIC, 500, "500 Internal Server Error instead of 200"),
        (STATIC | {"probe": {"status": 403}}, 200, "200 OK instead of 403"),
        (PHP, 500, "500 Internal Server Error instead of an answer of php-fpm"),
        (PHP, 502, "502 Bad Gateway instead of an answer of php-fpm: nothing answers at unix:/run/php.sock?"),
        (TOMCAT, 502, "502 Bad Gateway instead of an answer of Tomcat: nothing answers at 10.0.0.7:8080?"),
        (TOMCAT, 503, "503 Service Unavailable instead of an answer of Tomcat"),
        (PROXY, 504, f"504 Gateway Timeout instead of an answer of the backend: {BOTH} takes too long?"),
    ],
)
def test_a_wrong_answer_says_what_was_expected_and_what_may_be_the_cause(
    location: dict[str, Any], status: int, words: str
) -> None:
    answer = verdict(location, status)

    assert (answer.verdict, answer.said) == (Verdict.FAILED, words)


def test_only_a_backend_that_may_be_starting_is_asked_again() -> None:
    assert [verdict(TOMCAT, status).again for status in (502, 503, 504, 404)] == [True, True, True, False]
    assert verdict(STATIC, 404).again is False


@pytest.mark.parametrize(
    "source", [b"<?php phpinfo();", b"\xef\xbb\xbf\n<?PHP\n", b"#!/usr/bin/php\n<?php", b"<?= 1 ?>"]
)
def test_served_source_is_never_a_success(source: bytes) -> None:
    assert "source of the script" in verdict(PHP, 200, source).said
    assert "source of the script" in verdict(PHP | {"probe": {"status": 200}}, 200, source).said


def test_a_page_that_speaks_of_php_is_not_its_source() -> None:
    assert verdict(PHP, 200, b"<p>Begin with &lt;?php, or <?php").verdict is Verdict.PASSED


def test_php_says_its_version_where_it_is_shown() -> None:
    assert verdict(PHP, 200, X_Powered_By="PHP/8.2.29").said == "200 from PHP/8.2.29 in 3 ms"


def test_a_file_from_disk_is_not_an_answer_of_php_fpm() -> None:
    told = {
        "Last_Modified": "Sun, 22 Nov 2026 12:00:00 GMT",
        "ETag": f'"{1795348800:x}-{1234:x}"',
        "Content_Length": "1234",
    }

    assert verdict(PHP, 200, b"GIF89a", **told).said == (
        "200 OK, but a file as it is on disk: php-fpm was not asked"
    )
    assert verdict(PHP, 200, b"{}", **told | {"ETag": '"of-the-application"'}).verdict is Verdict.PASSED


def test_php_fpm_that_does_not_see_the_script_is_told_from_an_applications_404() -> None:
    assert (
        "does it see /srv/app under another path (fpm_root)?" in verdict(PHP, 404, b"File not found.\n").said
    )
    assert "security.limit_extensions" in verdict(PHP, 403, b"Access denied.\n").said
    assert verdict(PHP, 404, b"<h1>No such product</h1>").verdict is Verdict.PASSED


@pytest.mark.parametrize("location", [PHP, TOMCAT])
def test_an_error_page_of_nginx_is_no_answer_of_the_backend(location: dict[str, Any]) -> None:
    assert "404 Not Found by nginx itself" in verdict(location, 404, NGINX_PAGE % b"404 Not Found").said


def test_who_is_turned_away_by_a_limit_proves_nothing() -> None:
    fenced = verdict(TOMCAT | {"allowed_networks": ["10.0.0.0/8"]}, 403, NGINX_PAGE % b"403 Forbidden")
    limited = verdict(TOMCAT | {"rate_limit": {"rate": "1r/m"}}, 429)

    assert [fenced.verdict, limited.verdict] == [Verdict.OFF, Verdict.OFF]
    assert "allowed_networks" in fenced.said
    assert (
        verdict(TOMCAT | {"allowed_networks": ["10.0.0.0/8"], "probe": {"status": 403}}, 403).said
        == "403 in 3 ms"
    )


@pytest.mark.parametrize(
    ("redirect", "status", "target", "words"),
    [
        ({"to": "https://b.com/"}, 308, "https://b.com/", "308 to https://b.com/ in 3 ms"),
        ({"to": "/new/"}, 308, "http://abc.com/new/", "308 to http://abc.com/new/ in 3 ms"),
        ({"to": "/new/"}, 308, "/new/", "308 to http://abc.com/new/ in 3 ms"),
        ({"to": "/new", "keep_path": True}, 308, "/new/", "308 to http://abc.com/new/ in 3 ms"),
        ({"to": "/new/"}, 301, "/new/", "301 Moved Permanently instead of 308"),
        ({"to": "/new/"}, 308, "/other/", "308 to http://abc.com/other/ instead of http://abc.com/new/"),
    ],
)
def test_a_redirect_needs_its_status_and_its_target(
    redirect: dict[str, Any], status: int, target: str, words: str
) -> None:
    assert verdict({"redirect": redirect}, status, Location=target).said == words


CORS = {"origins": ["https://app.abc.com"], "credentials": True}
GRANTED = [
    ("Access-Control-Allow-Origin", "https://app.abc.com"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"),
    ("Vary", "Accept-Encoding, Origin"),
]


def cors_said(
    granted: list[tuple[str, str]], foreign: list[tuple[str, str]] | None = None, status: int = 204
) -> str:
    settings = {
        "name": "abc",
        "server_names": ["abc.com"],
        "locations": [{"path": "/"} | PROXY | {"cors": CORS}],
    }
    cors = HostVariables.model_validate({"sites": [settings]}).sites[0].locations[0].cors
    assert cors is not None
    return judge_cors(
        cors,
        Seen(status, tuple(granted), b"", 0.003),
        foreign=Seen(404, tuple(foreign or [])),
    ).said


def without(name: str) -> list[tuple[str, str]]:
    return [field for field in GRANTED if field[0] != name]


def test_a_preflight_that_a_browser_would_accept_passes() -> None:
    assert cors_said(GRANTED) == "preflight 204 for https://app.abc.com in 3 ms"


@pytest.mark.parametrize(
    ("granted", "words"),
    [
        (GRANTED + GRANTED[:1], "2 Access-Control-Allow-Origin instead of 1"),
        (without("Access-Control-Allow-Origin"), "0 Access-Control-Allow-Origin instead of 1"),
        (without("Access-Control-Allow-Credentials"), "Access-Control-Allow-Credentials is missing"),
        (without("Access-Control-Allow-Methods"), "DELETE is not in Access-Control-Allow-Methods"),
        (without("Vary"), "Vary: Origin is missing"),
        ([("Access-Control-Allow-Origin", "*"), *GRANTED[1:]], "Access-Control-Allow-Origin is *"),
    ],
)
def test_a_preflight_that_a_browser_would_refuse_fails(granted: list[tuple[str, str]], words: str) -> None:
    assert cors_said(granted) == f"preflight of https://app.abc.com: {words}"


def test_a_reflected_foreign_origin_fails() -> None:
    foreign = [("Access-Control-Allow-Origin", "https://deployer-probe.invalid")]

    assert "foreign origin is allowed" in cors_said(GRANTED, foreign)


def result(location: str, verdict: Verdict) -> ProbeResult:
    return ProbeResult("abc", location, "proxy", f"https://abc.com{location}", verdict, "")


def test_only_what_has_become_worse_is_a_regression() -> None:
    before = [
        result("/broke", Verdict.PASSED),
        result("/still-broken", Verdict.FAILED),
        result("/was-off", Verdict.OFF),
        result("/mended", Verdict.FAILED),
    ]
    after = [
        result("/broke", Verdict.FAILED),
        result("/still-broken", Verdict.FAILED),
        result("/was-off", Verdict.FAILED),
        result("/mended", Verdict.PASSED),
        result("/new", Verdict.FAILED),
        result("/new-and-off", Verdict.OFF),
    ]

    assert [each.location for each in probes.regressions(before, after)] == ["/broke", "/was-off", "/new"]
