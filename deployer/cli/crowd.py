"""Hosts at a time that this process can have: what was asked for, or less with a warning."""

from deployer.cli.screen import Screen
from deployer.crowd import crowd
from deployer.report.text import warnings


def at_a_time(asked: int, hosts: int) -> int:
    """Return how many of `hosts` hosts may be under way at a time; less than asked for is told on stderr."""
    found = crowd(asked, hosts)
    for line in warnings([found.warning] if found.warning else ()):
        Screen(stderr=True, deaf=True).print(line)
    return found.parallel
