"""Where in the inventory a problem of a certificate belongs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deployer.errors import CertificateError, Place, Problem
from deployer.model.host import Host


def at(host: Host, value: str, *, problem: Problem) -> Problem:
    """Address a problem below the value `value`: its own place, or that of the nearest value around it."""
    path = f"{value}.{problem.path}" if problem.path else value
    return replace(problem, path=host.written(path), place=_place(host, path))


def _place(host: Host, path: str) -> Place | None:
    while path:
        if path in host.places:
            return host.places[path]
        path = path.rpartition(".")[0]
    return None


@contextmanager
def addressed(host: Host, value: str) -> Iterator[None]:
    """Give the problems of a `CertificateError` that passes through their places."""
    try:
        yield
    except CertificateError as error:
        problems = [at(host, value, problem=problem) for problem in error.problems]
        raise CertificateError(problems, next_step=error.next_step) from error
