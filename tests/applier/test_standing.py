"""What the script tells of certificates and workers, on a host that is a directory."""

import socket
import time

import pytest
from conftest import Machine
from pair import make_pair

from deployer.bundle import Certificate
from deployer.standing import Worker


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A pair that nginx accepts."""
    return make_pair(tmp_path_factory.mktemp("pair"))


def with_certificate(machine: Machine, certificate: Certificate) -> None:
    applied, _ = machine.apply(machine.bundle(), certificates=(certificate,))
    assert applied.ending == "ok"


def test_a_stored_pair_is_told_with_the_mode_of_its_key_and_without_the_key(
    machine: Machine, certificate: Certificate
) -> None:
    with_certificate(machine, certificate)

    stored = machine.observe("stored").stored["abc"]

    assert (stored.chain, stored.intact) == (certificate.fullchain, True)
    assert stored.key.startswith("600 ")
    assert certificate.key.reveal() not in repr(machine.observe("stored"))


def test_a_pair_that_somebody_changed_is_told_as_such(machine: Machine, certificate: Certificate) -> None:
    with_certificate(machine, certificate)
    machine.path("/etc/deployer/certs/abc/fullchain.pem").write_text("garbage")
    machine.path("/etc/deployer/certs/abc/privkey.pem").chmod(0o644)

    stored = machine.observe("stored").stored["abc"]

    assert (stored.chain, stored.intact) == (b"garbage", False)
    assert stored.key.startswith("644 ")


def test_a_bare_host_has_neither_certificates_nor_workers(machine: Machine) -> None:
    seen = machine.observe("stored", "workers")

    assert (seen.stored, seen.workers) == ({}, ())


def open_connection(machine: Machine) -> socket.socket:
    """A visitor that has begun a request and waits; nginx keeps it for a minute."""
    visitor = socket.create_connection(("127.0.0.1", machine.port))
    visitor.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    return visitor


def told(machine: Machine, *, connections: int) -> tuple[Worker, ...]:
    """The workers, once they hold so many connections: accepting takes an instant."""
    deadline = time.monotonic() + 10
    while True:
        workers = machine.observe("workers").workers
        if sum(worker.connections or 0 for worker in workers) == connections:
            return workers
        assert time.monotonic() < deadline, workers
        time.sleep(0.05)


def test_connections_of_visitors_are_counted_by_worker(machine: Machine) -> None:
    machine.apply(machine.bundle())
    assert [worker.connections for worker in machine.observe("workers").workers] == [0, 0]

    with open_connection(machine), open_connection(machine), open_connection(machine):
        workers = told(machine, connections=3)

    assert len(workers) == 2
    assert not any(worker.draining for worker in workers)
    assert {worker.pid for worker in workers} == machine.workers()
    assert all(worker.age < 60 for worker in workers)


def test_a_worker_that_only_finishes_its_connections_is_draining(machine: Machine) -> None:
    machine.apply(machine.bundle())
    with open_connection(machine):
        (before,) = [worker for worker in told(machine, connections=1) if worker.connections]

        machine.apply(machine.bundle('return 200 "two";'))

        (draining,) = [worker for worker in told(machine, connections=1) if worker.draining]
    assert (draining.pid, draining.connections) == (before.pid, 1)


def test_a_damaged_pair_on_the_host_is_no_obstacle_to_a_new_one(
    machine: Machine, certificate: Certificate
) -> None:
    pair = f"ssl_certificate {machine.root}/etc/deployer/certs/abc/fullchain.pem;"
    pair += f"ssl_certificate_key {machine.root}/etc/deployer/certs/abc/privkey.pem;"
    bundle = machine.bundle(f"listen unix:{machine.root}/run/tls.sock ssl; {pair}")
    machine.apply(bundle, certificates=(certificate,))
    damaged = machine.path("/etc/deployer/certs/abc/fullchain.pem")
    damaged.write_text("garbage")

    refused, _ = machine.apply(machine.bundle("proxy_pas x;"), certificates=(certificate,))
    assert (refused.ending, damaged.read_text()) == ("refused", "garbage")

    applied, _ = machine.apply(bundle, certificates=(certificate,))

    assert applied.ending == "ok"
    assert machine.observe("stored").stored["abc"].intact
