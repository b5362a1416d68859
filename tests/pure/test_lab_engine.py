import socket
from pathlib import Path

import pytest

from deployer.errors import LabError
from deployer.lab.engine import connect


def test_a_machine_without_docker_is_told_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")

    with pytest.raises(LabError) as raised, connect("sudo sh lab/setup"):
        pass

    assert raised.value.exit_code == 8
    assert raised.value.next_step == "sudo sh lab/setup"


def test_an_engine_that_has_gone_and_left_its_socket_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "docker.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")

    with pytest.raises(LabError, match="no Docker engine answers"), connect("sudo sh lab/setup"):
        pass
