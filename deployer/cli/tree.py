"""A bundle's files in a folder, as they would stand on the host."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import UsageError

if TYPE_CHECKING:
    from deployer.bundle import Bundle

MARKER = ".rendered-by-deployer"
RELEASE = "RELEASE"
"""Stands where a release's name would: a name with a date would make every rendering differ."""


def write(folder: Path, bundle: "Bundle") -> tuple[str, ...]:
    """Write the files of `bundle` below `folder`, whose earlier rendering is replaced.

    Returns:
        The paths on the host, sorted.

    Raises:
        UsageError: The folder holds something that deployer did not render, or cannot be written.
    """
    try:
        _clear(folder)
        return tuple(_files(folder, bundle))
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}") from error


def _files(folder: Path, bundle: "Bundle") -> Iterator[str]:
    for path, file in sorted(bundle.files.items()):
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)  # a file that only root may read on the host is never open here
        target.write_bytes(file.at(RELEASE))
        target.chmod(file.mode & 0o777 | 0o600)
        yield path


def _clear(folder: Path) -> None:
    marker = folder / MARKER
    if folder.exists() and any(folder.iterdir()):
        if not marker.exists():
            raise UsageError(
                f"{folder} holds files that deployer did not render",
                next_step="choose another folder with --out",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marker.touch()
