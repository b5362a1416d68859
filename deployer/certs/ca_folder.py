"""The CA's folder on the controller: `ca.pem`, `ca-key.pem`, and a lock for the first use."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from deployer.certs.issue import Authority, new_authority
from deployer.certs.pem import chain_pem, key_pem, parse_chain, parse_key, same_key
from deployer.certs.source import refusal
from deployer.errors import CertificateError

CERTIFICATE = "ca.pem"
KEY = "ca-key.pem"

T = TypeVar("T")


def load(folder: Path) -> Authority | None:
    """Read the CA in `folder`; None where none has been made yet.

    Raises:
        CertificateError: A file cannot be read, or is not half of a CA.
    """
    if not (folder / CERTIFICATE).exists():
        return None
    certificate = _parsed(folder / CERTIFICATE, parse_chain)[0]
    key = _parsed(folder / KEY, parse_key)
    if not same_key(certificate.public_key(), key.public_key()):
        raise refusal(f"{folder / KEY} is not the key of {folder / CERTIFICATE}", path="directory")
    return Authority(certificate, cast(CertificateIssuerPrivateKeyTypes, key))


def _parsed(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except CertificateError as error:
        raise refusal(f"{path}: {error.problems[0].sentence}", path="directory") from error
    except OSError as error:
        raise refusal(
            f"cannot read {path} of the local CA: {error.strerror}",
            path="directory",
            suggestion=f"bring it back, or take {path.parent} away to have a new CA made",
        ) from error


def load_or_make(folder: Path, now: datetime) -> Authority:
    """Read the CA in `folder`, or make it; of many who ask at once, one makes it.

    Raises:
        CertificateError: It cannot be read, or the folder cannot be written.
    """
    if found := load(folder):
        return found
    try:
        with _locked(folder):
            return load(folder) or _make(folder, now)
    except OSError as error:
        raise refusal(f"cannot make the local CA in {folder}: {error.strerror}", path="directory") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's kernel lock, which dies with its holder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(folder: Path, now: datetime) -> Authority:
    """The certificate comes last: where it is, the key is, whenever a run died."""
    authority = new_authority(now)
    _write(folder / KEY, key_pem(authority.key), mode=0o600)
    _write(folder / CERTIFICATE, chain_pem((authority.certificate,)), mode=0o644)
    return authority


def _write(path: Path, content: bytes, *, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
