"""What is seen while it happens: a line per host on a terminal, plain lines elsewhere; on stderr."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from deployer.cli.lines import CountedProgress, PlainProgress
from deployer.cli.screen import Screen
from deployer.rollout import Listener

PLAIN_HOSTS = 20
"""Hosts up to which each phase is a line of its own, where there is no terminal."""


class Progress(Listener, Protocol):
    """A listener with a place on the screen."""

    def shown(self) -> AbstractContextManager[object]:
        """Occupy the screen while the context lasts."""
        ...


def progress(hosts: Sequence[str], *, debug: bool) -> Progress:
    """Choose what fits standard error: live lines on a terminal, plain ones elsewhere."""
    screen = Screen(stderr=True, deaf=True)
    # rich takes FORCE_COLOR for a terminal; moving a cursor in a log file helps nobody.
    if screen.file.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        from deployer.cli.live import LiveProgress  # late: only a terminal needs rich for this

        return LiveProgress(screen.rich, hosts, debug=debug)
    if len(hosts) > PLAIN_HOSTS:
        return CountedProgress(screen, debug, hosts=len(hosts))
    return PlainProgress(screen, debug)
