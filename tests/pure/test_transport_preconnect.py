import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.transport.preconnect import Preconnection

EARLY = """
import asyncio, socket, sys
from deployer.errors import UnreachableError
from deployer.model.host import Host, HostVariables
from deployer.transport.connect import connect

class Door:
    def find_spec(self, name, path=None, target=None):
        if name != "asyncssh":
            return None
        for server in servers:
            server.settimeout(10)
            server.accept()
        print("both called")
        raise UnreachableError("seen enough")

servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
hosts = [
    Host(f"edge{port}", settings=HostVariables(ansible_host="127.0.0.1", ansible_port=port))
    for port in (server.getsockname()[1] for server in servers)
]

async def call():
    await asyncio.gather(*map(connect, hosts))

sys.meta_path.insert(0, Door())
try:
    asyncio.run(call())
except UnreachableError as error:
    print(error.message)
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's ~/.ssh/config would be."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh/config"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening


def port_of(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


def begins(host: str, server: socket.socket) -> bool:
    """Whether `host` is called, as far as a listener on loopback can hear."""
    begun = Preconnection(host, port_of(server))
    server.settimeout(0.2)
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    finally:
        begun.hang_up()
    return True


def stands(begun: Preconnection, host: str, port: int) -> socket.socket | None:
    return asyncio.run(begun.stands(host, port))


def test_hosts_that_start_together_are_called_before_the_ssh_library_is_imported(config: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True, check=False)

    assert ended.stdout == "both called\nseen enough\n", ended.stderr


def test_what_was_begun_is_handed_over_once_it_stands(config: Path, server: socket.socket) -> None:
    begun = Preconnection("127.0.0.1", port_of(server))
    far = server.accept()[0]
    far.sendall(b"SSH-2.0-")

    near = stands(begun, "127.0.0.1", port_of(server))

    assert near is not None
    near.setblocking(True)
    assert near.recv(8) == b"SSH-2.0-"
    begun.hang_up()
    near.sendall(b"still there")
    assert far.recv(20) == b"still there"
    near.close()
    far.close()


def test_who_is_not_wanted_is_hung_up(config: Path, server: socket.socket) -> None:
    begun = Preconnection("127.0.0.1", port_of(server))
    far = server.accept()[0]

    assert stands(begun, "127.0.0.2", port_of(server)) is None
    begun.hang_up()

    assert far.recv(1) == b""
    far.close()


def test_a_refusal_is_told_to_who_waits(config: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = port_of(taken)
        begun = Preconnection("127.0.0.1", port)

        with pytest.raises(ConnectionRefusedError):
            stands(begun, "127.0.0.1", port)
        begun.hang_up()


def test_a_name_is_left_to_who_can_wait_for_its_lookup(config: Path, server: socket.socket) -> None:
    assert not begins("localhost", server)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "HostName 192.0.2.1",
            "  hostname=192.0.2.1",
            "Port 2222",
            "ProxyJump bastion",
            "ProxyCommand nc %h %p",
        ),
        *("Match host x", "Include more", "AddressFamily inet6", "BindAddress ::1", "BindInterface eth1"),
        "CanonicalizeHostname yes",
    ],
)
def test_nobody_is_called_where_the_configuration_may_lead_elsewhere(
    config: Path, server: socket.socket, line: str
) -> None:
    config.write_text(f"Host *\n{line}\n")

    assert not begins("127.0.0.1", server)


def test_a_configuration_that_names_no_way_changes_nothing(config: Path, server: socket.socket) -> None:
    config.write_text("Host *\n  User ops\n  IdentityFile ~/.ssh/port\n# HostName x\n")

    assert begins("127.0.0.1", server)


def test_a_configuration_that_is_changed_is_read_again(config: Path, server: socket.socket) -> None:
    config.write_text("User ops\n")
    assert begins("127.0.0.1", server)

    config.write_text("HostName 192.0.2.1\n")

    assert not begins("127.0.0.1", server)


def test_a_configuration_that_cannot_be_read_may_lead_anywhere(config: Path, server: socket.socket) -> None:
    config.mkdir()

    assert not begins("127.0.0.1", server)
