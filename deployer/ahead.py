"""What is needed once a host has answered is imported while hosts work on their first answers."""

import gc
import sys
from importlib import import_module

_wanted: dict[str, None] = {}


def want(module: str) -> None:
    """Have `module` imported as soon as a host has been asked something, if nobody imports it before."""
    _wanted[module] = None


def catch_up() -> None:
    """Import what is wanted; called when a first question is on its way."""
    wanted = tuple(_wanted)
    _wanted.clear()
    for_good(*wanted)


def for_good(*modules: str) -> None:
    """Import `modules`; garbage is not searched for in what they bring, since they stay to the end."""
    fresh = [module for module in modules if module not in sys.modules]
    for module in fresh:
        import_module(module)
    if fresh:
        gc.freeze()
