"""What a person gets who has no checkout: the wheel in an empty environment, used from an empty folder."""

import json
import os
import stat
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import deployer

CHECKOUT = Path(__file__).parents[2]
MINIMAL = """\
all:
  hosts:
    edge1.example.com:
      roles: [nginx, php_fpm, tomcat]
      sites:
        - name: shop
          server_names: [shop.example.com]
          tls: {self_signed: {}}
          locations:
            - path: /
              static: {root: /srv/www/shop}
"""

Installed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    _pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `deployer` of an environment that has nothing but the wheel and what it asks for."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    _pip(str(environment / "bin" / "python"), "install", "-c", str(CHECKOUT / "constraints.txt"), str(wheel))
    return environment / "bin" / "deployer"


@pytest.fixture
def installed(program: Path, tmp_path: Path) -> Installed:
    """Runs the installed program in an empty folder, for a user with an empty home."""

    def run(*words: str, expect_exit: int = 0) -> subprocess.CompletedProcess[str]:
        ended = _run([str(program), *words], cwd=tmp_path, env=_environment(tmp_path.parent))
        assert ended.returncode == expect_exit, f"{words}\n{ended.stdout}\n{ended.stderr}"
        return ended

    return run


def _pip(python: str, *words: str) -> None:
    ended = _run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", *words])
    assert ended.returncode == 0, ended.stderr


def _run(
    argv: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "XDG_"))}
    return {**kept, "HOME": str(home), "COLUMNS": "100"}


def test_the_wheel_carries_every_role_and_the_lab_and_nothing_that_a_running_lab_wrote(wheel: Path) -> None:
    names = {name.removeprefix("deployer/share/") for name in zipfile.ZipFile(wheel).namelist()}
    tracked = _run(["git", "-C", str(CHECKOUT), "ls-files", "roles", "lab", "docker-compose.yml"])
    wanted = {name for name in tracked.stdout.splitlines() if Path(name).name != ".gitignore"}

    assert wanted - names == set()
    assert [name for name in names if "host_vars" in name or "group_vars" in name or ".lab" in name] == []


def test_the_hosts_script_is_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    parts = sorted((CHECKOUT / "deployer/applier/script").glob("*.sh"))
    assert parts
    assert {f"deployer/applier/script/{part.name}" for part in parts} <= set(names)


def test_help_and_version_work(installed: Installed) -> None:
    assert "rollback" in installed("--help").stdout
    assert installed("--version").stdout.strip() == f"deployer {deployer.__version__}"


def test_the_schema_is_printed_for_editors(installed: Installed) -> None:
    schema = json.loads(installed("schema").stdout)

    assert "$schema" in schema


def test_a_minimal_inventory_is_validated_and_rendered_with_the_roles_of_the_wheel(
    installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "inventory.yaml").write_text(MINIMAL)

    assert "valid, 1 host" in installed("validate", "inventory.yaml").stdout
    installed("render", "inventory.yaml")

    host = tmp_path / "rendered" / "edge1.example.com" / "etc"
    assert "server_name shop.example.com;" in (host / "nginx/deployer/sites/shop.conf").read_text()
    assert [path.name for path in host.glob("php/*/fpm/pool.d/*.conf")] == ["deployer.conf"]
    assert [path.name for path in host.glob("tomcat*/*.xml")] == ["server.xml"]


def test_a_role_that_does_not_exist_is_told_apart_from_those_of_the_wheel(
    installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "inventory.yaml").write_text(MINIMAL.replace("php_fpm", "php_fmp"))

    refused = installed("validate", "inventory.yaml", expect_exit=2)

    assert "did you mean php_fpm?" in refused.stdout + refused.stderr


def test_the_labs_inventory_of_the_wheel_is_valid(
    installed: Installed, program: Path, tmp_path: Path
) -> None:
    (share,) = program.parents[1].glob("lib/python*/site-packages/deployer/share")

    told = installed("validate", str(share / "lab" / "inventory.yaml"), "--json")

    assert [host["host"] for host in json.loads(told.stdout)["hosts"]] == ["edge1", "edge2", "edge3"]
    assert stat.S_ISREG((share / "lab" / "setup").stat().st_mode)
    assert (share / "docker-compose.yml").is_file()
