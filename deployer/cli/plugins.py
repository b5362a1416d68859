"""Pydantic without its plugins: nobody else is shown the secrets of an inventory, and nobody is looked for.

To look for some, pydantic reads what every installed package says of itself, and imports Python's package for
e-mail: half of the time in which an inventory is loaded. PYDANTIC_DISABLE_PLUGINS spares only the reading.
"""

import sys
from importlib import import_module
from types import ModuleType

LOADER = "pydantic.plugin._loader"


class _Nobody(ModuleType):
    """Stands for pydantic's own module, which is there for whoever wants more of it than this."""

    def get_plugins(self) -> tuple[()]:
        """Return no plugins."""
        return ()

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # asked by import itself
            raise AttributeError(name)
        sys.modules.pop(LOADER, None)
        return getattr(import_module(LOADER), name)


def forgo() -> None:
    """Have pydantic find no plugins."""
    sys.modules.setdefault(LOADER, _Nobody(LOADER))
