"""Holding a run on a host at one moment: programs that wait, put before the host's own ones."""

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fault_rows import AFTER_RENAME, BEFORE_RENAME, CONFIRM, OBSERVE, RELOAD, STAGE, VALIDATE
from shells import Shell

PAGE = "/srv/www/matrix/index.html"
VALIDATION = "grep -q ."
"""How the page is validated; the staged file's name follows."""

_HOLDS = "/run/deployer-test"
"""A program waits while its file is in here; on a host that is killed all are gone by themselves."""

_BEFORE = "/usr/local/sbin"
"""sudo, systemd and root's own shell look here first."""

_WRAPPER = """#!/bin/sh
# Of a test: waits in the middle of a run.
case "$*" in {pattern})
    if [ -e {hold} ]; then
        : >{hold}.waiting
        while [ -e {hold} ]; do sleep 0.05; done
    fi ;;
esac
exec {real} "$@"
"""


@dataclass(frozen=True)
class Moment:
    """A call of a program that stands for a moment of a run.

    Attributes:
        program: Its name.
        arguments: A shell pattern of all arguments; unquoted, so a blank is `?`.
    """

    program: str
    arguments: str = "*"

    @property
    def hold(self) -> str:
        """The file that makes it wait."""
        return f"{_HOLDS}/{self.program}"


MOMENTS: Mapping[str, Moment] = {
    OBSERVE: Moment("sha256sum", "etc/*"),
    STAGE: Moment("tar"),
    VALIDATE: Moment("grep", f"-q?.?*{PAGE}"),
    BEFORE_RENAME: Moment("mv", "*/etc/deployer/current"),
    AFTER_RENAME: Moment("sync", "*/etc/deployer"),
    RELOAD: Moment("stat", "*/nginx/error.log"),
    CONFIRM: Moment("rm", "*/current.back"),
}


def prepare(machine: Shell) -> None:
    """Put a wrapper before every program of `MOMENTS`, for good; they wait for nothing yet."""
    for moment in MOMENTS.values():
        _install(
            machine,
            moment.program,
            _WRAPPER.format(pattern=moment.arguments, hold=moment.hold, real="{real}"),
        )


@contextlib.contextmanager
def wrapped(machine: Shell, program: str, text: str) -> Iterator[None]:
    """Put a shell script before a program of the host; `{real}` in it is the program's own path."""
    _install(machine, program, text)
    try:
        yield
    finally:
        machine.check_output("rm -f %s", f"{_BEFORE}/{program}")


def _install(machine: Shell, program: str, text: str) -> None:
    real = machine.check_output("PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v %s", program)
    path = f"{_BEFORE}/{program}"
    machine.check_output(
        "printf %%s %s >%s.new && chmod 755 %s.new && mv %s.new %s", text.replace("{real}", real), *[path] * 4
    )


@contextlib.contextmanager
def held(machine: Shell, moment: Moment) -> Iterator[None]:
    """Hold whoever comes to `moment`, while the context lasts or until `let_go`."""
    machine.check_output(f"mkdir -p {_HOLDS} && rm -f {moment.hold}.waiting && : >{moment.hold}")
    try:
        yield
    finally:
        let_go(machine, moment)


def wait_until_held(machine: Shell, moment: Moment, *, seconds: int = 240) -> None:
    """Wait until somebody waits."""
    loop = f"until [ -e {moment.hold}.waiting ]; do sleep 0.05; done"
    asked = machine.run(f"timeout {seconds} sh -c {shlex.quote(loop)}")
    assert asked.rc == 0, f"nobody came to where a run is held ({moment}): {asked.stderr}"


def let_go(machine: Shell, moment: Moment) -> None:
    """Let whoever waits go on."""
    machine.check_output(f"rm -f {moment.hold}")
