import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest
from ssh_server import Home, Sshd, make_home
from transport_contract import until

from deployer.errors import UnreachableError
from deployer.model.host import Host, HostVariables
from deployer.transport import Result, Stream
from deployer.transport.ssh import SshTransport
from deployer.transport.ssh_login import Patience


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = make_home(tmp_path / "home")
    monkeypatch.setenv("HOME", str(made.path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return made


@pytest.fixture
def sshd(home: Home) -> Iterator[Sshd]:
    server = Sshd(authorized=home.public_key)
    server.start()
    home.trust(server.known_hosts_line())
    yield server
    server.stop()


@pytest.fixture
def bastion(home: Home) -> Iterator[Sshd]:
    server = Sshd(authorized=home.public_key, user="jumper")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncssh.SSHKey]:
    """OpenSSH's agent with one key, which is nowhere else."""
    path = tmp_path / "agent"
    key = asyncssh.generate_private_key("ssh-ed25519")
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as running:
        wait_until_heard(path)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        asyncio.run(_add(path, key))
        yield key
        running.terminate()


def wait_until_heard(path: Path) -> None:
    """Wait until somebody listens at the socket `path`, which is there a moment before."""
    for _ in range(500):
        with socket.socket(socket.AF_UNIX) as caller, suppress(OSError):
            caller.connect(str(path))
            return
        time.sleep(0.02)
    pytest.fail(f"nobody listens at {path}")


async def _add(path: Path, key: asyncssh.SSHKey) -> None:
    async with asyncssh.connect_agent(str(path)) as agent:
        await agent.add_keys([key])


def host(port: int, **settings: object) -> Host:
    known = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_user": "deploy"} | settings
    return Host("edge1", settings=HostVariables.model_validate(known))


def run(target: Host, *argv: str, patience: Patience | None = None) -> Result:
    async def whole() -> Result:
        transport = await SshTransport.open(target, patience=patience)
        try:
            return await transport.run(argv)
        finally:
            await transport.close()

    return asyncio.run(whole())


def refusal(target: Host, *, patience: Patience | None = None) -> UnreachableError:
    with pytest.raises(UnreachableError) as caught:
        run(target, "true", patience=patience)
    return caught.value


def test_a_run_of_commands_is_one_login(sshd: Sshd) -> None:
    async def whole() -> None:
        transport = await SshTransport.open(host(sshd.port))
        for _ in range(3):
            await transport.run(("true",))
        await transport.close()

    asyncio.run(whole())

    assert sshd.logins == ["deploy"]


def test_an_unknown_host_key_is_refused_with_its_fingerprint(sshd: Sshd, home: Home) -> None:
    home.trust()

    error = refusal(host(sshd.port))

    assert f"127.0.0.1:{sshd.port} is unknown" in error.message
    assert sshd.key.get_fingerprint() in error.message
    assert f"ssh-keyscan -p {sshd.port} 127.0.0.1 >> {home.ssh}/known_hosts" in error.next_step
    assert sshd.logins == []


@pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_a_changed_host_key_is_refused_with_the_line_that_knows_better(
    sshd: Sshd, home: Home, algorithm: str
) -> None:
    other = asyncssh.generate_private_key(algorithm).export_public_key().decode()
    file = home.trust("# hosts\n", f"[127.0.0.1]:{sshd.port} {other}")

    error = refusal(host(sshd.port))

    assert "has changed" in error.message
    assert f"{file}:2" in error.message
    assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}' -f {file}" in error.next_step
    assert sshd.logins == []


def test_turning_the_check_off_in_ssh_config_does_not_turn_it_off_here(sshd: Sshd, home: Home) -> None:
    home.trust()
    home.config("Host *\n  UserKnownHostsFile none\n  StrictHostKeyChecking no\n")

    assert "is unknown" in refusal(host(sshd.port)).message


def test_the_inventory_can_name_the_known_hosts_file(sshd: Sshd, home: Home, tmp_path: Path) -> None:
    home.trust()
    (tmp_path / "lab_known_hosts").write_text(sshd.known_hosts_line())
    named = host(sshd.port, ansible_ssh_known_hosts_file=str(tmp_path / "lab_known_hosts"))

    assert run(named, "echo", "in").stdout == "in\n"


def test_a_line_that_nobody_can_read_does_not_hide_the_others(sshd: Sshd, home: Home) -> None:
    home.trust("nonsense\n", "|9|bad|hash ssh-ed25519 AAAA\n", sshd.known_hosts_line())

    assert run(host(sshd.port), "echo", "in").stdout == "in\n"


def test_a_refused_login_says_who_tried_and_with_which_keys(sshd: Sshd, home: Home) -> None:
    error = refusal(host(sshd.port, ansible_user="nobody"))

    assert f"127.0.0.1:{sshd.port} does not let the user 'nobody' in" in error.message
    assert f"{home.ssh}/id_ed25519, no agent" in error.message
    assert "ssh-copy-id" in error.next_step


def test_the_key_of_the_inventory_is_used(sshd: Sshd, home: Home, tmp_path: Path) -> None:
    (home.ssh / "id_ed25519").rename(tmp_path / "lab_key")

    assert run(host(sshd.port, ansible_ssh_private_key_file=str(tmp_path / "lab_key")), "true").exit_code == 0


def test_an_encrypted_key_without_an_agent_asks_for_ssh_add(sshd: Sshd, home: Home, tmp_path: Path) -> None:
    (home.ssh / "id_ed25519").rename(tmp_path / "locked")
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "sesame", "-f", tmp_path / "locked"], check=True)

    error = refusal(host(sshd.port, ansible_ssh_private_key_file=str(tmp_path / "locked")))

    assert f"{tmp_path}/locked (encrypted), no agent" in error.message
    assert error.next_step == f"ssh-add {tmp_path}/locked"


def test_an_encrypted_key_is_taken_from_the_agent(
    sshd: Sshd, home: Home, agent: asyncssh.SSHKey, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    locked.write_bytes(agent.export_private_key())
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "sesame", "-f", locked], check=True)
    agent.write_public_key(f"{locked}.pub")
    sshd.authorized = agent.convert_to_public()

    assert run(host(sshd.port, ansible_ssh_private_key_file=str(locked)), "true").exit_code == 0


@pytest.mark.parametrize(("text", "said"), [(None, "cannot be read"), ("not a key", "no private key can be")])
def test_a_key_file_that_is_no_key_is_named(sshd: Sshd, tmp_path: Path, text: str | None, said: str) -> None:
    key = tmp_path / "key"
    if text is not None:
        key.write_text(text)

    error = refusal(host(sshd.port, ansible_ssh_private_key_file=str(key)))

    assert said in error.message
    assert "ansible_ssh_private_key_file" in error.next_step


def test_an_agent_opens_the_door_for_a_key_that_is_not_on_disk(
    sshd: Sshd, home: Home, agent: asyncssh.SSHKey
) -> None:
    sshd.authorized = agent.convert_to_public()

    assert run(host(sshd.port), "echo", "in").stdout == "in\n"


def test_a_closed_port_is_said_to_refuse(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refusal(host(taken.getsockname()[1]))

    assert "refused the connection" in error.message
    assert "sshd" in error.next_step


def test_a_server_that_accepts_and_says_nothing_is_given_up(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        error = refusal(host(silent.getsockname()[1]), patience=Patience(connect=0.5))

    assert "no answer from 127.0.0.1" in error.message
    assert "within 0.5 s" in error.message
    assert time.monotonic() - started < 5


def test_a_name_that_nobody_knows_is_said(home: Home) -> None:
    error = refusal(host(22, ansible_host="no-such-host.invalid"), patience=Patience(connect=30))

    assert "the name no-such-host.invalid is not known" in error.message
    assert "ansible_host" in error.next_step


def test_a_connection_cut_in_mid_command_is_an_error_and_not_a_result(sshd: Sshd) -> None:
    seen: list[str] = []

    async def cut() -> AsyncIterator[bytes]:
        await until(lambda: seen == ["begun"])
        sshd.drop_connections()
        await asyncio.Event().wait()
        yield b""

    async def whole() -> None:
        transport = await SshTransport.open(host(sshd.port))
        try:
            script = ("sh", "-c", "echo begun; sleep 20")
            await asyncio.wait_for(transport.run(script, stdin=cut(), on_line=seen.append), 15)
        finally:
            await transport.close()

    with pytest.raises(UnreachableError, match=r"the connection to 127\.0\.0\.1 was lost"):
        asyncio.run(whole())


def test_a_frozen_server_is_noticed_by_its_silence(sshd: Sshd) -> None:
    async def whole() -> None:
        patience = Patience(keepalive=0.2, misses=2)
        transport = await SshTransport.open(host(sshd.port), patience=patience)
        sshd.freeze()
        try:
            await asyncio.wait_for(transport.run(("true",)), 15)
        finally:
            await transport.close()

    with pytest.raises(UnreachableError, match="was lost"):
        asyncio.run(whole())


def test_after_close_nothing_runs(sshd: Sshd) -> None:
    async def whole() -> None:
        transport = await SshTransport.open(host(sshd.port))
        await transport.close()
        await transport.run(("true",))

    with pytest.raises(UnreachableError):
        asyncio.run(whole())


def test_ssh_config_names_address_user_port_and_key(sshd: Sshd, home: Home) -> None:
    (home.ssh / "id_ed25519").rename(home.ssh / "work_key")
    home.config(
        f"Host edge1\n  HostName 127.0.0.1\n  Port {sshd.port}\n"
        "  User deploy\n  IdentityFile ~/.ssh/work_key\n"
    )

    assert run(Host("edge1"), "echo", "in").stdout == "in\n"


def test_the_inventory_wins_over_ssh_config(sshd: Sshd, home: Home) -> None:
    home.config("Host *\n  Port 1\n  User somebody\n  IdentityFile ~/.ssh/none\n")

    named = host(sshd.port, ansible_ssh_private_key_file=str(home.ssh / "id_ed25519"))

    assert run(named, "true").exit_code == 0
    assert sshd.logins == ["deploy"]


def test_a_jump_host_of_ssh_config_is_passed(sshd: Sshd, bastion: Sshd, home: Home) -> None:
    home.trust(sshd.known_hosts_line(), bastion.known_hosts_line())
    home.config(
        f"Host gate\n  HostName 127.0.0.1\n  Port {bastion.port}\n  User jumper\nHost *\n  ProxyJump gate\n"
    )

    assert run(host(sshd.port), "echo", "in").stdout == "in\n"
    assert bastion.tunnels == [("127.0.0.1", sshd.port)]
    assert (bastion.logins, sshd.logins) == (["jumper"], ["deploy"])


def test_the_key_of_a_jump_host_is_checked_too(sshd: Sshd, bastion: Sshd, home: Home) -> None:
    home.config(f"Host *\n  ProxyJump jumper@127.0.0.1:{bastion.port}\n")

    error = refusal(host(sshd.port, ansible_host="localhost"))

    assert f"the host key of jump host 127.0.0.1:{bastion.port} is unknown" in error.message
    assert (bastion.logins, sshd.logins) == ([], [])


def test_a_broken_ssh_config_is_named_with_its_line(sshd: Sshd, home: Home) -> None:
    home.config("Host *\n  Port many\n")

    error = refusal(Host("127.0.0.1"))

    assert f"{home.ssh}/config line 2" in error.message


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello from the host\n")
    writer.close()


async def _read(stream: Stream) -> bytes:
    said = b""
    while chunk := await stream.read():
        said += chunk
    stream.close()
    return said


def test_a_port_of_the_host_is_reached_through_the_connection(sshd: Sshd) -> None:
    async def whole() -> tuple[bytes, int]:
        async with await asyncio.start_server(_greet, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            transport = await SshTransport.open(host(sshd.port))
            said = await _read(await transport.stream(port))
            await transport.close()
            return said, port

    said, port = asyncio.run(whole())

    assert said == b"hello from the host\n"
    assert sshd.tunnels == [("127.0.0.1", port)]


def test_what_is_said_before_hanging_up_reaches_the_port(sshd: Sshd) -> None:
    async def whole() -> bytes:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.set_result(await reader.read())
            writer.close()

        async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
            transport = await SshTransport.open(host(sshd.port))
            stream = await transport.stream(server.sockets[0].getsockname()[1])
            stream.write(b"goodbye")
            stream.close()
            stream.close()
            stream.write(b"too late")
            said = await asyncio.wait_for(heard, 10)
            await transport.close()
            return said

    assert asyncio.run(whole()) == b"goodbye"


def test_a_stream_ends_with_the_connection_that_carries_it(sshd: Sshd) -> None:
    async def whole() -> bytes:
        ended = asyncio.Event()

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            ended.set()

        async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
            transport = await SshTransport.open(host(sshd.port))
            stream = await transport.stream(server.sockets[0].getsockname()[1])
            sshd.drop_connections()
            said = await asyncio.wait_for(_read(stream), 10)
            with pytest.raises(ConnectionError):
                await transport.stream(1)
            await transport.close()
            await ended.wait()
            return said

    assert asyncio.run(whole()) == b""


def test_where_forwarding_is_forbidden_the_host_itself_is_asked(sshd: Sshd) -> None:
    sshd.allow_forwarding = False

    assert asyncio.run(_greeted_through(sshd, times=3)) == [b"hello from the host\n"] * 3
    assert sshd.refused == 1


def test_a_port_where_nothing_listens_is_not_a_server_that_forbids(sshd: Sshd) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        assert asyncio.run(_greeted_through(sshd, port=port, times=2)) == [b"", b""]

    assert sshd.tunnels == [("127.0.0.1", port)] * 2


async def _greeted_through(sshd: Sshd, *, times: int, port: int = 0) -> list[bytes]:
    """What `times` visitors one after the other read at a port of the host; nothing where they are cut."""
    async with await asyncio.start_server(_greet, "127.0.0.1", 0) as server:
        transport = await SshTransport.open(host(sshd.port))
        try:
            asked = port or server.sockets[0].getsockname()[1]
            return [await _read_or_nothing(transport, asked) for _ in range(times)]
        finally:
            await transport.close()


async def _read_or_nothing(transport: SshTransport, port: int) -> bytes:
    try:
        return await _read(await transport.stream(port))
    except ConnectionError:
        return b""
