"""What Jinja2 has compiled is kept for the runs to come, as Python keeps what it has compiled."""

import contextlib
import os
import stat
import sys
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache, FileSystemBytecodeCache

from deployer import __version__


class Kept(FileSystemBytecodeCache):
    """Jinja2's own cache; where there is no room for it, nothing is lost but time."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write what was compiled, if that is possible."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def bytecode_cache() -> BytecodeCache | None:
    """Return the cache in the user's cache folder (XDG Base Directory), or None where there is none to trust.

    What lies there is run as it is, so it must be ours alone. Versions do not share what they compile, and
    who asks Python to write no bytecode (`PYTHONDONTWRITEBYTECODE`) gets none of this either.
    """
    if sys.dont_write_bytecode:
        return None
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    folder = folder / "deployer" / f"templates-{__version__}-jinja2-{jinja2.__version__}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_ours = _is_ours(folder.lstat())
    except (OSError, RuntimeError):  # no room, no permission, no home
        return None
    return Kept(str(folder)) if is_ours else None


def _is_ours(status: os.stat_result) -> bool:
    writable_by_others = stat.S_IWGRP | stat.S_IWOTH
    owned = status.st_uid == os.geteuid() and not status.st_mode & writable_by_others
    return owned and stat.S_ISDIR(status.st_mode)
