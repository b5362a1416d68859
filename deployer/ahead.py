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
    fresh = [module for module in _wanted if module not in sys.modules]
    _wanted.clear()
    for module in fresh:
        import_module(module)
    if fresh:
        gc.freeze()  # it is there to stay, as what the start imported
