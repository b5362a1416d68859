"""What an apply changes, what it leaves alone, and what it says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from operating import Desk, Typed, linked, nginx_of
from visiting import Lab
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket

from deployer import deploy
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, State
from deployer.transport import LineSink, Result, Stream, Transport
from deployer.transport.connect import connect

HELLO = ("- path: /hello", "  redirect: {to: /one, status: 302}")


@dataclass
class Counted:
    """The real way to the hosts, with every connection and every command written down."""

    connections: int = 0
    commands: list[Sequence[str]] = field(default_factory=list)

    async def connect(self, host: Host) -> Transport:
        self.connections += 1
        return CountedTransport(await connect(host), self.commands)


@dataclass
class CountedTransport:
    """Writes commands down before they run."""

    inner: Transport
    commands: list[Sequence[str]]

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: AsyncIterator[bytes] | None = None,
        on_line: LineSink | None = None,
    ) -> Result:
        self.commands.append(argv)
        return await self.inner.run(argv, stdin=stdin, on_line=on_line)

    async def stream(self, port: int) -> Stream:
        return await self.inner.stream(port)

    async def close(self) -> None:
        await self.inner.close()


def apply_counted(host: Host) -> tuple[Outcome, Counted]:
    counted = Counted()
    options = deploy.Options(reach=deploy.Reach(connect=counted.connect))

    def watch(name: str, phase: Phase, note: str) -> None: ...

    return asyncio.run(deploy.apply(host, options, watch)), counted


@pytest.mark.parametrize("edge", ["edge1", "edge2"])
def test_a_second_apply_is_one_connection_and_one_command_and_touches_nothing(
    lab: Lab, desk: Desk, edge: str
) -> None:
    serving = nginx_of(lab.container(edge))

    outcome, counted = apply_counted(desk.host(edge))

    assert (outcome.state, outcome.changes) == (State.UNCHANGED, ())
    assert (counted.connections, len(counted.commands)) == (1, 1)
    assert nginx_of(lab.container(edge)) == serving


def test_a_second_apply_says_that_nothing_changed(lab: Lab, desk: Desk) -> None:
    serving = nginx_of(lab.container("edge1"))

    told = desk.type("apply", "--limit", "edge1").stdout

    assert "changed: 0  unchanged: 1  failed: 0" in told
    assert nginx_of(lab.container("edge1")) == serving


def test_moving_a_site_down_in_the_file_reloads_nothing(lab: Lab, desk: Desk) -> None:
    desk.edit("          - name: abc\n", "\n\n          # The first site.\n          - name: abc\n")
    serving = nginx_of(lab.container("edge1"))

    assert desk.type("apply", "--limit", "edge1", "--json").host["state"] == "unchanged"
    assert nginx_of(lab.container("edge1")) == serving


def test_a_changed_location_serves_after_one_reload_of_the_same_nginx(lab: Lab, desk: Desk) -> None:
    before = nginx_of(lab.container("edge1"))
    desk.add_location(*HELLO)

    outcome = desk.type("apply", "--limit", "edge1", "--json").host

    assert outcome["state"] == "changed"
    assert {change["subject"] for change in outcome["changes"]} >= {"nginx"}
    assert {probe["verdict"] for probe in outcome["probes"]} == {"passed"}
    assert lab.get("/hello").headers["location"] == "/one"
    after = nginx_of(lab.container("edge1"))
    assert after.master == before.master
    assert not after.workers & before.workers
    assert after.linked == outcome["serving"] != before.linked


MISSPELT = (
    "- path: /typo",
    "  proxy: {upstream: api}",
    "  raw: proxy_pas http://127.0.0.1:1;",
)


def test_a_misspelt_directive_is_refused_with_the_line_of_the_inventory(lab: Lab, desk: Desk) -> None:
    desk.add_location(*MISSPELT)
    serving = nginx_of(lab.container("edge1"))
    homepage = lab.get("/").text

    told = desk.type("apply", "--limit", "edge1", expect_exit=5).stdout

    release = serving.linked
    head, error, origin, advice, *_ = told[told.index("edge1: ") :].splitlines()
    assert head == f"edge1: nginx refused the new configuration; release {release} still serves"
    assert error.startswith('    unknown directive "proxy_pas"  (rendered etc/nginx/deployer/sites/abc.conf:')
    assert origin == f"    from inventory.yaml:{desk.line_of('proxy_pas')}  sites[0].locations[6].raw"
    assert advice == "  next: deployer render inventory.yaml --limit edge1"
    assert nginx_of(lab.container("edge1")) == serving
    assert lab.get("/").text == homepage


def test_a_refusal_names_phase_and_release_and_leaves_no_trace(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge1")
    releases = machine.check_output("ls /etc/deployer/releases")
    desk.add_location(*MISSPELT)

    outcome = desk.type("apply", "--limit", "edge1", "--json", expect_exit=5).host

    assert (outcome["state"], outcome["phase"]) == ("refused", "validate")
    assert outcome["serving"] == linked(machine)
    assert machine.check_output("ls -A /etc/deployer/releases") == releases
    assert machine.run("ls -d /tmp/deployer.*").rc != 0


def test_one_host_refused_does_not_hide_another_that_changed(lab: Lab, desk: Desk) -> None:
    desk.add_location(*HELLO)
    desk.set_for("edge1", "nginx_http_raw", "proxy_pas on;")

    ended = desk.type("apply", "--limit", "edge1,edge2", "--json", expect_exit=5)

    assert list(ended.hosts) == ["edge1", "edge2"]
    assert ended.hosts["edge1"]["state"] == "refused"
    assert ended.hosts["edge2"]["state"] == "changed"
    assert 'unknown directive "proxy_pas"' in ended.hosts["edge1"]["said"][0]
    assert lab.get("/hello", edge="edge1").status_code == 404
    assert lab.get("/hello", edge="edge2").headers["location"] == "/one"


async def talk(socket: ClientConnection, quiet: asyncio.Event) -> int:
    """Say something and hear it again until `quiet`, and once more after; count the answers."""
    answered = 0
    while True:
        last = quiet.is_set()
        await socket.send(f"number {answered}")
        assert await asyncio.wait_for(socket.recv(), 30) == f"number {answered}"
        answered += 1
        if last:
            return answered
        await asyncio.sleep(0.05)


async def apply_while_visitors_talk(lab: Lab, desk: Desk, *, visitors: int) -> tuple[Typed, list[int]]:
    address = lab.address("edge1")
    quiet = asyncio.Event()
    async with AsyncExitStack() as opened:
        sockets = [
            await opened.enter_async_context(
                websocket(
                    "wss://abc.test/wss", host=address.host, port=address.port, ssl=lab.trust(), proxy=None
                )
            )
            for _ in range(visitors)
        ]
        async with asyncio.TaskGroup() as talks:
            talking = [talks.create_task(talk(socket, quiet)) for socket in sockets]
            ended = await asyncio.to_thread(desk.type, "apply", "--limit", "edge1", "--json")
            quiet.set()
    return ended, [task.result() for task in talking]


def test_open_websockets_live_through_a_reload(lab: Lab, desk: Desk) -> None:
    desk.add_location(*HELLO)
    before = nginx_of(lab.container("edge1"))

    ended, answered = asyncio.run(apply_while_visitors_talk(lab, desk, visitors=20))

    assert ended.host["state"] == "changed"
    assert not nginx_of(lab.container("edge1")).workers & before.workers
    assert len(answered) == 20
    assert min(answered) > 1
