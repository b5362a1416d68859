"""What an apply changes, what it leaves alone, and what it says."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from operating import Desk, linked, nginx_of
from visiting import Lab
from websockets.sync.client import ClientConnection

from deployer import deploy
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, State
from deployer.transport import Address, LineSink, Result, Transport
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

    async def forward(self, port: int) -> Address:
        return await self.inner.forward(port)

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


class Chatter:
    """Visitors who talk to the echo on sockets that stay open."""

    def __init__(self, sockets: Sequence[ClientConnection]) -> None:
        self.sockets = sockets
        self.answered = [0] * len(sockets)
        self._quiet = threading.Event()
        self._threads = [
            threading.Thread(target=self._talk, args=(number,), daemon=True) for number in range(len(sockets))
        ]

    def _talk(self, number: int) -> None:
        socket = self.sockets[number]
        while not self._quiet.wait(0.05):
            said = f"{number}: {self.answered[number]}"
            socket.send(said)
            if socket.recv(timeout=10) != said:
                return
            self.answered[number] += 1

    def __enter__(self) -> "Chatter":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._quiet.set()
        for thread in self._threads:
            thread.join(timeout=15)


def test_open_websockets_live_through_a_reload(lab: Lab, desk: Desk) -> None:
    desk.add_location(*HELLO)
    with ExitStack() as opened:
        sockets = [opened.enter_context(lab.websocket("/wss")) for _ in range(20)]
        with Chatter(sockets) as chatter:
            outcome = desk.type("apply", "--limit", "edge1", "--json").host
            reloaded = list(chatter.answered)

        for number, socket in enumerate(sockets):
            socket.send(f"still here {number}")
            assert socket.recv(timeout=10) == f"still here {number}"

    assert outcome["state"] == "changed"
    assert lab.get("/hello").status_code == 302
    assert min(reloaded) > 0
    assert all(after >= during for after, during in zip(chatter.answered, reloaded, strict=True))
