"""Shared libraries found without a compiler.

At its import asyncssh looks for two optional ones, liboqs and nettle. Python's own way starts ldconfig, gcc,
collect2 and ld for each name that is not there: with a compiler, half as long again as the import.
"""

import contextlib
import ctypes
import ctypes.util
import re
from collections.abc import Iterator
from pathlib import Path

CACHE = Path("/etc/ld.so.cache")
"""What `ldconfig -p` prints: the paths, zero bytes between, of what the dynamic linker finds (ld.so(8))."""

_ask_everybody = ctypes.util.find_library


@contextlib.contextmanager
def found_in_cache() -> Iterator[None]:
    """Have `ctypes.util.find_library` look into the linker's cache alone, while the context lasts."""
    ctypes.util.find_library = find
    try:
        yield
    finally:
        ctypes.util.find_library = _ask_everybody


def find(name: str, cache: Path = CACHE) -> str | None:
    """Return the file name of the library `name` that can be loaded here; None where there is none.

    >>> find("c"), find("no-such-library")
    ('libc.so.6', None)
    """
    try:
        known = cache.read_bytes()
    except OSError:  # not glibc
        return _ask_everybody(name)
    pattern = rb"[/\0](lib%b\.so[^/\0]*)(?=\0)" % re.escape(name.encode())
    return next(filter(_loads, (found.decode() for found in re.findall(pattern, known))), None)


def _loads(file: str) -> bool:
    """Tell whether it is of this machine's kind: the cache has those of others too."""
    try:
        ctypes.CDLL(file)
    except OSError:
        return False
    return True
