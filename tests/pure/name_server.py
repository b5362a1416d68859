"""A DNS server of the tests' own: knows what it is told, forgets it, falls silent and comes back."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from dnslib import AAAA, QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer
from local_nginx import free_port


@dataclass
class NameServer(BaseResolver):
    """Answers on a port of loopback.

    Attributes:
        port: UDP, the same while it is silent.
        addresses: Name to its addresses; any other name does not exist.
        ttl: Of every answer, in seconds.
        asked: Every name that was asked for.
    """

    port: int
    addresses: dict[str, list[str]] = field(default_factory=dict)
    ttl: int = 3600
    asked: list[str] = field(default_factory=list)
    _server: DNSServer | None = None

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        """Answer one question."""
        del handler
        reply = request.reply()
        name = str(request.q.qname).rstrip(".").lower()
        self.asked.append(name)
        if name not in self.addresses:
            reply.header.rcode = RCODE.NXDOMAIN
        for address in self.addresses.get(name, []):
            kind, data = (QTYPE.A, A) if ip_address(address).version == 4 else (QTYPE.AAAA, AAAA)
            if request.q.qtype == kind:
                reply.add_answer(RR(request.q.qname, kind, rdata=data(address), ttl=self.ttl))
        return reply

    def speak(self) -> None:
        """Answer from now on."""
        self._server = DNSServer(
            self, address="127.0.0.1", port=self.port, logger=DNSLogger("-request,-reply,-truncated,-error")
        )
        listener = self._server.server
        threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()

    def fall_silent(self) -> None:
        """Answer nothing any more."""
        if self._server is not None:
            self._server.server.shutdown()
            self._server.server.server_close()
            self._server = None


@contextlib.contextmanager
def name_server(**addresses: str) -> Iterator[NameServer]:
    """A name server for `NAME.internal`, each with its address."""
    server = NameServer(free_port(), {f"{name}.internal": [address] for name, address in addresses.items()})
    server.speak()
    try:
        yield server
    finally:
        server.fall_silent()
