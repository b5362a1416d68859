"""The roots that a visitor's system trusts, as far as the controller's own says."""

import ssl
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from deployer.certs.pem import Chain

_END = b"-----END CERTIFICATE-----"


def system_roots() -> Chain:
    """Read the system's store once: OpenSSL's file, else the files of its folder.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` name another one, as for OpenSSL itself.
    """
    paths = ssl.get_default_verify_paths()
    return _read(paths.cafile or "", paths.capath or "")


@cache
def _read(file: str, folder: str) -> Chain:
    files = [Path(file)] if file else sorted(Path(folder).glob("*.0")) if folder else []
    return tuple(root for path in files for root in _certificates(path))


def _certificates(path: Path) -> Iterator[x509.Certificate]:
    """What cannot be read is not trusted; a store may hold files of other programs, and odd old roots."""
    try:
        blocks = path.read_bytes().split(_END)[:-1]
    except OSError:
        return
    for block in blocks:
        with suppress(ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            yield x509.load_pem_x509_certificate(block + _END)
