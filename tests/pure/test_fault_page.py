"""The page of the fault matrix: every row of the tests is on it, and no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_page import PAGE, Result, page, read, write
from fault_rows import FAULTS, Row, all_rows

TESTS = sorted((Path(__file__).parents[1] / "e2e").glob("test_faults_*.py"))
SHOWN = Result("the old site", "the old release", "exit 4", "the new site")


def test_the_page_has_every_row_that_is_tested_and_no_other() -> None:
    assert list(read(PAGE.read_text(encoding="utf-8"))) == list(all_rows())


def test_the_page_is_what_its_results_make() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert page(read(text)) == text


def _tested() -> Iterator[str]:
    """Yield the faults whose rows a test asks for."""
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="rows_of"), args=[ast.Constant(value=str(fault))]):
                    yield fault


def test_every_fault_has_one_test() -> None:
    assert sorted(_tested()) == sorted(fault.name for fault in FAULTS)


def test_no_row_is_there_twice() -> None:
    rows = list(all_rows())

    assert len(rows) == len(set(rows))


def test_a_run_of_some_rows_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    first, second = list(all_rows())[:2]
    path = tmp_path / "page.md"
    write({first: SHOWN, second: SHOWN}, path)

    changed = Result("the new site", "the new release", "exit 0", "nothing to do")
    write({second: changed}, path)

    assert read(path.read_text()) == {first: SHOWN, second: changed}


def test_equal_results_leave_the_page_untouched(tmp_path: Path) -> None:
    row = next(all_rows())
    path = tmp_path / "page.md"
    write({row: SHOWN}, path)
    path.chmod(0o400)
    before = path.stat().st_mtime_ns

    write({row: SHOWN}, path)

    assert path.stat().st_mtime_ns == before


def test_a_row_that_is_no_more_leaves_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    write({Row("Of former times", "always"): SHOWN}, path)

    assert read(path.read_text()) == {}


def test_words_that_would_break_the_table_are_refused() -> None:
    with pytest.raises(AssertionError, match="not for a table"):
        Result("a|b", "the old release", "exit 4", "the new site")
