"""One version: the package's, and the newest of the changelog."""

import re
from pathlib import Path

from typer.testing import CliRunner

import deployer
from deployer.cli.app import app

CHECKOUT = Path(__file__).parents[2]


def _released() -> list[tuple[str, str]]:
    changelog = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", changelog, flags=re.MULTILINE)


def test_the_newest_entry_of_the_changelog_is_the_version_of_the_package() -> None:
    assert _released()[0][0] == deployer.__version__


def test_the_changelog_goes_from_new_to_old() -> None:
    versions = [tuple(map(int, version.split("."))) for version, _ in _released()]
    dates = [date for _, date in _released()]

    assert versions == sorted(versions, reverse=True)
    assert dates == sorted(dates, reverse=True)


def test_the_program_says_its_version() -> None:
    said = CliRunner().invoke(app, ["--version"])

    assert said.stdout == f"deployer {deployer.__version__}\n"


def test_the_version_is_written_in_one_place_of_the_project() -> None:
    pyproject = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")

    assert re.search(r"^version\s*=", pyproject, flags=re.MULTILINE) is None
    assert 'dynamic = ["version"]' in pyproject
