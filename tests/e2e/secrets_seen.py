"""Looks for secrets where they must never be: in what every process of the machine was started with."""

import threading
from collections.abc import Iterable
from pathlib import Path


class Processes:
    """Reads the arguments and the environment of every process, again and again, until it is left.

    The lab's containers run on this machine: their processes are among them.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.looks = 0
        self.found: set[str] = set()

    def __enter__(self) -> "Processes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._left.wait(0.05):
            self.looks += 1
            for file in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
                self._read(file)

    def _read(self, file: Path) -> None:
        try:
            text = file.read_bytes()
        except OSError:
            return  # it has ended, or it is not ours to read
        if any(secret in text for secret in self._secrets):
            self.found.add(text.replace(b"\0", b" ").decode(errors="replace")[:200])
