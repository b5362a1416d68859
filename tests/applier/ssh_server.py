"""An SSH server on a loopback port, in a thread of its own, that a test can make fail."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncssh
import ssh_child

T = TypeVar("T")


@dataclass
class Sshd:
    """Knows one client key, and runs what it is told as the user of the tests.

    Attributes:
        key: Its host key.
        allow_forwarding: Answers "administratively prohibited" where false, as sshd does.
        logins: User names, one per connection that got in.
        tunnels: Destinations of forwarded channels.
        refused: How many channels were not forwarded.
        commands: What was run, oldest first.
    """

    key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    allow_forwarding: bool = True
    user: str = "deploy"
    authorized: asyncssh.SSHKey | None = None
    port: int = 0
    logins: list[str] = field(default_factory=list)
    tunnels: list[tuple[str, int]] = field(default_factory=list)
    refused: int = 0
    commands: list[str] = field(default_factory=list)
    connections: set[asyncssh.SSHServerConnection] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _acceptor: asyncssh.SSHAcceptor | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._do(self._listen())

    def stop(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def drop_connections(self) -> None:
        """Cut every connection without a goodbye."""
        for connection in list(self.connections):
            self._loop.call_soon_threadsafe(connection._transport.abort)

    def freeze(self) -> None:
        """Read nothing more from anybody, and keep the connections."""
        for connection in list(self.connections):
            self._loop.call_soon_threadsafe(connection._transport.pause_reading)

    def known_hosts_line(self, name: str = "127.0.0.1") -> str:
        return f"[{name}]:{self.port} {self.key.export_public_key().decode().strip()}\n"

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[self.key],
            server_factory=lambda: _Server(self),
            process_factory=self._run,
            encoding=None,
        )
        self.port = self._acceptor.get_port()

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.commands.append(process.command or "")
        await _run(process)

    async def _close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        for connection in list(self.connections):
            connection.abort()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


class _Server(asyncssh.SSHServer):
    def __init__(self, sshd: Sshd) -> None:
        self._sshd = sshd

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._sshd.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sshd.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        self._user = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._sshd.user and key == self._sshd.authorized

    def auth_completed(self) -> None:
        self._sshd.logins.append(self._user)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        if not self._sshd.allow_forwarding:
            self._sshd.refused += 1
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed")
        self._sshd.tunnels.append((dest_host, dest_port))
        return True


async def _run(process: asyncssh.SSHServerProcess[bytes]) -> None:
    await ssh_child.run(process, process.command or "")


@dataclass(frozen=True)
class Home:
    """An operator's home directory with a key pair."""

    path: Path
    key: asyncssh.SSHKey

    @property
    def ssh(self) -> Path:
        return self.path / ".ssh"

    @property
    def public_key(self) -> asyncssh.SSHKey:
        return self.key.convert_to_public()

    def trust(self, *lines: str) -> Path:
        file = self.ssh / "known_hosts"
        file.write_text("".join(lines))
        return file

    def config(self, text: str) -> None:
        (self.ssh / "config").write_text(text)


def make_home(path: Path) -> Home:
    key = asyncssh.generate_private_key("ssh-ed25519", comment="operator")
    (path / ".ssh").mkdir(parents=True, mode=0o700)
    key.write_private_key(path / ".ssh" / "id_ed25519")
    (path / ".ssh" / "id_ed25519").chmod(0o600)
    return Home(path, key)
