"""Visitors ask all the time while releases change: nobody sees one go wrong."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from asking import KeepAlive, Multiplexed, NewConnections, Server, Tally, Visitors, visitors
from operating import Desk, wait_for, walk
from visiting import Lab
from wire_http2 import Http2

from deployer.outcome import State

EDGES = ("edge1", "edge2")
TIMES = 10
LINES = 5000
SLOW = "<?php usleep(600000); echo 'slow but whole';\n"
HELLO = ("- path: /hello", "  redirect: {to: /0, status: 302}")


def write_big(desk: Desk, version: int) -> None:
    (desk.folder / "roles/abc_pages/files/abc/big.txt").write_text(f"version {version:04d}\n" * LINES)


PAGES = {
    "/": lambda body: b"</html>" in body,
    # Of one version, the old one or the new one, to its last line.
    "/big.txt": lambda body: body[:8] == b"version " and body == body[:13] * LINES,
    "/app/": lambda body: json.loads(body)["script"] == "index.php",
    "/app/hello.php": lambda body: json.loads(body)["script"] == "hello.php",
    "/Tomcat/": lambda body: len(body) > 0,
    "/api/": lambda body: json.loads(body)["method"] == "GET",
}
LONG = {"/app/slow.php": lambda body: body == b"slow but whole"}


@pytest.fixture
def slow_script(lab: Lab) -> Iterator[None]:
    """A script that takes its time; php-fpm's container has its own copy of what nginx sees."""
    php = lab.container("php")
    php.check_output("printf %%s %s >/app/public/slow.php", SLOW)
    yield
    php.check_output("rm -f /app/public/slow.php")


def server_of(lab: Lab, edge: str) -> Server:
    member = lab.status.member(edge)
    assert member is not None
    return Server(member.address, lab.status.ca, PAGES)


def send_everybody(crowd: Visitors, lab: Lab, edge: str) -> dict[str, Tally]:
    """Let visitors of every kind ask an edge; those who run a long script, too."""
    server = server_of(lab, edge)
    slow = replace(server, pages=LONG)
    kinds = {
        "new connections": (NewConnections(), server, 0.1),
        "keep-alive": (KeepAlive(repeats=True), server, 0.05),
        "keep-alive that repeats nothing": (KeepAlive(repeats=False), server, 0.05),
        "HTTP/2": (Multiplexed(), server, 0.2),
        "long requests": (NewConnections(), slow, 0.1),
    }
    tallies = {kind: Tally() for kind in kinds}
    for kind, (client, asked, pause) in kinds.items():
        crowd.send(client, asked, tallies[kind], pause=pause)
    return tallies


def answer_everybody_once_more(told: dict[str, dict[str, Tally]]) -> None:
    """Wait until each visitor has had another answer: none leaps over a release."""
    tallies = [tally for edge in told.values() for tally in edge.values()]
    had = [tally.answered for tally in tallies]
    wait_for(
        lambda: all(tally.answered > before for tally, before in zip(tallies, had, strict=True)),
        sentence="a visitor is not answered any more",
    )


def test_twenty_applies_and_rollbacks_lose_no_request(lab: Lab, desk: Desk, slow_script: None) -> None:
    (desk.folder / "roles/abc_pages/files/app/slow.php").write_text(SLOW)
    desk.add_location(*HELLO)
    write_big(desk, 0)
    walk(desk.inventory, *EDGES)

    with visitors() as crowd:
        told = {edge: send_everybody(crowd, lab, edge) for edge in EDGES}
        answer_everybody_once_more(told)
        for time in range(TIMES):
            desk.edit(f"{{to: /{time}, status: 302}}", f"{{to: /{time + 1}, status: 302}}")
            write_big(desk, time + 1)
            changed = walk(desk.inventory, *EDGES)
            answer_everybody_once_more(told)
            back = walk(desk.inventory, *EDGES, back=True)
            answer_everybody_once_more(told)
            assert {each.state for each in (*changed, *back)} == {State.CHANGED}

    for tallies in told.values():
        for kind, tally in tallies.items():
            assert tally.failures == [], kind
            assert tally.answered > 2 * TIMES, (kind, tally)
        # Every connection of HTTP/2 but the last was ended by a GOAWAY, and none without. How many there were
        # is chance: one that a reload meets in its handshake lives through all that follow (see below).
        over_http2 = tallies["HTTP/2"]
        assert over_http2.farewells == over_http2.connections - 1 > 0, over_http2
        assert over_http2.closed == 0, over_http2


async def dial_across(server: Server, change: Callable[[], object]) -> Http2:
    """Open a connection, let `change` happen, and only then begin its TLS handshake."""
    reader, writer = await asyncio.open_connection(server.address, 443)
    await asyncio.to_thread(change)
    await writer.start_tls(server.trust("h2"), server_hostname="abc.test")
    return Http2(reader, writer)


@pytest.mark.parametrize("edge", EDGES)
def test_an_http2_connection_that_a_reload_meets_in_its_handshake_stays_with_the_old_configuration(
    lab: Lab, desk: Desk, edge: str
) -> None:
    desk.add_location(*HELLO)
    walk(desk.inventory, edge)
    desk.edit("{to: /0, status: 302}", "{to: /0, status: 307}")

    async def ask_across_a_release() -> set[int]:
        early = await dial_across(server_of(lab, edge), lambda: walk(desk.inventory, edge))
        statuses = {(await early.ask("/hello"))[0] for _ in range(20)}
        told = await asyncio.to_thread(desk.type, "status", "--limit", edge, "--json")
        held = [worker["connections"] for worker in told.host["workers"] if worker["draining"]]
        assert (held, early.usable) == ([1], True)
        await early.close()
        return statuses

    assert asyncio.run(ask_across_a_release()) == {302}
    assert lab.get("/hello", edge=edge).status_code == 307
