"""What the script tells of connections that live through a reload, against the real nginx."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from conftest import Machine, free_port

from deployer.bundle import Bundle, File, Service
from deployer.standing import Cut, Live

UPGRADE = (
    b"GET /talk HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def backend() -> Iterator[int]:
    """A server on loopback that upgrades every connection and says back what it hears."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.recv(65536)
                connection.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                )
                while heard := connection.recv(65536):
                    connection.sendall(heard)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def talking(backend: int, text: str = "one") -> str:
    return f"""
        location / {{ return 200 "{text}"; }}
        location /talk {{
            proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_read_timeout 1h;
            proxy_set_header Connection Upgrade; proxy_set_header Upgrade websocket;
        }}"""


def bounded(machine: Machine, body: str, after: str) -> Bundle:
    """The bundle with `after` as its worker_shutdown_timeout."""
    conf = b"worker_shutdown_timeout " + after.encode() + b";\n" + machine.config(body)
    file = File(conf, owner="root", group="root", validate="nginx -t -q -c %s")
    return Bundle(
        files={"/etc/nginx/nginx.conf": file},
        services=(Service("nginx", watches=frozenset({"/etc/nginx/nginx.conf"})),),
    )


def upgraded(machine: Machine) -> socket.socket:
    visitor = socket.create_connection(("127.0.0.1", machine.port), timeout=10)
    visitor.sendall(UPGRADE)
    assert visitor.recv(65536).startswith(b"HTTP/1.1 101 ")
    return visitor


def says_back(visitor: socket.socket) -> bool:
    visitor.sendall(b"still there?")
    return visitor.recv(65536) == b"still there?"


def idle(machine: Machine) -> socket.socket:
    """A keep-alive connection that has had its answer."""
    visitor = socket.create_connection(("127.0.0.1", machine.port), timeout=10)
    visitor.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert visitor.recv(65536).startswith(b"HTTP/1.1 200 ")
    return visitor


def test_open_websockets_are_counted_before_a_reload_and_after_it(machine: Machine, backend: int) -> None:
    machine.apply(machine.bundle(talking(backend)))
    with upgraded(machine) as one, upgraded(machine) as two, upgraded(machine) as three, idle(machine):
        applied, _ = machine.apply(machine.bundle(talking(backend, "two")))

        assert applied.live is not None
        assert (applied.live.before, applied.live.staying, applied.live.cut_after) == (3, 3, "")
        draining = [worker for worker in machine.observe("workers").workers if worker.draining]
        assert applied.live.workers == len(draining)
        assert all(says_back(visitor) for visitor in (one, two, three))


def test_connections_of_earlier_reloads_are_counted_along(machine: Machine, backend: int) -> None:
    machine.apply(machine.bundle(talking(backend)))
    with upgraded(machine):
        machine.apply(machine.bundle(talking(backend, "two")))
        with upgraded(machine):
            applied, _ = machine.apply(machine.bundle(talking(backend, "three")))

    assert applied.live == Live(2, 2, 2)


def test_a_reload_that_nobody_notices_leaves_nothing(machine: Machine, backend: int) -> None:
    first, _ = machine.apply(machine.bundle(talking(backend)))
    with idle(machine):
        second, _ = machine.apply(machine.bundle(talking(backend, "two")))

    # The first started nginx; there was nothing to count.
    assert (first.live, second.live) == (None, Live(0, 0, 0))


def test_an_nginx_that_does_not_tell_is_reloaded_without_a_number(machine: Machine, backend: int) -> None:
    machine.apply(machine.bundle(talking(backend)))
    with upgraded(machine):
        blind = machine.config(talking(backend)).replace(b"stub_status;", b"return 404;")
        file = File(blind, owner="root", group="root", validate="nginx -t -q -c %s")
        bundle = Bundle(files={"/etc/nginx/nginx.conf": file}, services=machine.bundle().services)
        machine.apply(bundle)

        applied, _ = machine.apply(machine.bundle(talking(backend)))

    assert applied.live == Live(None, 1, 1)


def test_a_run_that_goes_back_says_what_both_reloads_left(machine: Machine, backend: int) -> None:
    machine.apply(machine.bundle(talking(backend)))
    with upgraded(machine) as visitor:
        applied, _ = machine.apply(machine.bundle(talking(backend, "two")), decision="the site is worse")

        assert (applied.ending, applied.live) == ("reverted", Live(1, 1, 1))
        assert says_back(visitor)


def test_the_configuration_that_runs_says_what_the_next_reload_cuts(machine: Machine, backend: int) -> None:
    machine.apply(machine.bundle(talking(backend)))
    assert machine.observe().cut is None
    with upgraded(machine) as visitor:
        brings, _ = machine.apply(bounded(machine, talking(backend), "1s"))

        # The one before it had none: this reload cuts nothing, the next one will.
        assert brings.live == Live(1, 1, 1)
        assert machine.observe().cut == Cut("1s", 1)
        assert says_back(visitor)
        with upgraded(machine) as later:
            cuts, _ = machine.apply(bounded(machine, talking(backend, "two"), "1s"))

            assert cuts.live is not None
            assert (cuts.live.before, cuts.live.cut_after) == (2, "1s")
            assert later.recv(65536) == b""
        assert says_back(visitor)


def test_what_was_there_before_us_may_cut_too(machine: Machine) -> None:
    machine.write("etc/nginx/nginx.conf", "worker_shutdown_timeout 90s;\nevents {}\n")

    assert machine.observe().cut == Cut("90s", None)


def test_the_endpoint_may_move_to_another_port(machine: Machine, backend: int) -> None:
    machine.apply(machine.bundle(talking(backend)))
    with upgraded(machine):
        machine.endpoint = free_port()
        applied, _ = machine.apply(machine.bundle(talking(backend)))

    assert applied.live == Live(1, 1, 1)
    deadline = time.monotonic() + 10
    while any(worker.draining for worker in machine.observe("workers").workers):
        assert time.monotonic() < deadline, "the worker drains though its visitor has gone"
        time.sleep(0.05)
