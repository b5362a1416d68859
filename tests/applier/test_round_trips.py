"""What a walk costs on the wire: how often it waits for the host, what it opens there, how much it sends.

The real walk and script, a real nginx with TLS and a WebSocket, and an SSH server behind a long wire. What is
counted is exact as long as every side answers within half of the wire's delay.
"""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest
from conftest import Machine, free_port
from desk import Desk, watch
from ssh_server import Home, Sshd, make_home
from websockets.asyncio.server import ServerConnection, serve

from deployer import deploy
from deployer.applier.command import argv
from deployer.applier.conversation import to_apply
from deployer.model.host import Host
from deployer.outcome import Outcome, State
from deployer.transport.connect import connect
from tests.bench.proxy import Proxy

DELAY = 0.5
"""Seconds per round trip."""

BEFORE = 4
"""A connection to the site, TLS, the request, the echo; the orders are on their way meanwhile."""
GO = 1
"""The host may switch, and says that it has."""
AFTER = 4
"""As before, on new connections."""
CONFIRM = 1
ORDERS = 1
"""Where nobody looks before: the go-ahead is among them."""

VISITS = 2
"""One for the certificate and the page, one for the WebSocket."""
GOODBYE = 1
"""This server answers it where the command still runs; nobody waits for that."""
LINES = 1_500
"""Bytes of what is said in lines, and of SSH's own around them, at most."""
VISITING = 6_500
"""Bytes of all visits, before and after, of the orders, and of SSH's own around them, at most."""
RELEASE = 12_000
"""Bytes of the archive of a release with two files, at most."""

RAW = """
ssl_protocols TLSv1.3;
location = / {{ add_header X-Revision {revision}; return 200 "hello"; }}
location /wss {{
    proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
}}
"""


@dataclass(frozen=True)
class Cost:
    """What one run has cost.

    Attributes:
        round_trips: How often the controller waited for the wire, TCP's own handshake included.
        connections: To the SSH server.
        commands: On the host.
        visits: Connections to the host's sites, through the one to the SSH server.
        sent: Bytes to the host, as SSH encrypts them.
        received: Bytes from it.
    """

    round_trips: int
    connections: int
    commands: int
    visits: int
    sent: int
    received: int


@dataclass
class Line:
    """One site of one host at the end of a long wire."""

    sshd: Sshd
    home: Home
    desk: Desk
    backend: int

    def write(self, revision: str) -> None:
        self.desk.write(
            "abc",
            RAW.format(revision=revision, backend=self.backend),
            https_port=self.desk.sites.get("abc", {}).get("https_port") or free_port(),
            redirect_http=False,
            tls={"local_ca": {"directory": "ca"}},
            locations=[
                {"path": "/", "static": {"root": "/srv/www"}},
                {"path": "/wss", "websocket": {"upstream": f"127.0.0.1:{self.backend}"}, "probe": "echo"},
            ],
        )

    def cost(self, visit: Callable[[int], Awaitable[Outcome | None]]) -> tuple[Outcome | None, Cost]:
        """Do something with the host, which is at the port that is given."""

        async def measured() -> tuple[Outcome | None, Cost]:
            self.sshd.commands.clear()
            self.sshd.tunnels.clear()
            proxy = Proxy(("127.0.0.1", self.sshd.port), DELAY)
            async with serve(_echo, "127.0.0.1", self.backend):
                outcome = await visit(await proxy.listen())
                await proxy.close()
            on_wire = proxy.take()
            return outcome, Cost(
                on_wire.round_trips,
                on_wire.connections,
                len(self.sshd.commands),
                len(self.sshd.tunnels),
                on_wire.sent,
                on_wire.received,
            )

        return asyncio.run(measured())

    @property
    def looking(self) -> int:
        """Bytes of the command that looks, as the host's shell gets it."""
        return len(shlex.join(argv(self.desk.machine.privilege, "converse")).encode())

    @property
    def applying(self) -> int:
        """Bytes of the script's other half."""
        return len(to_apply(b""))

    def floor(self) -> Cost:
        """What a login and `true` cost."""

        async def visit(port: int) -> None:
            async with asyncssh.connect(
                "127.0.0.1",
                port,
                config=None,
                username="deploy",
                client_keys=[self.home.key],
                known_hosts=self._known(port),
                agent_path=None,
            ) as connection:
                await connection.run("true", check=True)

        return self.cost(visit)[1]

    def apply(self, conduct: deploy.Conduct | None = None) -> tuple[State, Cost]:
        options = deploy.Options(conduct=conduct or deploy.Conduct())
        return self._walked(lambda host, reach: deploy.apply(host, replace(options, reach=reach), watch))

    def rollback(self) -> tuple[State, Cost]:
        return self._walked(
            lambda host, reach: deploy.rollback(host, deploy.RollbackOptions(reach=reach), watch)
        )

    def _walked(self, walk: Callable[[Host, deploy.Reach], Awaitable[Outcome]]) -> tuple[State, Cost]:
        async def visit(port: int) -> Outcome:
            self._known(port)
            self.desk.connection = {
                "ansible_host": "127.0.0.1",
                "ansible_port": port,
                "ansible_user": "deploy",
            }
            return await walk(self.desk.host(), replace(self.desk.reach, connect=connect))

        outcome, cost = self.cost(visit)
        assert outcome
        assert {probe.verdict for probe in outcome.probes} <= {"passed"}, outcome.probes
        return outcome.state, cost

    def _known(self, port: int) -> str:
        key = self.sshd.key.export_public_key().decode().strip()
        return str(self.home.trust(f"[127.0.0.1]:{port} {key}\n"))


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@pytest.fixture
def line(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Line]:
    """A host whose site is live at its first version."""
    folder: Path = tmp_path_factory.mktemp("operator")
    home = make_home(folder / "home")
    monkeypatch.setenv("HOME", str(home.path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    sshd = Sshd(authorized=home.public_key)
    sshd.start()
    try:
        made = Line(sshd, home, Desk(machine, folder), free_port())
        made.write("1")
        assert made.apply()[0] == State.CHANGED
        yield made
    finally:
        sshd.stop()


def test_nothing_to_change_costs_what_a_login_costs(line: Line) -> None:
    floor = line.floor()

    state, cost = line.apply()

    assert state == State.UNCHANGED
    assert (cost.round_trips, cost.connections, cost.commands) == (floor.round_trips + GOODBYE, 1, 1)
    assert cost.visits == 0
    assert 0 < cost.sent - floor.sent - line.looking < LINES
    assert cost.received - floor.received < 8_000


def test_a_change_costs_ten_round_trips_more(line: Line) -> None:
    floor = line.floor()
    line.write("2")

    state, cost = line.apply()

    assert state == State.CHANGED
    assert cost.round_trips == floor.round_trips + BEFORE + GO + AFTER + CONFIRM
    assert (cost.connections, cost.commands, cost.visits) == (1, 1, 2 * VISITS)
    assert 0 < cost.sent - floor.sent - line.looking - line.applying < RELEASE + VISITING
    assert cost.received - floor.received < 17_000


def test_a_rollback_costs_what_a_change_costs(line: Line) -> None:
    line.write("2")
    line.apply()
    floor = line.floor()

    state, cost = line.rollback()

    assert state == State.CHANGED
    assert cost.round_trips == floor.round_trips + BEFORE + GO + AFTER + CONFIRM
    assert (cost.connections, cost.commands, cost.visits) == (1, 1, 2 * VISITS)
    assert 0 < cost.sent - floor.sent - line.looking - line.applying < VISITING
    # The manifests of all releases are among it.
    assert cost.received - floor.received < 18_500


def test_a_change_that_is_not_compared_needs_no_go_ahead_of_its_own(line: Line) -> None:
    floor = line.floor()
    line.write("2")

    state, cost = line.apply(deploy.Conduct(policy=deploy.Policy.STRICT))

    assert state == State.CHANGED
    assert cost.round_trips == floor.round_trips + ORDERS + AFTER + CONFIRM
    assert (cost.connections, cost.commands, cost.visits) == (1, 1, VISITS)
