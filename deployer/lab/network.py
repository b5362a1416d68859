"""A free network for the lab's containers."""

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network

from deployer.errors import LabError

_CANDIDATES = tuple(IPv4Network("10.213.0.0/16").subnets(new_prefix=24))


def prefix(network: IPv4Network) -> str:
    """Return the three numbers that docker-compose.yml wants, such as `10.213.7`."""
    return str(network.network_address).rpartition(".")[0]


def choose(project: str, taken: Iterable[IPv4Network]) -> IPv4Network:
    """Return a network that overlaps with none of `taken`; two projects begin to look in two places.

    Raises:
        LabError: Every candidate is taken.
    """
    first = int.from_bytes(hashlib.sha256(project.encode()).digest()[:2]) % len(_CANDIDATES)
    used = tuple(taken)
    for candidate in _CANDIDATES[first:] + _CANDIDATES[:first]:
        if not any(candidate.overlaps(network) for network in used):
            return candidate
    raise LabError("no network of 10.213.0.0/16 is free for the lab", next_step="docker network prune")


def routes(table: str) -> tuple[IPv4Network, ...]:
    """Return the networks of a routing table in the form of /proc/net/route, the default route left out.

    Destination and mask are hexadecimal in the machine's byte order, the least significant byte first.
    """
    rows = (line.split() for line in table.splitlines()[1:])
    pairs = ((_dotted(row[1]), _dotted(row[7])) for row in rows if len(row) > 7)
    networks = (ip_network(f"{destination}/{mask}", strict=False) for destination, mask in pairs)
    return tuple(net for net in networks if isinstance(net, IPv4Network) and net.prefixlen > 0)


def _dotted(little_endian: str) -> str:
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(little_endian)))
