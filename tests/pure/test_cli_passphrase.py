"""The passphrase of a local CA is asked for on a terminal, before any host is contacted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from certs_made import Wish, make
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PASSPHRASE = "seven brave horses"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An inventory of one host that nobody reaches, and a CA whose key is behind a passphrase."""
    ca = make("A CA", Wish(ca=True))
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca/ca.pem").write_text(ca.pem)
    (tmp_path / "ca/ca-key.pem").write_text(ca.encrypted_key_pem(PASSPHRASE.encode()))
    site = {
        "name": "abc",
        "server_names": ["abc.com"],
        "tls": {"local_ca": {"directory": "ca"}},
        "locations": [{"path": "/", "static": {"root": "/srv/www"}}],
    }
    unreached = {"ansible_host": "127.0.0.1", "ansible_port": 1, "sites": [site]}
    (tmp_path / "inventory.yaml").write_text(json.dumps({"all": {"hosts": {"edge1": unreached}}}))
    return tmp_path


def rotating(desk: Path, typed: str = "") -> tuple[int, str]:
    """Type the command on a terminal, and the passphrase when asked; without one where nothing is typed."""
    command = f"{sys.executable} -m deployer certs inventory.yaml --rotate-ca"
    argv = ["script", "-qec", command, "/dev/null"] if typed else command.split()
    clean = {name: value for name, value in os.environ.items() if name != "DEPLOYER_CA_PASSPHRASE"}
    with subprocess.Popen(
        argv,
        cwd=desk,
        env={**clean, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        said = b""
        while typed and not said.endswith(b"ca-key.pem: "):
            byte = running.stdout.read(1)
            assert byte, said.decode()
            said += byte
        if typed:
            running.stdin.write(f"{typed}\n".encode())
            running.stdin.flush()
        said += running.stdout.read()
    return running.returncode, said.decode()


def test_on_a_terminal_it_is_asked_for_and_not_shown(desk: Path) -> None:
    exit_code, said = rotating(desk, PASSPHRASE)

    assert exit_code == 4
    assert "passphrase of" in said
    assert PASSPHRASE not in said
    key = (desk / "ca/ca-key.pem").read_bytes()
    assert load_pem_private_key(key, PASSPHRASE.encode())
    assert (desk / "ca/ca-previous.pem").exists()


def test_a_wrong_one_ends_the_run_before_anything_is_done(desk: Path) -> None:
    exit_code, said = rotating(desk, "seven lame horses")

    assert exit_code == 2
    assert "the passphrase does not open the key" in said
    assert not (desk / "ca/ca-previous.pem").exists()


def test_without_a_terminal_the_error_names_the_variable(desk: Path) -> None:
    exit_code, said = rotating(desk)

    assert exit_code == 2
    assert "DEPLOYER_CA_PASSPHRASE" in said
