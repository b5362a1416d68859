"""WebSocket, as a visitor's programs and a browser's pages find it."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from operating import Desk, as_the_lab_is
from sockets import WebSocket, echoed
from visiting import Lab
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Origin, Subprotocol
from wire import EDGES, ask, tls

every_edge = pytest.mark.parametrize("edge", EDGES)
each_nginx = pytest.mark.parametrize("edge", ["edge1", "edge2"])

# RFC 6455, section 1.3
HANDSHAKE = (
    "Host: abc.test",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: chat, superchat",
    "Sec-WebSocket-Version: 13",
)


def seen_by_backend(socket: WebSocket) -> dict[str, str]:
    headers: dict[str, str] = json.loads(echoed(socket, "headers"))["headers"]
    return headers


@every_edge
def test_a_websocket_echoes_text_and_bytes(lab: Lab, edge: str) -> None:
    with lab.websocket(edge=edge) as socket:
        assert echoed(socket, "grüß Gott") == "grüß Gott"
        assert echoed(socket, bytes(range(256))) == bytes(range(256))


@every_edge
@pytest.mark.parametrize("offered", [("http/1.1",), ()], ids=["as browsers do", "without ALPN"])
def test_a_websocket_opens_where_pages_come_over_http2(lab: Lab, edge: str, offered: tuple[str, ...]) -> None:
    with tls(lab, edge, alpn=("h2", "http/1.1")) as for_pages:
        assert for_pages.selected_alpn_protocol() == "h2"

    trust = lab.trust()
    if offered:
        trust.set_alpn_protocols(list(offered))
    with lab.websocket(edge=edge, ssl=trust) as socket:
        assert echoed(socket, "over HTTP/1.1") == "over HTTP/1.1"


@every_edge
def test_the_handshake_of_the_rfc_is_answered_as_the_rfc_says(lab: Lab, edge: str) -> None:
    with tls(lab, edge) as connection:
        answer = ask(connection, "GET /wss HTTP/1.1", *HANDSHAKE)

    assert answer is not None
    assert answer.status == 101
    assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.headers["Sec-WebSocket-Protocol"] == "chat"
    assert (answer.headers["Upgrade"], answer.headers["Connection"]) == ("websocket", "upgrade")


@every_edge
def test_the_backend_learns_who_visits_and_believes_no_lie(lab: Lab, edge: str) -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.test",
        "Forwarded": "for=6.6.6.6",
        "Proxy": "evil.test:80",
    }
    with lab.websocket(edge=edge, additional_headers=lies) as socket:
        seen = seen_by_backend(socket)

    assert (seen["Host"], seen["X-Forwarded-Host"]) == ("abc.test", "abc.test")
    assert (seen["X-Forwarded-Proto"], seen["Connection"].lower()) == ("https", "upgrade")
    assert seen["X-Real-IP"] == seen["X-Forwarded-For"]
    assert "6.6.6.6" not in json.dumps(seen)
    assert not {"Proxy", "Forwarded"} & set(seen)


@every_edge
def test_the_backend_is_told_the_port_that_the_visitor_used(lab: Lab, edge: str) -> None:
    port = lab.address(edge).port
    with lab.websocket(edge=edge, site=f"abc.test:{port}") as socket:
        seen = seen_by_backend(socket)

    assert seen["Host"] == f"abc.test:{port}"
    assert seen["X-Forwarded-Port"] == str(port)


@each_nginx
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.test",
        "https://abc.test.evil.com",
        "https://evil-abc.test",
        "https://abcxtest",
        "https://abc.test:444",
        "https://abc.test@evil.test",
        "https://app.abc.test",
        "null",
    ],
)
def test_a_page_of_another_site_cannot_open_the_websocket(lab: Lab, edge: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, lab.websocket(edge=edge, origin=Origin(origin)):
        pass

    assert refused.value.response.status_code == 403


@every_edge
@pytest.mark.parametrize("origin", ["https://abc.test", None], ids=["listed", "no browser"])
def test_a_page_of_the_site_and_a_program_can_open_the_websocket(
    lab: Lab, edge: str, origin: Origin | None
) -> None:
    with lab.websocket(edge=edge, origin=origin) as socket:
        assert echoed(socket, "hello") == "hello"


@every_edge
@pytest.mark.parametrize("site", ["www.abc.test", "abc.test:{port}"])
def test_the_sites_own_origin_needs_no_listing(lab: Lab, edge: str, site: str) -> None:
    own = site.format(port=lab.address(edge).port)

    with lab.websocket(edge=edge, site=own, origin=Origin(f"https://{own}")) as socket:
        assert echoed(socket, "hello") == "hello"


@every_edge
def test_a_page_of_one_name_is_a_stranger_to_another_name(lab: Lab, edge: str) -> None:
    stranger = Origin("https://www.abc.test")

    with (
        pytest.raises(InvalidStatus) as refused,
        lab.websocket(edge=edge, site="abc.test", origin=stranger),
    ):
        pass

    assert refused.value.response.status_code == 403


@every_edge
@pytest.mark.parametrize(
    "asked", [(), ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")], ids=["plain", "h2c"]
)
def test_plain_http_on_the_websocket_is_told_to_upgrade(lab: Lab, edge: str, asked: tuple[str, ...]) -> None:
    with tls(lab, edge) as connection:
        answer = ask(connection, "GET /wss HTTP/1.1", "Host: abc.test", *asked)

    assert answer is not None
    assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")
    assert b"echo backend" not in answer.body


@every_edge
def test_below_the_websocket_is_the_websocket_and_beside_it_is_not(lab: Lab, edge: str) -> None:
    with lab.websocket("/wss/room?name=abc", edge=edge) as socket:
        assert json.loads(echoed(socket, "headers"))["path"] == "/wss/room?name=abc"

    with pytest.raises(InvalidStatus) as refused, lab.websocket("/wssfoo", edge=edge):
        pass
    assert refused.value.response.status_code == 404


@each_nginx
def test_a_message_of_16_mib_comes_back_whole(lab: Lab, edge: str) -> None:
    message = os.urandom(1 << 20) * 16

    with lab.websocket(edge=edge, max_size=None, compression=None) as socket:
        assert echoed(socket, message) == message


@every_edge
def test_two_sockets_live_side_by_side(lab: Lab, edge: str) -> None:
    with lab.websocket(edge=edge) as first, lab.websocket(edge=edge) as second:
        first.send("first")
        second.send("second")

        assert (second.recv(timeout=20), first.recv(timeout=20)) == ("second", "first")


@every_edge
def test_visitor_and_backend_agree_on_subprotocol_and_compression(lab: Lab, edge: str) -> None:
    offered = [Subprotocol("superchat"), Subprotocol("chat")]
    with lab.websocket(edge=edge, subprotocols=offered) as socket:
        assert socket.subprotocol == "chat"
        assert "permessage-deflate" in socket.headers["Sec-WebSocket-Extensions"]
        assert echoed(socket, "a" * 100_000) == "a" * 100_000


def seconds_until_cut(socket: WebSocket) -> float:
    began = time.monotonic()
    with pytest.raises(ConnectionClosedError):
        socket.recv(timeout=30)
    return time.monotonic() - began


@pytest.fixture
def desk_of_edge3(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """An inventory to change and apply to edge3, which afterwards is as the lab's own says."""
    yield Desk.of_the_lab(tmp_path)
    as_the_lab_is("edge3")


def test_a_silent_websocket_lives_as_long_as_the_inventory_says(lab: Lab, desk_of_edge3: Desk) -> None:
    # nginx's own limit is 60 s, so more than that is the proof; those of edge3 live through an apply, too.
    with ExitStack() as stack:
        silent = {edge: stack.enter_context(lab.websocket(edge=edge)) for edge in EDGES}
        opened = time.monotonic()
        desk_of_edge3.add_location(
            "- path: /short", '  websocket: {upstream: "{{ lab_echo }}", idle_timeout: 3s}'
        )
        desk_of_edge3.type("apply", "--limit", "edge3")
        short = stack.enter_context(lab.websocket("/short", edge="edge3"))

        assert 2 < seconds_until_cut(short) < 8
        time.sleep(max(0.0, opened + 65 - time.monotonic()))
        assert [echoed(silent[edge], edge) for edge in EDGES] == list(EDGES)
