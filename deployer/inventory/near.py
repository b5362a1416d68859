"""Near names: what a misspelt name was probably meant to be."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

SHORT = 7
"""Up to so many letters, only a missing, extra or swapped one makes a near name: `rules` is not `roles`."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean ...` for a name that is wrong in any case; empty without a near one."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[close[0]]}?" if close else ""


def near_miss(name: str, known: Collection[str]) -> str | None:
    """Return the known name that `name` probably misspells; None for a name of its own.

    >>> near_miss("site", ["sites"]), near_miss("ansible_usr", ["ansible_user"])
    ('sites', 'ansible_user')
    >>> near_miss("rules", ["roles"])
    """
    if name in known:
        return None
    return next((candidate for candidate in known if _misspells(name, candidate)), None)


def _misspells(name: str, meant: str) -> bool:
    if abs(len(name) - len(meant)) > 2 or _without_digits(name) == _without_digits(meant):
        return False
    if name.lower().replace("-", "_") == meant.lower():
        return True
    return _distance(name, meant, substitution=2 if len(meant) <= SHORT else 1) <= (
        1 if len(meant) < 10 else 2
    )


def _without_digits(name: str) -> str:
    return re.sub(r"\d+", "", name)


def _distance(name: str, meant: str, *, substitution: int) -> int:
    """Count letters missing, extra, swapped with their neighbour, or (at a price) other."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(name, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(meant, 1):
            same = before[j - 1] + (0 if letter == other else substitution)
            row.append(min(same, before[j] + 1, row[j - 1] + 1))
            if i > 1 and j > 1 and letter == meant[j - 2] and name[i - 2] == other:
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]
