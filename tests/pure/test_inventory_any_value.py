"""Whatever stands in the place of a value, the operator is told, once, and nothing breaks."""

from pathlib import Path

import pytest
from written_inventory import problems, write

from deployer import inventory
from deployer.errors import InventoryError, Problem
from deployer.inventory.vocabulary import model_schema
from deployer.model.host import HostVariables

BROKEN = '"{{ nowhere }}"'
LOCATION = {"path": "/", "static": "{root: /x}"}
SITE = {"name": "abc", "server_names": "abc.com", "locations": "[{path: /, static: {root: /x}}]"}
ODD = (
    "3", "text", "[]", "[[]]", "{}", "{a: b}", "null", "true", "1.5", "2026-01-01", "!!binary aGk=",
    "!!set {a}", "[null]", "{1: 2}", "[{}]",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the inventory is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fields(definition: str) -> list[str]:
    return list(model_schema()["$defs"][definition]["properties"])


def variable(name: str, value: str) -> str:
    return f"all: {{hosts: {{h: }}, vars: {{{name}: {value}}}}}"


def site(name: str, value: str) -> str:
    return variable("sites", f"[{flow({**SITE, name: value})}]")


def location(name: str, value: str) -> str:
    return site("locations", f"[{flow({**LOCATION, name: value})}]")


def flow(mapping: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in mapping.items()) + "}"


@pytest.mark.parametrize("name", HostVariables.model_fields)
def test_a_variable_with_a_broken_template_is_one_problem(folder: Path, name: str) -> None:
    assert len(problems(variable(name, BROKEN))) == 1


@pytest.mark.parametrize("name", fields("Site"))
def test_a_key_of_a_site_with_a_broken_template_is_one_problem(folder: Path, name: str) -> None:
    assert len(problems(site(name, BROKEN))) == 1


@pytest.mark.parametrize("name", fields("Location"))
def test_a_key_of_a_location_with_a_broken_template_is_one_problem(folder: Path, name: str) -> None:
    assert len(problems(location(name, BROKEN))) == 1


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_are_taken_or_told_with_a_place(folder: Path, odd: str) -> None:
    texts = [
        *(variable(name, odd) for name in HostVariables.model_fields),
        *(site(name, odd) for name in fields("Site")),
        *(location(name, odd) for name in fields("Location")),
        *(f"all: {{{section}: {odd}}}" for section in ("hosts", "children", "vars", "other")),
        *(f"all: {{{section}: {{a: {odd}}}}}" for section in ("hosts", "children", "vars")),
        f"all: {odd}",
        odd,
    ]
    for text in texts:
        assert all(problem.place for problem in told(text)), text


def told(text: str) -> tuple[Problem, ...]:
    """What is wrong with an inventory, which may be nothing."""
    try:
        inventory.load(write(text))
    except InventoryError as error:
        return error.problems
    return ()
