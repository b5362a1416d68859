"""Packages whose modules are imported when somebody asks for what is in them: a start is mostly imports."""

from collections.abc import Callable, Mapping
from importlib import import_module


def names(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package (PEP 562).

    Args:
        package: Its full name.
        modules: Names of modules in it, and what the package has of each, with blanks between.
    """
    homes = {name: module for module, told in modules.items() for name in told.split()}
    if clash := homes.keys() & modules.keys():
        raise ValueError(f"{package}: import has the module stand where {clash} should")

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return get
