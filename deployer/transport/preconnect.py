"""A host's TCP connection, begun before the SSH library is there: the server gets ready while it is imported.

Addresses alone are called, since to look a name up would be to wait; and only where ~/.ssh/config cannot lead
elsewhere, so that nobody is called who would not be called anyway.
"""

import asyncio
import errno
import re
import socket
from functools import lru_cache
from pathlib import Path
from typing import Any

SSH_PORT = 22

_LEADS_ELSEWHERE = re.compile(
    r"^\s*(HostName|Port|Match|Include|Proxy\w+|Canonical\w+|AddressFamily|Bind\w+)\b",
    re.IGNORECASE | re.MULTILINE,
)
_BEGUN = (0, errno.EINPROGRESS)


class Preconnection:
    """A connection that may not stand yet. Who makes one hangs up, whatever became of it."""

    def __init__(self, host: str, port: int | None) -> None:
        """Begin, and wait for nothing; what cannot begin is left to who dials later and hears why.

        Args:
            host: An address, or a name: that begins nothing.
            port: None for SSH's own, as far as ~/.ssh/config says nothing else.
        """
        self._called = (host, port or SSH_PORT)
        self._socket: socket.socket | None = None
        self._address: tuple[Any, ...] = ()
        try:
            family, kind, protocol, _, self._address = socket.getaddrinfo(
                *self._called, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )[0]
        except socket.gaierror:
            return
        if not _may_lead_elsewhere():
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            if self._socket.connect_ex(self._address) not in _BEGUN:
                self.hang_up()

    async def stands(self, host: str, port: int) -> socket.socket | None:
        """Wait until it stands, and hand it over; None where none was begun, or to somebody else.

        Raises:
            OSError: It was refused, or there is no way.
        """
        if self._socket is None or self._called != (host, port):
            return None
        try:
            await asyncio.get_running_loop().sock_connect(self._socket, self._address)
        except OSError as error:
            if error.errno != errno.EISCONN:  # as BSD says to who asks again
                raise
        standing, self._socket = self._socket, None
        return standing

    def hang_up(self) -> None:
        """Close what was not handed over."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _may_lead_elsewhere() -> bool:
    config = Path("~/.ssh/config").expanduser()
    try:
        now = config.stat()
        return _leads_elsewhere(config, (now.st_mtime_ns, now.st_size))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


@lru_cache(maxsize=1)
def _leads_elsewhere(config: Path, _state: tuple[int, int]) -> bool:
    return bool(_LEADS_ELSEWHERE.search(config.read_text(encoding="utf-8")))
