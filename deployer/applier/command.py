"""Which command runs the host's script, as whom; and what must be fed to it first."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from deployer.secret import Secret

Operation = Literal["observe", "apply"]

_PARTS: dict[Operation, tuple[str, ...]] = {
    "observe": ("00-common.sh", "10-nginx.sh", "20-observe.sh", "25-standing.sh"),
    "apply": ("00-common.sh", "10-nginx.sh", "30-stage.sh", "35-acme.sh", "40-switch.sh"),
}

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


@cache
def script(operation: Operation) -> str:
    """Return the host's script for `operation`: the parts it needs, then the call."""
    folder = files("deployer.applier") / "script"
    text = "".join((folder / part).read_text() for part in _PARTS[operation])
    call = 'observe "$@"' if operation == "observe" else "apply"
    return f"{text}\n{call}\n"


def argv(privilege: Privilege, operation: Operation, *arguments: str) -> tuple[str, ...]:
    """Return program and arguments; the script itself is one of the arguments, so no file is left behind."""
    plain = (privilege.shell, "-c", script(operation), "deployer", privilege.root, *arguments)
    if not privilege.become:
        return plain
    asks = ("-n",) if privilege.password is None else ("-S", "-p", "")
    return ("sudo", *asks, "-H", "-u", privilege.user, "--", *plain)


def opening(privilege: Privilege) -> bytes:
    """Return the first bytes of the input: sudo's password where it may ask, then the mark."""
    if not privilege.become or privilege.password is None:
        return BEGIN
    return privilege.password.reveal().encode() + b"\n" + BEGIN
