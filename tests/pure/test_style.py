"""The measures of the house style, so that a module that grows a second job is noticed."""

import ast
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import deployer

PACKAGE = Path(deployer.__file__).parent


@dataclass(frozen=True)
class Function:
    """One function of the package: where, how many lines below its docstring, how many parameters."""

    where: str
    lines: int
    parameters: int


def _modules() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "share" not in path.relative_to(PACKAGE).parts:
            yield path, path.read_text(encoding="utf-8")


def _functions() -> Iterator[Function]:
    for path, text in _modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                where = f"{path.relative_to(PACKAGE.parent)}:{node.lineno} {node.name}"
                yield Function(where, _lines(node), _parameters(node.args))


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1 if body else 0


def _parameters(arguments: ast.arguments) -> int:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    variadic = [found for found in (arguments.vararg, arguments.kwarg) if found]
    return len([one for one in (*every, *variadic) if one.arg not in ("self", "cls")])


@pytest.fixture(scope="module")
def functions() -> list[Function]:
    """Every function of the package, inner ones and methods included."""
    return list(_functions())


def test_no_function_is_longer_than_fifty_lines(functions: list[Function]) -> None:
    assert [found for found in functions if found.lines > 50] == []


def test_no_function_takes_more_than_five_parameters(functions: list[Function]) -> None:
    assert [found for found in functions if found.parameters > 5] == []


def test_half_of_the_functions_are_at_most_eight_lines_and_nine_of_ten_at_most_twenty_five(
    functions: list[Function],
) -> None:
    lines = [found.lines for found in functions]

    assert statistics.median(lines) <= 8
    assert sum(count <= 25 for count in lines) >= 0.9 * len(lines)


def test_no_module_is_longer_than_two_hundred_and_fifty_lines() -> None:
    longer = {str(path): len(text.splitlines()) for path, text in _modules() if text.count("\n") > 250}

    assert longer == {}


def test_no_two_files_of_the_tests_share_a_name() -> None:
    """Pytest imports them by name alone, and finds out only when all rings run at once."""
    rings = [Path(__file__).parents[1] / ring for ring in ("pure", "applier", "e2e")]
    names = Counter(path.name for ring in rings for path in ring.rglob("*.py") if path.name != "conftest.py")

    assert [name for name, count in names.items() if count > 1] == []
