"""`--workers` on the command line, before any worker is asked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.cli.engines import check_connections
from deployer.errors import UsageError
from deployer.model.host import Host, HostVariables

WITHOUT_DASK = "import sys; sys.modules['distributed'] = None; from deployer.cli import main; main()"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.yaml"
    path.write_text("all: {hosts: {edge1: {}}}\n")
    return path


def deployer(*arguments: object, key: str | None = None) -> tuple[int, dict[str, Any]]:
    """Run deployer in a Python without Dask; returns its exit code and its document."""
    known = {name: value for name, value in os.environ.items() if name != "DEPLOYER_WORKERS_KEY"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DASK, *map(str, arguments), "--json"],
        env={**known, **({"DEPLOYER_WORKERS_KEY": key} if key else {})},
        capture_output=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_without_dask_workers_are_a_mistake_and_the_way_to_it_is_told(inventory: Path) -> None:
    code, told = deployer("plan", inventory, "--workers", "tcp://127.0.0.1:1", key="a" * 32)

    assert code == 2
    assert told["message"] == "--workers needs Dask, which is not installed"
    assert told["next_step"] == "pip install 'deployer[dask]'"


def test_without_a_key_workers_are_a_mistake(inventory: Path) -> None:
    code, told = deployer("verify", inventory, "--workers", "tcp://127.0.0.1:1")

    assert code == 2
    assert "DEPLOYER_WORKERS_KEY is not set" in told["message"]


def test_a_host_that_is_this_machine_would_be_any_worker_and_is_refused() -> None:
    local = Host("desk", settings=HostVariables(ansible_connection="local"))

    with pytest.raises(UsageError, match="desk has ansible_connection: local"):
        check_connections([Host("edge1"), local])
