"""Compiled templates are kept from run to run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment
from jinja2.bccache import Bucket

from deployer.render.bytecode import Kept

INVENTORY = """
all:
  hosts:
    edge1: {sites: [{name: abc, server_names: [abc.test], locations: [{path: /, static: {root: /srv}}]}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    return tmp_path


def render(folder: Path, to: str, **environment: str) -> None:
    """Render as an operator does, who has a cache folder of their own."""
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, "-m", "deployer", "render", "inventory.yaml", "--out", to],
        cwd=folder,
        env={
            **kept,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "XDG_CACHE_HOME": str(folder / "cache"),
            **environment,
        },
        capture_output=True,
        check=True,
    )


def compiled(folder: Path) -> dict[str, int]:
    """Each kept file with its inode: what is compiled again is a new file."""
    return {path.name: path.stat().st_ino for path in folder.glob("cache/deployer/templates-*/*")}


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_one_run_compiles_the_next_one_does_not_compile_again(folder: Path) -> None:
    render(folder, "first")
    kept = compiled(folder)
    render(folder, "second")

    assert len(kept) > 5
    assert compiled(folder) == kept
    assert written(folder / "first") == written(folder / "second")


def test_a_cache_that_others_may_write_to_is_not_used(folder: Path) -> None:
    render(folder, "first")
    (there,) = folder.glob("cache/deployer/templates-*")
    for path in there.iterdir():
        path.unlink()
    there.chmod(0o777)

    render(folder, "second")

    assert compiled(folder) == {}


def test_who_wants_no_bytecode_gets_none(folder: Path) -> None:
    render(folder, "first", PYTHONDONTWRITEBYTECODE="1")

    assert not (folder / "cache").exists()


def test_a_cache_without_room_is_no_error(tmp_path: Path) -> None:
    environment = Environment(loader=DictLoader({"a": "text"}), bytecode_cache=Kept(str(tmp_path)))
    bucket = Bucket(environment, "key", "checksum")
    bucket.code = compile("1", "a", "eval")
    tmp_path.rmdir()

    environment.bytecode_cache.dump_bytecode(bucket)  # type: ignore[union-attr]  # it was given above

    assert environment.get_template("a").render() == "text"
