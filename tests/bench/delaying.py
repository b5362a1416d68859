"""The benchmark's side of the longer wire and of the backends: programs of their own, spoken to by lines."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from tests.bench.hosts import Target
from tests.bench.places import CHECKOUT
from tests.bench.results import spread

_KINDS = ("connections", "round_trips", "sent", "received")


class Delay:
    """A running proxy; see proxy.py."""

    def __init__(self, process: "subprocess.Popen[str]", targets: Sequence[Target]) -> None:
        self._process = process
        self.ports: list[int] = self._ask([(each.address, each.port) for each in targets])

    def take(self) -> dict[str, float]:
        """Return what has passed since the last call: for each kind the median over the hosts."""
        hosts = self._ask("read")
        medians = ((kind, spread(host[kind] for host in hosts)) for kind in _KINDS)
        return {kind: found.median for kind, found in medians if found}

    def _ask(self, question: object) -> list:  # type: ignore[type-arg]  # whatever the answer's JSON has
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert isinstance(answer, list)
        return answer


@contextmanager
def delaying(targets: Sequence[Target], milliseconds: int) -> Iterator[Delay | None]:
    """Put a longer wire in front of `targets`; None where it would add nothing."""
    if not milliseconds:
        yield None
        return
    with _program("tests.bench.proxy", str(milliseconds)) as process:
        yield Delay(process, targets)


@contextmanager
def backend(address: str) -> Iterator[str]:
    """Serve the backend of all sites on `address`; gives its `host:port`."""
    with _program("tests.bench.backends", address) as process:
        stdout: IO[str] | None = process.stdout
        assert stdout
        yield f"{address}:{stdout.readline().strip()}"


@contextmanager
def _program(module: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    argv = (sys.executable, "-m", module, *arguments)
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
