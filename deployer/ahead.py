"""What is needed once a host has answered is imported while hosts work on their first answers."""

from importlib import import_module

_wanted: dict[str, None] = {}


def want(module: str) -> None:
    """Have `module` imported as soon as a host has been asked something, if nobody imports it before."""
    _wanted[module] = None


def catch_up() -> None:
    """Import what is wanted; called when a first question is on its way."""
    while _wanted:
        import_module(_wanted.popitem()[0])
