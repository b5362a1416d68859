"""A fleet of the benchmark's simulated hosts: the command line, SSH and the script are real."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.simulated.fleet import Simulation, Trouble, simulated
from tests.bench.simulated.server import below
from tests.bench.simulated.tool import OnSimulated

SILENT, REFUSING, LATE = 1, 2, 3
HOSTS = 8
TELLING = """
import atexit, sys
from deployer.__main__ import main
atexit.register(lambda: print(*sys.modules, sep="\\n", file=sys.stderr))
main()
"""
DEAR = [
    *("rich", "httpx", "websockets", "docker", "tarfile", "importlib.metadata"),
    *(
        "deployer.applier.orders",
        "deployer.deploy.running",
        "deployer.deploy.rolling_back",
        "deployer.workers",
    ),
]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    """Eight hosts, three of them in trouble."""
    trouble = Trouble(silent=(SILENT,), refusing=(REFUSING,), late={LATE: 2.0})
    with simulated(HOSTS, tmp_path_factory.mktemp("work"), trouble) as running:
        yield running


def apply(fleet: Simulation, revision: str, *options: str) -> dict[str, Any]:
    """What `deployer apply --json` says, whatever its exit code."""
    told: dict[str, Any] = json.loads(applied(fleet, revision, "--json", *options).stdout)
    return told


def applied(
    fleet: Simulation, revision: str, *options: str, program: tuple[str, ...] = ("-m", "deployer")
) -> subprocess.CompletedProcess[str]:
    """Run `deployer apply`, or a `program` that does."""
    tool = OnSimulated()
    tool.prepare(fleet.scene, revision)
    command = tool.command(fleet.scene, "change")
    home = fleet.scene.folder / "home"
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    (home / ".ssh" / "config").write_text("ConnectTimeout 5\n")
    return subprocess.run(
        [sys.executable, *program, *command.argv[1:], *options],
        cwd=command.folder,
        env={**os.environ, **command.environment, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_dead_a_refusing_and_a_slow_host_keep_no_other_from_its_outcome(fleet: Simulation) -> None:
    states = [host["state"] for host in apply(fleet, "1")["hosts"]]

    assert states == ["unreachable", "refused", *(["changed"] * (HOSTS - 2))]


def test_every_host_has_files_of_its_own_and_a_second_apply_changes_none(fleet: Simulation) -> None:
    apply(fleet, "2", "--limit", "web0004,web0005")
    again = apply(fleet, "2", "--limit", "web0004,web0005")
    kept = [fleet.folder / number / "etc/deployer/current" for number in ("4", "5")]

    assert [host["state"] for host in again["hosts"]] == ["unchanged", "unchanged"]
    assert again["summary"]["probes_failed"] == 0
    assert all(
        'X-Revision "2"' in (link / "root/etc/nginx/deployer/sites/www.conf").read_text() for link in kept
    )


def test_a_run_that_changes_nothing_imports_what_it_needs_and_that_while_it_waits(fleet: Simulation) -> None:
    apply(fleet, "3", "--limit", "web0004")

    again = applied(fleet, "3", "--limit", "web0004", program=("-c", TELLING))
    imported = again.stderr.splitlines()

    assert "unchanged: 1" in again.stdout
    assert [name for name in DEAR if name in imported] == []
    late = min(map(imported.index, ("jinja2", "deployer.deploy.applying", "deployer.render.bundling")))
    assert imported.index("asyncssh") < late, "the host can be asked before those are there"


def test_nothing_runs_on_a_simulated_host_outside_its_folder() -> None:
    assert (
        below("sh -c 'SCRIPT' deployer '' observe a", Path("/tmp/7"))
        == "sh -c 'SCRIPT' deployer /tmp/7 observe a"
    )
    assert below("true", Path("/tmp/7")) == "true"
    assert "exit 126" in below("rm -rf /etc/nginx", Path("/tmp/7"))
