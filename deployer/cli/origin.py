"""Who runs this, and from which revision of the inventory: told to hosts for their history."""

import getpass
import os
import socket
import subprocess
from functools import cached_property, partial
from pathlib import Path
from threading import Lock

_GIT_SECONDS = 5


def who() -> str:
    """Return `user@controller`; behind sudo, the user who called it."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


class Revision:
    """The revision of a folder, looked up when it is first asked for; threads may ask at a time.

    Most runs make no release, and git takes longer than all else that they do on a host.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    def __call__(self) -> str:
        """Return what `revision` says, which is asked once."""
        with self._lock:
            return self._found

    @cached_property
    def _found(self) -> str:
        return revision(self._folder)

    def __reduce__(self) -> tuple[type[partial[str]], tuple[type[str], str]]:
        """Take the answer along: another machine may not have the folder."""
        return (partial, (str, self()))


def revision(folder: Path) -> str:
    """Return the short git revision of `folder`, `+` after it if the folder has uncommitted changes.

    Empty without git, outside a work tree, and before the first commit.
    """
    head = _git(folder, "rev-parse", "--short", "HEAD")
    return head + ("+" if head and _git(folder, "status", "--porcelain", "--", ".") else "")


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],  # noqa: S607 - the operator's own git
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
