"""Inventories that a test writes and loads, in the folder where it works."""

from pathlib import Path
from textwrap import dedent

import pytest

from deployer import inventory
from deployer.errors import InventoryError
from deployer.inventory import Inventory

SITE = "[{name: abc, server_names: abc.com, locations: [{path: /, static: {root: /srv/www}}]}]"


def write(text: str, name: str = "inventory.yaml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def load(text: str, **options: object) -> Inventory:
    return inventory.load(write(text), **options)  # type: ignore[arg-type]  # tests pass what they mean


def problems(text: str, **options: object) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        load(text, **options)
    return [str(problem) for problem in caught.value.problems]
