"""What wrk, h2load and our own client of WebSockets print, as values."""

import json
import re

from tests.bench.served.values import Load


class UnreadableError(Exception):
    """A load generator printed something else than its result."""


def wrk(text: str) -> Load:
    """Read the output of wrk 4.

    Raises:
        UnreadableError: There is no result in it.
    """
    done = _found(r"(\d+) requests in ([0-9.]+)(us|ms|s|m)\b", text)
    seconds = float(done[2]) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[done[3]]
    problems = re.findall(r"(Socket errors: .*|Non-2xx or 3xx responses: .*)", text)
    return Load(int(done[1]), seconds, "; ".join(problems))


def h2load(text: str) -> Load:
    """Read the output of h2load 1.5x; another protocol than HTTP/2 is a failure.

    Raises:
        UnreadableError: There is no result in it.
    """
    time = _found(r"finished in ([0-9.]+)(us|ms|s|m)\b", text)
    seconds = float(time[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[time[2]]
    codes = _found(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    requests = _found(r"(\d+) failed, (\d+) errored, (\d+) timeout", text)
    problems = []
    if any(int(codes[group]) for group in (2, 3, 4)):
        problems.append(codes[0])
    if any(int(requests[group]) for group in (1, 2, 3)):
        problems.append(requests[0])
    if "Application protocol: h2" not in text:
        problems.append("not HTTP/2")
    return Load(int(codes[1]), seconds, "; ".join(problems))


def sockets(text: str) -> Load:
    """Read what `socket_load.py` prints.

    Raises:
        UnreadableError: There is no result in it.
    """
    try:
        return Load(**json.loads(text.splitlines()[-1]))
    except (IndexError, ValueError, TypeError) as error:
        raise UnreadableError(text) from error


def _found(pattern: str, text: str) -> re.Match[str]:
    found = re.search(pattern, text)
    if not found:
        raise UnreadableError(text)
    return found
