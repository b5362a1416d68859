"""The CA's folder on the controller.

ca.pem            its certificate, which visitors trust
ca-key.pem        its key; behind a passphrase where one was set
ca-previous.pem   after a rotation: the certificate before, which visitors may still trust
ca-cross.pem      after a rotation: the new CA as the old one vouches for it, sent along with each leaf
ca-next.pem       within a rotation only
.lock             held by who makes or rotates
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from deployer.certs import agent
from deployer.certs.issue import Authority, new_authority
from deployer.certs.pem import chain_pem, is_encrypted, key_pem, parse_chain, parse_protected_key, same_key
from deployer.certs.source import refusal
from deployer.errors import CertificateError

CERTIFICATE = "ca.pem"
KEY = "ca-key.pem"
PREVIOUS = "ca-previous.pem"
CROSS = "ca-cross.pem"
NEXT = "ca-next.pem"

T = TypeVar("T")


def certificate(folder: Path) -> x509.Certificate | None:
    """Read the CA's certificate, without its key; None where no CA has been made yet.

    Raises:
        CertificateError: It cannot be read.
    """
    path = folder / CERTIFICATE
    return _parsed(path, parse_chain)[0] if path.exists() else None


def trusted(folder: Path) -> tuple[x509.Certificate, ...]:
    """Read what visitors may trust: the CA, after a rotation the one before, too; empty without a CA."""
    paths = (folder / CERTIFICATE, folder / PREVIOUS)
    return tuple(_parsed(path, parse_chain)[0] for path in paths if path.exists())


def load(folder: Path) -> Authority | None:
    """Read the CA in `folder` with its key; None where none has been made yet.

    Raises:
        CertificateError: A file cannot be read, is not half of a CA, or wants a passphrase.
    """
    found = certificate(folder)
    if found is None:
        return None
    path = folder / KEY
    key = _parsed(path, lambda pem: parse_protected_key(pem, agent.passphrase_of(path)))
    if not same_key(found.public_key(), key.public_key()):
        # A rotation that died between its last two renames.
        found = _parsed(folder / NEXT, parse_chain)[0] if (folder / NEXT).exists() else found
    if not same_key(found.public_key(), key.public_key()):
        raise refusal(f"{path} is not the key of {folder / CERTIFICATE}", path="directory")
    return Authority(found, cast(CertificateIssuerPrivateKeyTypes, key), _cross(folder, found))


def _cross(folder: Path, found: x509.Certificate) -> x509.Certificate | None:
    if not (folder / CROSS).exists():
        return None
    cross = _parsed(folder / CROSS, parse_chain)[0]
    return cross if same_key(cross.public_key(), found.public_key()) else None


def wants_passphrase(folder: Path) -> bool:
    """Tell whether the CA's key is behind a passphrase that nobody has told yet."""
    path = folder / KEY
    return path.exists() and is_encrypted(_parsed(path, bytes)) and agent.passphrase_of(path) is None


def _parsed(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except CertificateError as error:
        problem = error.problems[0]
        sentence = f"{path}: {problem.sentence}"
        raise refusal(sentence, path="directory", suggestion=problem.suggestion) from error
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
    found = load(folder)
    if found and not (folder / NEXT).exists():
        return found
    with locked(folder):
        found = load(folder) or _make(folder, now)
        if (folder / NEXT).exists() and found.certificate != certificate(folder):
            (folder / NEXT).replace(folder / CERTIFICATE)
        return found


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's kernel lock, which dies with its holder; CertificateError where it cannot be."""
    try:
        with _lock(folder):
            yield
    except OSError as error:
        raise refusal(f"cannot write the local CA in {folder}: {error.strerror}", path="directory") from error


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
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
    write_key(folder, authority)
    write(folder / CERTIFICATE, chain_pem((authority.certificate,)))
    return authority


def write_key(folder: Path, authority: Authority) -> None:
    """Write the CA's key, behind the passphrase that was told, if one was."""
    path = folder / KEY
    write(path, key_pem(authority.key, agent.passphrase_of(path)), mode=0o600)


def write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Put `content` at `path` in one rename, on disk before it has its name."""
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
