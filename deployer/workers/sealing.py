"""What goes to workers and back passes a scheduler: sealed, by a key that the scheduler lacks."""

import base64
import hashlib
import os
import pickle
import zlib
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.fernet import Fernet, InvalidToken

from deployer.errors import UsageError
from deployer.secret import Secret

VARIABLE = "DEPLOYER_WORKERS_KEY"
"""The environment variable that holds the key, alike for the controller and every worker."""

LEAST = 32
"""Characters of a key: fewer may be guessed by whoever keeps what was sealed."""


class BrokenSealError(Exception):
    """Sealed by another key, or changed on its way."""


@dataclass(frozen=True)
class Seal:
    """Encrypts and authenticates values (Fernet: AES-128-CBC with HMAC-SHA256) by one key."""

    _fernet: Fernet = field(repr=False)

    @classmethod
    def by(cls, key: Secret) -> Self:
        """Make the seal of `key`, a random text of `LEAST` characters at least.

        Raises:
            UsageError: It is shorter.
        """
        text = key.reveal().strip()
        if len(text) < LEAST:
            raise UsageError(f"{VARIABLE} has fewer than {LEAST} characters", next_step=_MAKE)
        return cls(Fernet(base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())))

    @classmethod
    def of_environment(cls) -> Self:
        """Make the seal of the key in `DEPLOYER_WORKERS_KEY`.

        Raises:
            UsageError: There is none, or it is too short.
        """
        said = os.environ.get(VARIABLE)
        if said is None:
            raise UsageError(f"{VARIABLE} is not set, the key that controller and workers share",
                             next_step=_MAKE)  # fmt: skip
        return cls.by(Secret(said))

    def close(self, value: object) -> bytes:
        """Seal a value that can be pickled."""
        return self._fernet.encrypt(zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), 1))

    def open(self, sealed: bytes) -> Any:  # noqa: ANN401 - what was sealed
        """Return what was sealed; nothing is unpickled that was not sealed by this key.

        Raises:
            BrokenSealError: It was not.
        """
        try:
            content = self._fernet.decrypt(sealed)
        except InvalidToken:
            raise BrokenSealError("the seal is broken") from None
        return pickle.loads(zlib.decompress(content))  # noqa: S301 - authenticated above


_MAKE = f"export {VARIABLE}=$(openssl rand -base64 32), here and for every worker"
