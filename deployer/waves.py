"""How a run is cut into waves, and how many failed hosts it bears; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from deployer.errors import UsageError

_SHARE = re.compile(r"\s*(?P<number>\d{1,9})(?P<percent>%?)\s*", re.ASCII)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Share:
    """So many hosts, or so many of a hundred."""

    number: int
    percent: bool = False

    def of(self, hosts: int) -> int:
        """Return how many of `hosts` these are, rounded down.

        >>> Share(3).of(10), Share(25, percent=True).of(10), Share(1, percent=True).of(10)
        (3, 2, 0)
        """
        return hosts * self.number // 100 if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number}{'%' if self.percent else ''}"


def parse_serial(text: str) -> tuple[Share, ...]:
    """Read `--serial`: numbers and percentages, with commas between them.

    >>> [str(share) for share in parse_serial("1, 25%,100%")]
    ['1', '25%', '100%']

    Raises:
        UsageError: Anything else, a zero, or more than 100%.
    """
    shares = tuple(_parse(part, "--serial", text) for part in text.split(","))
    if not all(share.number for share in shares):
        raise UsageError(f"--serial {text}: a wave has at least one host")
    return shares


def parse_max_fail(text: str) -> Share:
    """Read `--max-fail`: a number or a percentage; zero is one.

    Raises:
        UsageError: Anything else, or more than 100%.
    """
    return _parse(text, "--max-fail", text)


def _parse(part: str, option: str, text: str) -> Share:
    match = _SHARE.fullmatch(part)
    if match is None:
        raise UsageError(f"{option} {text}: {part.strip() or 'nothing'!r} is no number and no percentage")
    share = Share(int(match["number"]), percent=bool(match["percent"]))
    if share.percent and share.number > 100:
        raise UsageError(f"{option} {text}: {share} is more than all hosts")
    return share


def sizes(hosts: int, serial: Sequence[Share]) -> tuple[int, ...]:
    """Return how many hosts each wave has; the last share repeats until none is left.

    A percentage is one of all hosts of the run, rounded down; a wave has at least one host.

    >>> sizes(10, parse_serial("1,25%,100%")), sizes(5, parse_serial("2")), sizes(3, ()), sizes(0, ())
    ((1, 2, 7), (2, 2, 1), (3,), ())
    """
    waves: list[int] = []
    left = hosts
    while left:
        share = serial[min(len(waves), len(serial) - 1)] if serial else Share(left)
        waves.append(min(max(share.of(hosts), 1), left))
        left -= waves[-1]
    return tuple(waves)


def cut(hosts: Sequence[Item], serial: Sequence[Share]) -> list[Sequence[Item]]:
    """Cut `hosts` into waves, in their order."""
    waves: list[Sequence[Item]] = []
    start = 0
    for size in sizes(len(hosts), serial):
        waves.append(hosts[start : start + size])
        start += size
    return waves
