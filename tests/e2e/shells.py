"""One shell in a container for many commands: `docker exec` costs a busy machine seconds, each time."""

import contextlib
import os
import select
import shlex
import subprocess
import time
from dataclasses import dataclass
from typing import Any

import testinfra

_ERRORS = "/run/deployer-test.errors"
_STATUS, _END = b"\x1e", b"\x1f"
_PATIENCE = 600.0


@dataclass(frozen=True)
class Said:
    """What a command said, as testinfra has it."""

    rc: int
    stdout: str
    stderr: str


class Shell:
    """testinfra's questions to a container; commands go to one `sh`, started anew where it died."""

    def __init__(self, container: str) -> None:
        self._container = container
        self._others = testinfra.get_host(f"docker://{container}")
        self._sh: subprocess.Popen[bytes] | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - testinfra's own
        return getattr(self._others, name)

    def run(self, command: str, *arguments: str) -> Said:
        """Run a command; arguments are quoted. A shell that died under it gives 255."""
        if arguments:
            command %= tuple(map(shlex.quote, arguments))
        sent = (
            f"({command}\n) </dev/null 2>{_ERRORS}; printf '\\036%s\\036' $?; cat {_ERRORS}; printf '\\037'\n"
        )
        sh = self._living()
        try:
            assert sh.stdin is not None
            sh.stdin.write(sent.encode())
            sh.stdin.flush()
            stdout, status, stderr = self._answer(sh).split(_STATUS)
        except (OSError, EOFError):
            self.close()
            return Said(255, "", f"the shell in {self._container} has died")
        return Said(int(status), stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    def check_output(self, command: str, *arguments: str) -> str:
        """Run a command that must end with 0; return what it printed, without the last newline."""
        said = self.run(command, *arguments)
        assert said.rc == 0, f"{command!r} {arguments}: exit {said.rc}\n{said.stdout}\n{said.stderr}"
        return said.stdout.rstrip("\r\n")

    def close(self) -> None:
        """End the shell, if one runs."""
        if self._sh is not None:
            self._sh.kill()
            with contextlib.suppress(OSError):
                self._sh.communicate()
            self._sh = None

    def _living(self) -> "subprocess.Popen[bytes]":
        if self._sh is None or self._sh.poll() is not None:
            self.close()
            self._sh = subprocess.Popen(
                ["docker", "exec", "-i", self._container, "sh"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._sh

    def _answer(self, sh: "subprocess.Popen[bytes]") -> bytes:
        assert sh.stdout is not None
        said, deadline = b"", time.monotonic() + _PATIENCE
        while not said.endswith(_END):
            ready, _, _ = select.select([sh.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no end after {_PATIENCE:.0f} s: {said!r}"
            chunk = os.read(sh.stdout.fileno(), 1 << 16)
            if not chunk:
                raise EOFError
            said += chunk
        return said.removesuffix(_END)
