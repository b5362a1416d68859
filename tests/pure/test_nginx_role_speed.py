"""What makes the sites fast must not change what visitors and operators get."""

import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from backends import app
from fronted import Front, fronting
from local_nginx import check, place, version
from rich_host import FACTS, make_host, render_nginx

from deployer.applier.events import Event
from deployer.applier.observe import read_facts
from deployer.facts import Facts


@pytest.mark.parametrize(
    ("said", "has"),
    [
        ("configure arguments: --with-pcre-jit --with-http_ssl_module", True),
        ("configure arguments: --with-http_ssl_module", False),
    ],
)
def test_expressions_are_compiled_only_by_an_nginx_that_would_not_warn(said: str, has: bool) -> None:
    facts = read_facts([Event("nginx", (f"nginx version: nginx/1.22.1\n{said}",))])

    configuration = render_nginx(make_host({}), facts).files["/etc/nginx/nginx.conf"].content

    assert (b"\npcre_jit on;" in configuration) is has


def test_a_bare_host_gets_what_debians_nginx_will_turn_out_to_have() -> None:
    bare = read_facts([Event("fact", ("os_codename", "bookworm"))])

    assert bare.nginx_modules == FACTS["1.22"].nginx_modules


def _headers(front: Front, path: str) -> httpx.Headers:
    return httpx.get(f"http://127.0.0.1:{front.port}{path}", headers={"Host": "abc.test"}).headers


def test_a_folder_whose_raw_passes_requests_on_leaves_the_applications_own_headers_alone(
    tmp_path: Path,
) -> None:
    with app() as port:
        raw = f"location ~ x {{ proxy_pass http://127.0.0.1:{port}; }}"
        folder = {"path": "/mixed/", "static": {"root": str(tmp_path)}, "raw": raw}
        with fronting(tmp_path, [folder]) as front:
            asked = _headers(front, f"/mixed/x?header={quote('X-Frame-Options:DENY')}")

            assert asked.get_list("x-frame-options") == ["DENY"]
            assert _headers(front, "/").get_list("x-frame-options") == ["SAMEORIGIN"]


def test_a_replaced_file_is_the_new_one_at_the_next_request(tmp_path: Path) -> None:
    with fronting(tmp_path, []) as front:
        assert front.ask("/")[1] == "still here"
        for number in range(20):
            fresh = tmp_path / "www/fresh"
            fresh.write_text(f"number {number}")
            fresh.replace(tmp_path / "www/index.html")
            assert front.ask("/") == (200, f"number {number}")


def test_files_that_the_inventory_keeps_open_are_the_old_ones_for_a_moment_only(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    raw = "open_file_cache max=1000 inactive=10s; open_file_cache_valid 1s;"
    kept = {"path": "/kept/", "static": {"root": str(tmp_path / "kept")}, "raw": raw}
    (tmp_path / "kept/page").write_text("old")
    with fronting(tmp_path, [kept]) as front:
        assert front.ask("/kept/page") == (200, "old")
        (tmp_path / "fresh").write_text("new")
        (tmp_path / "fresh").replace(tmp_path / "kept/page")
        until = time.monotonic() + 10
        while front.ask("/kept/page") != (200, "new"):
            assert time.monotonic() < until


def test_the_log_has_every_request_after_a_rotation_and_after_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log/access.log"
    with fronting(tmp_path, []) as front:
        front.ask("/before")
        log.rename(tmp_path / "rotated")
        front.master.send_signal(signal.SIGUSR1)
        while not log.exists():
            pass
        front.ask("/after")
    written = (tmp_path / "rotated").read_text() + log.read_text()
    assert [part in written for part in ("/before", "/after")] == [True, True]


@pytest.mark.parametrize(
    ("raw", "status"), [("", 502), ("proxy_buffer_size 16k; proxy_busy_buffers_size 16k;", 200)]
)
def test_a_handshakes_answer_has_four_kilobytes_or_what_the_inventory_says(
    tmp_path: Path, raw: str, status: int
) -> None:
    with app() as port:
        talk = {"path": "/talk/", "websocket": {"upstream": f"127.0.0.1:{port}"}, "raw": raw}
        with fronting(tmp_path, [talk]) as front:
            assert front.shake_hands(f"/talk/?header=X-Long:{'x' * 3000}") == 200
            assert front.shake_hands(f"/talk/?header=X-Long:{'x' * 7000}") == status


def test_a_large_answer_to_a_plain_request_fits_where_sockets_are_not_alone(tmp_path: Path) -> None:
    with app() as port:
        socket = {"upstream": f"127.0.0.1:{port}", "allow_http": True}
        with fronting(tmp_path, [{"path": "/talk/", "websocket": socket}]) as front:
            assert front.status(f"/talk/?header=X-Long:{'x' * 7000}") == 200


_SOCKET = {"path": "/wss", "websocket": {"upstream": "127.0.0.1:8888"}}
_TALKATIVE = {"path": "/poll", "websocket": {"upstream": "127.0.0.1:8888", "allow_http": True}}
_MOVED = {"path": "/", "redirect": {"to": "https://abc.test"}}
_FILES = {"path": "/", "static": {"root": "/srv/www"}}


@pytest.mark.parametrize(
    ("locations", "more", "small"),
    [
        ([_SOCKET], {}, True),
        ([_SOCKET, _MOVED], {}, True),
        ([_MOVED], {}, False),
        ([_SOCKET, _FILES], {}, False),
        ([_SOCKET, _TALKATIVE], {}, False),
        ([_SOCKET], {"raw": "location /large { root /srv; }"}, False),
    ],
)
def test_only_a_site_whose_answers_are_all_short_has_small_records(
    tmp_path: Path, locations: list[Any], more: dict[str, str], *, small: bool
) -> None:
    site = {"name": "talk", "server_names": "talk.test", "tls": {"self_signed": {}}, "locations": locations}
    bundle = render_nginx(make_host({"sites": [site | more]}), Facts(nginx_version=version(), ipv6=False))

    assert (b"ssl_buffer_size 4k;" in bundle.files["/etc/nginx/deployer/sites/talk.conf"].content) is small
    assert check(place(bundle, tmp_path, sites=("talk",))) == ""


def test_the_size_of_records_that_the_inventory_says_is_the_only_one(tmp_path: Path) -> None:
    site = {"name": "talk", "server_names": "talk.test", "tls": {"self_signed": {}}, "locations": [_SOCKET]}
    said = {"sites": [site], "nginx_http_raw": "ssl_buffer_size 8k;"}

    bundle = render_nginx(make_host(said), Facts(nginx_version=version(), ipv6=False))

    assert b"ssl_buffer_size" not in bundle.files["/etc/nginx/deployer/sites/talk.conf"].content
    assert check(place(bundle, tmp_path, sites=("talk",))) == ""
