"""From options to hosts: the inventory with `--set` and `--limit`, sudo's password, certificates."""

import gc
import getpass
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.options import Selecting, Walking
from deployer.errors import UsageError

if TYPE_CHECKING:
    from deployer.inventory import Inventory
    from deployer.model.host import Host


def role_folders(inventory: Path) -> tuple[Path, ...]:
    """Return where roles are looked for before the project's own."""
    return (inventory.parent / "roles",)


def load(options: Selecting) -> "Inventory":
    """Load the inventory with the values of `--set`.

    Raises:
        InventoryError: With every problem of the file.
        UsageError: A `--set` without `=`.
    """
    values = parse_set(options.set_values or ())
    # Here and below: imported late so that `--help` starts fast.
    from deployer import inventory, roles

    folders = role_folders(options.inventory)
    loaded = inventory.load(
        options.inventory,
        set_values=values,
        known_variables=roles.default_variable_names(folders),
        known_roles=roles.role_names(folders),
    )
    gc.freeze()  # it is there to stay, as all that was imported
    gc.set_threshold(50_000)
    return loaded


def select(options: Selecting) -> "tuple[Host, ...]":
    """Load the inventory and return the hosts that `--limit` leaves.

    Raises:
        UsageError: Also where no host is left.
    """
    loaded = load(options)
    if options.limit is not None and not options.limit.strip():
        # An unset variable of a script must not mean every host.
        raise UsageError("--limit is empty; leave it out for all hosts")
    hosts = loaded.hosts if options.limit is None else loaded.select(read_limit(options.limit))
    if not hosts:
        raise UsageError(f"{options.inventory} has no hosts", next_step="deployer schema")
    if isinstance(options, Walking) and options.ask_become_password:
        return with_become_password(hosts, ask_password())
    return hosts


def read_limit(limit: str) -> str:
    """Put the patterns of files in the place of `@FILE`, one per line.

    Raises:
        UsageError: A file cannot be read, or has no pattern.
    """
    parts = []
    for part in map(str.strip, limit.split(",")):
        parts += _patterns_of(part[1:]) if part.startswith("@") else [part]
    return ",".join(parts)


def _patterns_of(file: str) -> list[str]:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"--limit @{file} cannot be read: {reason}") from error
    lines = [line.strip() for line in text.splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    if not patterns:
        # As with an empty --limit: nothing must not mean every host.
        raise UsageError(f"--limit @{file}: the file names no host")
    return patterns


def parse_set(pairs: Sequence[str]) -> dict[str, str]:
    """Split `--set` values.

    >>> parse_set(["a=b=c"])
    {'a': 'b=c'}
    """
    for pair in pairs:
        if not pair.partition("=")[1]:
            raise UsageError(f"--set {pair}: not KEY=VALUE")
    return {key.strip(): value for key, _, value in (pair.partition("=") for pair in pairs)}


def check_certificates(hosts: "Sequence[Host]") -> tuple[str, ...]:
    """Refuse certificates that cannot serve their sites; return warnings.

    Raises:
        CertificateError: With every problem found.
    """
    from deployer import certs

    return certs.check(hosts, datetime.now(UTC))


def certificates_to_trust(hosts: "Sequence[Host]") -> tuple[str, ...]:
    """Return the files of the local CAs that visitors have to trust, each once."""
    from deployer import certs

    return tuple(dict.fromkeys(os.path.normpath(path) for host in hosts for path in certs.ca_notice(host)))


def unseal_authorities(hosts: "Sequence[Host]") -> None:
    """Ask on a terminal for the passphrases of local CAs, each once, before any host is contacted.

    Without a terminal nothing is asked: it is an error only where something has to be issued.

    Raises:
        CertificateError: A passphrase is wrong.
    """
    from deployer import certs
    from deployer.secret import Secret

    for key in certs.sealed(hosts):
        if sys.stdin.isatty():
            certs.unseal(key, Secret(getpass.getpass(f"passphrase of {key}: ")))


def make_authorities(hosts: "Sequence[Host]") -> None:
    """Make the local CAs that do not exist yet; CertificateError where one cannot be made."""
    from deployer import certs

    certs.make_all(hosts, datetime.now(UTC))


def ask_password() -> str:
    """Ask for sudo's password on the terminal; where there is none, read a line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass("sudo password: ")
    return sys.stdin.readline().rstrip("\n")


def with_become_password(hosts: "Sequence[Host]", password: str) -> "tuple[Host, ...]":
    """Give `password` to hosts that become and have none of their own, as Ansible does."""
    from deployer.secret import Secret

    def given(host: "Host") -> "Host":
        settings = host.settings
        if not settings.ansible_become or settings.ansible_become_password is not None:
            return host
        update = {"ansible_become_password": Secret(password)}
        return replace(host, settings=settings.model_copy(update=update))

    return tuple(given(host) for host in hosts)
