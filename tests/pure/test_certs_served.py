"""What is served against what is on disk: found out by looking at both."""

import asyncio
import io
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from certs_made import NOW, Made, Wish, host, make, tls_site
from cryptography.hazmat.primitives.serialization import Encoding
from rich.console import Console

from deployer import certs, probes
from deployer.model.site import Site
from deployer.outcome import Outcome, Phase, State
from deployer.report import certificates
from deployer.standing import ServedCertificate, Stored
from deployer.transport import Address, Stream
from deployer.transport.streams import connected

LOCAL_CA: dict[str, Any] = {"local_ca": {}}
ROOT = make("deployer local CA 12345678", Wish(ca=True))
OLD = Wish(names=("abc.com",), ends=NOW - timedelta(hours=1))
LATE = Wish(names=("abc.com",), begins=NOW - timedelta(days=80), ends=NOW + timedelta(days=10))
GOOD = make("abc.com", Wish(names=("abc.com",), issuer=ROOT, ends=NOW + timedelta(days=60, hours=1)))


def site(tls: dict[str, Any] | None = None) -> Site:
    return host(Path(), tls_site(tls or LOCAL_CA)).sites[0]


def der(made: Made) -> bytes:
    return made.certificate.public_bytes(Encoding.DER)


def stored(made: Made, *, intact: bool = True, key: str = "600 root root") -> Stored:
    return Stored(made.pem.encode(), intact=intact, key=key)


def described(
    wire: Made | None, disk: Stored | None, *, tls: dict[str, Any] | None = None, days: float = 0
) -> ServedCertificate:
    return certs.describe(
        site(tls),
        disk,
        wire=der(wire) if wire else b"",
        failure="" if wire else "nothing listens there: connection refused",
        now=NOW + timedelta(days=days),
    )


def test_a_good_certificate_is_told_with_names_issuer_days_and_serial() -> None:
    told = described(GOOD, stored(GOOD))

    assert (told.site, told.provider, told.names) == ("abc", "local_ca", ("abc.com",))
    assert (told.issuer, told.days_left) == ("deployer local CA 12345678", 60)
    assert told.served == told.on_disk == f"{GOOD.certificate.serial_number:x}"
    assert (told.agrees, told.wrong, told.due) == (True, "", "")


@pytest.mark.parametrize(
    ("wire", "disk", "sentence"),
    [
        (None, stored(GOOD), "nothing listens there"),
        (GOOD, None, "no certificate of this site on the host's disk"),
        (GOOD, stored(make("abc.com", Wish(names=("abc.com",)))), "not reloaded"),
        (GOOD, stored(GOOD, intact=False), "somebody changed the files"),
        (GOOD, stored(GOOD, key="644 root root"), "644 root root, not 600 root root"),
        (GOOD, stored(GOOD, key=""), "is gone"),
        (make("x.com", Wish(names=("x.com",))), stored(GOOD), "does not cover abc.com"),
        (make("abc.com", OLD), None, "expired on 2026-11-22"),
    ],
)
def test_what_is_wrong_is_a_sentence_of_its_own(
    wire: Made | None, disk: Stored | None, sentence: str
) -> None:
    assert sentence in described(wire, disk).wrong


def test_a_certificate_that_only_files_hold_is_described_by_them() -> None:
    told = described(None, stored(GOOD))

    assert (told.served, told.days_left, told.agrees) == ("", 60, False)


def test_a_renewal_that_is_due_is_told_by_who_does_it() -> None:
    late = make("abc.com", LATE)

    assert described(late, stored(late)).due == "ends in 10 days: the next apply renews it"
    files = {"files": {"certificate": "abc.pem", "key": "abc.key"}}
    assert described(late, stored(late), tls=files).due == ""


def certified(each: ServedCertificate) -> list[Outcome]:
    return [Outcome("edge1", State.UNCHANGED, Phase.PROBE, certificates=(each,))]


def test_a_monitor_is_alarmed_by_few_days_and_by_what_is_wrong() -> None:
    good = certified(described(GOOD, stored(GOOD)))

    assert not certificates.alarming(good, max_days=60)
    assert certificates.alarming(good, max_days=61)
    assert certificates.alarming(certified(described(GOOD, None)), max_days=0)
    assert certificates.alarming(certified(described(None, None)), max_days=0)


def test_people_read_a_table_with_the_days_that_are_left() -> None:
    console = Console(width=160, file=io.StringIO(), record=True)

    for line in certificates.certified(certified(described(GOOD, stored(GOOD)))):
        console.print(line)

    text = console.export_text()
    assert "abc.com" in text
    assert "60 days" in text
    assert "1 certificate, 0 with a problem" in text


@contextmanager
def speaking_tls(made: Made, folder: Path) -> Iterator[ssl.SSLContext]:
    (folder / "pair.pem").write_text(made.pem + made.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair.pem")
    yield context


def _always(port: int) -> Callable[[int], Awaitable[Stream]]:
    return lambda asked: connected(Address("127.0.0.1", port))


def test_an_expired_certificate_of_a_stranger_is_seen_on_the_wire(tmp_path: Path) -> None:
    bad = make("x.com", Wish(names=("x.com",), ends=NOW - timedelta(hours=1)))

    async def visit(context: ssl.SSLContext) -> probes.Leaf:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await probes.leaf_served(site(), _always(port))

    with speaking_tls(bad, tmp_path) as context:
        leaf = asyncio.run(visit(context))

    assert leaf == probes.Leaf(der(bad))


def test_a_port_where_nobody_listens_is_a_sentence(tmp_path: Path) -> None:
    leaf = asyncio.run(probes.leaf_served(site(), _always(1)))

    assert leaf.der == b""
    assert "nothing listens there" in leaf.failure
