"""Where simulated hosts answer: a loopback address each."""

import socket
from ipaddress import IPv4Address

_FIRST = IPv4Address("127.77.0.0")


def address_of(number: int) -> str:
    """Return the address of host `number`.

    >>> address_of(1), address_of(1000)
    ('127.77.0.1', '127.77.3.232')
    """
    return str(_FIRST + number)


def number_of(address: str) -> int:
    """Return the number of the host at `address`."""
    return int(IPv4Address(address)) - int(_FIRST)


def free_port() -> int:
    """Return a port that is free on all of this machine's addresses, and is none that clients are given."""
    for port in range(20022, 32768):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
