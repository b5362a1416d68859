"""Backends that die, under the real nginx: who is asked instead, and what is never sent twice."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import local_nginx
import pytest
from fronted import STATIC, Front, fronting
from mortal import Mortal, mortals, swallowing
from name_server import NameServer, name_server

Given = Callable[[Sequence[Mortal]], list[str]]


@pytest.fixture
def dns() -> Iterator[NameServer]:
    """Knows `name1.internal` to `name3.internal`, at 127.0.0.1 to 127.0.0.3."""
    with name_server(**{f"name{number}": f"127.0.0.{number}" for number in (1, 2, 3)}) as server:
        yield server


@pytest.fixture
def pair() -> Iterator[tuple[Mortal, ...]]:
    """Two servers on one port."""
    with mortals(2) as servers:
        yield servers


@pytest.fixture(params=["addresses", "names", "mixed"])
def given(request: pytest.FixtureRequest) -> Given:
    """How the inventory names the servers."""

    def name(index: int, server: Mortal) -> str:
        by_name = request.param == "names" or (request.param == "mixed" and index == 0)
        return f"name{index + 1}.internal:{server.port}" if by_name else f"{server.address}:{server.port}"

    return lambda servers: [name(index, server) for index, server in enumerate(servers)]


def behind(kind: str, servers: Sequence[str], **options: object) -> list[dict[str, Any]]:
    """One location, at `/x/`."""
    return [{"path": "/x/", kind: {"upstream": list(servers)}, **options}]


def settle(front: Front, kind: str, servers: Sequence[Mortal], *, path: str = "/x/") -> None:
    """Ask until nginx knows all names and each server was asked; then let them forget it."""
    deadline = time.monotonic() + 15
    while not all(server.seen for server in servers):
        assert time.monotonic() < deadline, "a server is never asked"
        answers(front, kind, path)
    for server in servers:
        server.seen.clear()
        server.bodies.clear()


def answers(front: Front, kind: str, path: str = "/x/") -> int:
    return front.shake_hands(path) if kind == "websocket" else front.status(path)


@pytest.mark.parametrize("kind", ["proxy", "tomcat", "websocket"])
def test_one_dead_server_of_two_goes_unnoticed(
    dns: NameServer, pair: tuple[Mortal, ...], given: Given, tmp_path: Path, kind: str
) -> None:
    well = 101 if kind == "websocket" else 200
    with fronting(tmp_path, behind(kind, given(pair)), dns=dns.port) as front:
        settle(front, kind, pair)
        pair[0].die()
        assert [answers(front, kind) for _ in range(12)] == [well] * 12
        pair[0].live()
        pair[1].die()
        assert [answers(front, kind) for _ in range(12)] == [well] * 12


@pytest.mark.parametrize("kind", ["proxy", "websocket"])
def test_one_server_of_two_that_swallows_packets_costs_a_wait_and_no_more(
    pair: tuple[Mortal, ...], tmp_path: Path, kind: str
) -> None:
    with swallowing() as (black_hole,):
        servers = [black_hole, f"127.0.0.1:{pair[0].port}"]
        with fronting(tmp_path, behind(kind, servers, timeouts={"connect": "200ms"})) as front:
            assert {answers(front, kind) for _ in range(6)} == {101 if kind == "websocket" else 200}


def test_a_post_reaches_the_living_one_and_is_sent_once(
    dns: NameServer, pair: tuple[Mortal, ...], given: Given, tmp_path: Path
) -> None:
    with fronting(tmp_path, behind("proxy", given(pair)), dns=dns.port) as front:
        settle(front, "proxy", pair)
        pair[0].die()
        assert [front.status("/x/", method="POST") for _ in range(8)] == [200] * 8
        assert pair[1].seen == ["POST"] * 8


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_is_not_idempotent_is_never_sent_twice(
    dns: NameServer, pair: tuple[Mortal, ...], given: Given, tmp_path: Path, method: str
) -> None:
    with fronting(tmp_path, behind("proxy", given(pair)), dns=dns.port) as front:
        settle(front, "proxy", pair)
        for server in pair:
            server.mood = "cut"
        assert front.ask("/x/", method=method, body=b"once")[0] == 502
        assert pair[0].seen + pair[1].seen == [method]


def test_an_upload_that_is_idempotent_arrives_whole_at_the_next_server(
    dns: NameServer, pair: tuple[Mortal, ...], given: Given, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 3000
    with fronting(tmp_path, behind("proxy", given(pair), max_body_size="2m"), dns=dns.port) as front:
        settle(front, "proxy", pair)
        pair[0].mood = "cut"
        for _ in range(4):
            assert front.ask("/x/", method="PUT", body=body)[0] == 200
        assert pair[1].bodies == [hashlib.sha256(body).hexdigest()] * 4


def test_a_request_that_kills_its_server_kills_three_at_most(tmp_path: Path) -> None:
    with mortals(10) as servers:
        location = behind("proxy", [f"{each.address}:{each.port}" for each in servers])
        for server in servers:
            server.mood = "cut"
        with fronting(tmp_path, location) as front:
            assert front.status("/x/") == 502
            assert sum(len(server.seen) for server in servers) == 3


@pytest.mark.parametrize("kind", ["proxy", "websocket"])
def test_ten_servers_that_swallow_packets_are_not_all_waited_for(tmp_path: Path, kind: str) -> None:
    with swallowing(10) as black_holes:
        location = behind(kind, black_holes, timeouts={"connect": "1s"})
        with fronting(tmp_path, location) as front:
            ask = (
                front.shake_hands
                if kind == "websocket"
                else lambda path, timeout: front.ask(path, timeout=timeout)[0]
            )
            assert ask("/x/", timeout=8) == 504
            assert front.ask("/") == (200, STATIC)


def test_a_slow_answer_is_not_awaited_at_a_second_server(
    dns: NameServer, pair: tuple[Mortal, ...], tmp_path: Path
) -> None:
    servers = [f"name{number}.internal:{pair[0].port}" for number in (1, 2)]
    location = behind("proxy", servers, timeouts={"read": "300ms"})
    with fronting(tmp_path, location, dns=dns.port) as front:
        settle(front, "proxy", pair)
        for server in pair:
            server.mood = "hang"
        assert front.status("/x/", method="POST") == 504
        assert pair[0].seen + pair[1].seen == ["POST"]


def test_a_server_that_failed_rests(pair: tuple[Mortal, ...], tmp_path: Path) -> None:
    with fronting(tmp_path, behind("proxy", [f"{each.address}:{each.port}" for each in pair])) as front:
        settle(front, "proxy", pair)
        pair[0].mood = "cut"
        assert {front.status("/x/") for _ in range(10)} == {200}
        # Once it failed, and once more where the first was a connection that it had left open.
        assert 1 <= len(pair[0].seen) <= 2


def test_max_fails_and_fail_timeout_are_the_inventory_s(pair: tuple[Mortal, ...], tmp_path: Path) -> None:
    upstream = {"servers": [f"{each.address}:{each.port}" for each in pair], "max_fails": 3, "keepalive": 0}
    with fronting(tmp_path, behind("proxy", ["app"]), upstreams={"app": upstream}) as front:
        pair[0].mood = "cut"
        assert {front.status("/x/") for _ in range(20)} == {200}
        assert len(pair[0].seen) == 3


@pytest.mark.parametrize("kind", ["proxy", "websocket"])
@pytest.mark.parametrize("balance", ["round_robin", "least_conn"])
def test_servers_that_were_all_dead_are_asked_as_soon_as_they_are_back(
    pair: tuple[Mortal, ...], tmp_path: Path, kind: str, balance: str
) -> None:
    location = behind(kind, [f"{each.address}:{each.port}" for each in pair])
    location[0][kind]["balance"] = balance
    with fronting(tmp_path, location) as front:
        for server in pair:
            server.die()
        assert {answers(front, kind) for _ in range(5)} == {502}
        for server in pair:
            server.live()
        assert {answers(front, kind) for _ in range(5)} == {101 if kind == "websocket" else 200}


def test_a_handshake_with_a_dead_backend_is_a_502_at_once(tmp_path: Path) -> None:
    location = behind("websocket", [f"127.0.0.1:{local_nginx.free_port()}"])
    with fronting(tmp_path, location) as front:
        assert front.shake_hands("/x/", timeout=4) == 502


def test_a_handshake_with_a_host_that_swallows_packets_does_not_hang(tmp_path: Path) -> None:
    with swallowing() as (black_hole,), fronting(tmp_path, behind("websocket", [black_hole])) as front:
        assert front.shake_hands("/x/", timeout=15) == 504


def test_a_handshake_that_was_sent_is_never_sent_again(
    dns: NameServer, pair: tuple[Mortal, ...], given: Given, tmp_path: Path
) -> None:
    with fronting(tmp_path, behind("websocket", given(pair)), dns=dns.port) as front:
        settle(front, "websocket", pair)
        for server in pair:
            server.mood = "cut"
        assert front.shake_hands("/x/") == 502
        assert len(pair[0].seen) + len(pair[1].seen) == 1


def test_a_backend_s_own_502_is_passed_on_and_nobody_else_is_asked(
    dns: NameServer, pair: tuple[Mortal, ...], given: Given, tmp_path: Path
) -> None:
    with fronting(tmp_path, behind("proxy", given(pair)), dns=dns.port) as front:
        settle(front, "proxy", pair)
        for server in pair:
            server.mood = "refuse_502"
        assert front.ask("/x/") == (502, "ours")
        assert len(pair[0].seen) + len(pair[1].seen) == 1


def test_limits_and_allowed_networks_hold_for_a_request_that_goes_on_to_another_server(
    dns: NameServer, pair: tuple[Mortal, ...], given: Given, tmp_path: Path
) -> None:
    options = {
        "rate_limit": {"rate": "1r/m", "burst": 3},
        "allowed_networks": "127.0.0.1",
        "connection_limit": 1,
    }
    free = {**behind("proxy", given(pair))[0], "path": "/free/"}
    with fronting(tmp_path, [*behind("proxy", given(pair), **options), free], dns=dns.port) as front:
        settle(front, "proxy", pair, path="/free/")
        pair[0].die()
        assert [front.status("/x/") for _ in range(5)] == [200, 200, 200, 200, 429]


def test_an_error_page_of_raw_keeps_its_place(
    dns: NameServer, pair: tuple[Mortal, ...], tmp_path: Path
) -> None:
    for server in pair:
        server.die()
    names = [f"name{number}.internal:{pair[0].port}" for number in (1, 2)]
    location = behind("proxy", names, raw="error_page 502 =503 /index.html;")
    with fronting(tmp_path, location, dns=dns.port) as front:
        assert front.ask("/x/") == (503, STATIC)


# Those of a name in a variable are not: nginx keeps connections of groups only.
@pytest.mark.parametrize(
    "name", ["127.0.0.1", *(["name1.internal"] if local_nginx.version() >= (1, 27, 3) else [])]
)
def test_connections_to_a_backend_are_kept(
    dns: NameServer, pair: tuple[Mortal, ...], tmp_path: Path, name: str
) -> None:
    with fronting(tmp_path, behind("proxy", [f"{name}:{pair[0].port}"]), dns=dns.port) as front:
        settle(front, "proxy", pair[:1])
        assert [front.status("/x/") for _ in range(10)] == [200] * 10
        assert pair[0].connections == 1
