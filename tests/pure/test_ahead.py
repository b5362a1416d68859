"""What is imported while hosts work on their first answers."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer import ahead


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the name of a module that nobody has imported yet."""
    name = "wanted_by_a_test_of_ahead"
    (tmp_path / f"{name}.py").write_text("what = [object() for _ in range(1000)]\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield name
    gc.unfreeze()


def test_what_is_wanted_is_imported_when_a_host_was_asked(wanted: str) -> None:
    ahead.want(wanted)
    assert wanted not in sys.modules
    ahead.catch_up()
    assert wanted in sys.modules


def test_garbage_is_never_searched_for_in_what_was_imported_ahead(wanted: str) -> None:
    ahead.want(wanted)
    frozen = gc.get_freeze_count()
    ahead.catch_up()
    assert gc.get_freeze_count() > frozen


def test_the_thousandth_host_freezes_nothing_that_could_become_garbage(wanted: str) -> None:
    ahead.want(wanted)
    ahead.catch_up()
    frozen = gc.get_freeze_count()
    young: list[list[str]] = [[] for _ in range(1000)]
    ahead.want(wanted)
    ahead.catch_up()
    assert young
    assert gc.get_freeze_count() <= frozen
