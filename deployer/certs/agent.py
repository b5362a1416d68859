"""Passphrases of CA keys for the rest of this run: asked for once, as ssh-agent does, and never written."""

import os
from pathlib import Path

from deployer.secret import Secret

VARIABLE = "DEPLOYER_CA_PASSPHRASE"
"""The environment variable that holds the passphrase where nobody is there to be asked."""

_remembered: dict[Path, Secret] = {}


def remember(key: Path, passphrase: Secret) -> None:
    """Keep the passphrase of the key file `key` until the program ends."""
    _remembered[key.resolve()] = passphrase


def passphrase_of(key: Path) -> Secret | None:
    """Return the passphrase of the key file `key`: the one remembered, else that of the environment."""
    said = os.environ.get(VARIABLE)
    return _remembered.get(key.resolve()) or (Secret(said) if said else None)
