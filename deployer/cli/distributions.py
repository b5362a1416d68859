"""What a fresh host of a distribution says of itself, for rendering without contact."""

from deployer.errors import UsageError
from deployer.facts import Facts

_PLAIN = frozenset({"http_stub_status"})

# Versions that each release ships, as the distributions' package searches tell.
_KNOWN = {
    "bullseye": Facts("debian", "11", "bullseye", (1, 18, 0), _PLAIN, (1, 1, 1), "7.4", "9"),
    "bookworm": Facts("debian", "12", "bookworm", (1, 22, 1), _PLAIN, (3, 0, 0), "8.2", "10"),
    "trixie": Facts("debian", "13", "trixie", (1, 26, 3), _PLAIN | {"http_v3"}, (3, 5, 0), "8.4", "10"),
    "jammy": Facts("ubuntu", "22.04", "jammy", (1, 18, 0), _PLAIN, (3, 0, 2), "8.1", "9"),
    "noble": Facts("ubuntu", "24.04", "noble", (1, 24, 0), _PLAIN, (3, 0, 13), "8.3", "10"),
}

CODENAMES = tuple(_KNOWN)


def facts_of(codename: str) -> Facts:
    """Return the facts of a fresh host.

    Raises:
        UsageError: A distribution that is not known; names those that are.
    """
    try:
        return _KNOWN[codename]
    except KeyError:
        known = ", ".join(CODENAMES)
        raise UsageError(f"--facts-os {codename}: not one of {known}") from None
