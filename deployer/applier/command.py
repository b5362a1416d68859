"""Which command runs the host's script, as whom; and what must be fed to it first."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from deployer.secret import Secret

Operation = Literal["converse", "follow", "decide"]

_COMMON = ("00-common.sh", "10-nginx.sh", "15-live.sh", "18-known.sh")
_OBSERVING = ("20-observe.sh", "25-standing.sh", "26-converse.sh")
_APPLYING = (
    "30-stage.sh",
    "35-acme.sh",
    "36-pending.sh",
    "38-backup.sh",
    "40-switch.sh",
    "42-remember.sh",
    "45-guard.sh",
)
_CALL = 'operation=$1\nshift\n"$operation" "$@"\n'

BEGIN = b"deployer-begin\n"
"""Ends whatever sudo left of the input; the script reads on from here."""


@dataclass(frozen=True)
class Privilege:
    """How the script becomes root.

    Attributes:
        become: Whether sudo is used at all.
        user: Whom to become.
        password: For sudo, where it asks for one.
        shell: The POSIX shell; tests name `dash`.
        root: A directory that stands for `/`, empty on a real host.
    """

    become: bool = False
    user: str = "root"
    password: Secret | None = None
    shell: str = "sh"
    root: str = ""

    @property
    def has_password(self) -> bool:
        """Whether sudo may ask for one that we have."""
        return self.become and self.password is not None


_FOLDER = Path(__file__).parent / "script"
_HERE = re.compile(r"<<-?(\w+)")


def stripped(text: str) -> str:
    """Return a script without comment lines, empty lines and indentation, but as they are in here-documents.

    Pure. A quoted text over several lines, such as a program for awk, must not mind any of that.
    """
    kept: list[str] = []
    end = ""
    for line in text.splitlines(keepends=True):
        bare = line.lstrip(" ")
        if end:
            kept.append(line)
            end = end if line != f"{end}\n" else ""
        elif bare != "\n" and not bare.startswith("#"):
            kept.append(bare)
            found = _HERE.search(bare)
            end = found[1] if found else ""
    return "".join(kept)


@cache
def script(operation: Operation) -> str:
    """Return the host's script for `operation`: the parts it needs, then the call of its first argument.

    The common part is a text in it: what a run keeps on the host is that text and the applying half.
    """
    half = applying_half() if operation == "decide" else _text(_OBSERVING) + _CALL
    return f'COMMON={shlex.quote(_text(_COMMON))}\neval "$COMMON"\n{half}'


@cache
def applying_half() -> str:
    """Return the other half, for a conversation that is to apply.

    What applies also decides, guards, and goes back at boot: the host calls a copy of it by itself.
    """
    return _text(_APPLYING) + _CALL


def _text(parts: tuple[str, ...]) -> str:
    return stripped("".join((_FOLDER / part).read_text() for part in parts))


def argv(privilege: Privilege, operation: Operation, *arguments: str) -> tuple[str, ...]:
    """Return program and arguments; the script itself is one of the arguments, so no file is left behind."""
    first = ("after_password", operation) if privilege.has_password else (operation,)
    plain = (privilege.shell, "-c", script(operation), "deployer", privilege.root, *first, *arguments)
    if not privilege.become:
        return plain
    asks = ("-n",) if privilege.password is None else ("-S", "-p", "")
    return ("sudo", *asks, "-H", "-u", privilege.user, "--", *plain)


def opening(privilege: Privilege) -> bytes:
    """Return the first bytes of the input: sudo's password where it may ask, then the mark; else nothing."""
    if not privilege.become or privilege.password is None:
        return b""
    return privilege.password.reveal().encode() + b"\n" + BEGIN
