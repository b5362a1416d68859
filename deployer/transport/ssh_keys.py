"""The key that an inventory names: read once, offered alone."""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncssh

from deployer.transport.known_hosts import Version, versions


def keys(key_file: Path | None) -> Mapping[str, Any]:
    """Offer the inventory's key and no other; if it is encrypted, the agent must know it.

    With the agent's keys first, as asyncssh would have it, a server that allows few attempts
    refuses before it sees the right key.
    """
    if key_file is None:
        return {}
    public, certificate = (key_file.with_name(f"{key_file.name}{end}") for end in (".pub", "-cert.pub"))
    if pairs := _pairs(key_file, tuple(versions((key_file, public, certificate)))):
        # Each connection notes in its own which algorithm its server takes.
        return {"client_keys": [copy(pair) for pair in pairs], "agent_path": None}
    return {"agent_identities": [str(public)]} if public.is_file() else {}


@lru_cache(maxsize=64)
def _pairs(key_file: Path, _: tuple[Version, ...]) -> Sequence[asyncssh.SSHKeyPair]:
    """Read a key once per run, not once per host; none where it is encrypted."""
    return asyncssh.load_keypairs(str(key_file), ignore_encrypted=True)
