import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ssh_server import Sshd, make_home
from transport_contract import Contract, LiveContract, Opener

from deployer.model.host import Host, HostVariables
from deployer.transport import Result, Transport
from deployer.transport.connect import connect
from deployer.transport.fake import FakeTransport


class TestLocal(LiveContract):
    @pytest.fixture
    def opener(self) -> Opener:
        return lambda: connect(Host("here", settings=HostVariables(ansible_connection="local")))


class TestSsh(LiveContract):
    @pytest.fixture
    def opener(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
        home = make_home(tmp_path / "home")
        monkeypatch.setenv("HOME", str(home.path))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        sshd = Sshd(authorized=home.public_key)
        sshd.start()
        home.trust(sshd.known_hosts_line())
        settings = HostVariables(ansible_host="127.0.0.1", ansible_port=sshd.port, ansible_user="deploy")
        yield lambda: connect(Host("edge1", settings=settings))
        sshd.stop()


class TestFake(Contract):
    """A fake whose function runs the command: what goes in and out must survive it."""

    @pytest.fixture
    def opener(self) -> Opener:
        async def opened() -> Transport:
            return FakeTransport(_really)

        return opened


def _really(argv: tuple[str, ...], stdin: bytes) -> Result:
    end = subprocess.run(argv, input=stdin, capture_output=True, check=False)
    code = end.returncode if end.returncode >= 0 else 128 - end.returncode
    return Result(code, end.stdout.decode(errors="replace"), end.stderr.decode())
