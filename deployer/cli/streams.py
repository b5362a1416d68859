"""Output that goes on, or ends in one line, where nobody reads it or there is no room for it."""

import contextlib
import os
import sys
from typing import Any, TextIO

import typer


class Deaf:
    """A stream that goes on when nobody reads any more: a closed terminal must not end a walk half-way.

    Args:
        stream: Where it writes.
        to: What is no reason to end; by default, whatever can go wrong.
    """

    def __init__(self, stream: TextIO, *, to: type[OSError] = OSError) -> None:
        self._stream = stream
        self._to = to

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write where that is possible."""
        try:
            return self._stream.write(text)
        except self._to:
            _silence(self._stream)
        return len(text)

    def flush(self) -> None:
        """Flush where that is possible."""
        try:
            self._stream.flush()
        except self._to:
            _silence(self._stream)


def _silence(stream: TextIO) -> None:
    """Lead `stream` to nowhere, or Python complains once more at its end, of what is still buffered."""
    with contextlib.suppress(OSError):  # it has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def unwritten(error: OSError) -> int:
    """Say that a result could not be written; returns the exit code of that."""
    _silence(sys.stdout)
    with contextlib.suppress(OSError):  # the terminal may be closed
        typer.echo(f"deployer: the result could not be written: {error.strerror}", err=True)
    return 1
