"""Host names as the inventory writes them: `web[01:50].example.com`, `web1:2222`."""

import re
import string

MOST_HOSTS = 100_000
_RANGE = re.compile(r"\[([^\]]*)\]")
_PORT = re.compile(r"^(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<name>(?:[\w.-]|\[[^\]]*\])+)):(?P<port>\d+)$")


def split_port(pattern: str) -> tuple[str, int | None]:
    """Return the names of `pattern` and its port, if it ends in one.

    >>> split_port("web[1:2]:2222"), split_port("[2001:db8::1]:22"), split_port("2001:db8::1")
    (('web[1:2]', 2222), ('2001:db8::1', 22), ('2001:db8::1', None))
    """
    match = _PORT.match(pattern)
    if match is None:
        return pattern, None
    return match["bracketed"] or match["name"], int(match["port"])


def expand(pattern: str) -> list[str]:
    """Return the names that `pattern` stands for, in order.

    Raises:
        ValueError: A range that cannot be counted; says why.

    >>> expand("web[08:12:2].example.com"), expand("db-[a:c]")
    (['web08.example.com', 'web10.example.com', 'web12.example.com'], ['db-a', 'db-b', 'db-c'])
    """
    match = _RANGE.search(pattern)
    if match is None:
        if "[" in pattern:
            raise ValueError("the range has no end; write name[begin:end]")
        return [pattern]
    steps = _count(match[1])
    tails = expand(pattern[match.end() :])
    if len(steps) * len(tails) > MOST_HOSTS:
        raise ValueError(f"the range stands for more than {MOST_HOSTS} hosts")
    return [f"{pattern[: match.start()]}{step}{tail}" for step in steps for tail in tails]


def _count(text: str) -> list[str]:
    bounds = text.split(":")
    if len(bounds) not in (2, 3) or not bounds[1]:
        raise ValueError(f"[{text}] is not a range; write [begin:end] or [begin:end:step]")
    step = int(bounds[2]) if len(bounds) == 3 and bounds[2].isdigit() else 1
    if step < 1 or (len(bounds) == 3 and not bounds[2].isdigit()):
        raise ValueError(f"the step of [{text}] is not a number from 1")
    begin, end = bounds[0] or "0", bounds[1]
    steps = _numbers(begin, end, step) if begin.isdigit() and end.isdigit() else _letters(begin, end, step)
    if not steps:
        raise ValueError(f"the range [{text}] ends before it begins")
    return steps


def _numbers(begin: str, end: str, step: int) -> list[str]:
    width = len(begin) if begin.startswith("0") and len(begin) > 1 else 0
    if width and width != len(end):
        raise ValueError(f"{begin} and {end} must have the same number of digits")
    if int(end) - int(begin) > MOST_HOSTS * step:
        raise ValueError(f"the range stands for more than {MOST_HOSTS} hosts")
    return [str(number).zfill(width) for number in range(int(begin), int(end) + 1, step)]


def _letters(begin: str, end: str, step: int) -> list[str]:
    letters = string.ascii_letters
    if len(begin) != 1 or len(end) != 1 or begin not in letters or end not in letters:
        raise ValueError(f"a range goes from number to number or from letter to letter, not {begin} to {end}")
    return list(letters[letters.index(begin) : letters.index(end) + 1 : step])
