"""The benchmark's instruments: what a program costs, and what a longer wire counts."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.bench import host_cpu
from tests.bench.measuring import Command, Cost, measure
from tests.bench.proxy import Proxy, Traffic

MEGABYTE = 2**20
LATE = 0.04

Dialogue = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _cost(folder: Path, program: str) -> Cost:
    return measure(Command((sys.executable, "-c", program), folder), folder / "log")


def _log(folder: Path) -> str:
    return (folder / "log").read_text()


def test_a_program_is_measured_with_its_exit_code_and_its_words(tmp_path: Path) -> None:
    cost = _cost(tmp_path, "import time; time.sleep(0.3); print('said'); raise SystemExit(3)")

    assert cost.exit_code == 3
    assert cost.seconds >= 0.3
    assert _log(tmp_path) == "said\n"


def test_memory_is_the_programs_own_and_not_that_of_who_measures(tmp_path: Path) -> None:
    held = bytearray(200 * MEGABYTE)

    small = _cost(tmp_path, "pass")
    large = _cost(tmp_path, f"held = bytearray({150 * MEGABYTE}); held[::4096] = b'x' * len(held[::4096])")

    assert len(held) > small.memory
    assert small.memory < 60 * MEGABYTE
    assert 150 * MEGABYTE < large.memory < 220 * MEGABYTE


def test_memory_of_processes_that_run_at_a_time_is_added(tmp_path: Path) -> None:
    program = f"""
import os, signal, time
ready, done = os.pipe()
children = []
for _ in range(3):
    child = os.fork()
    if not child:
        held = bytearray({60 * MEGABYTE})
        held[::4096] = b"x" * len(held[::4096])
        os.write(done, b".")
        signal.pause()
    children.append(child)
for child in children:
    os.read(ready, 1)
# Whoever samples looks every five seconds on a busy machine.
time.sleep(8)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""
    cost = _cost(tmp_path, program)

    assert 180 * MEGABYTE < cost.memory < 260 * MEGABYTE


def test_the_processor_time_of_what_a_program_leaves_behind_counts_and_it_is_ended(tmp_path: Path) -> None:
    program = """
import os, signal, sys, time
ready, done = os.pipe()
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, lambda *_: (print("ended", flush=True), os._exit(0)))
    while time.process_time() < 0.4:
        pass
    os.write(done, b".")
    time.sleep(60)
os.read(ready, 1)
"""
    cost = _cost(tmp_path, program)

    assert cost.cpu >= 0.4
    assert cost.seconds < 30
    assert _log(tmp_path) == "ended\n"


async def _through(server: Dialogue, client: Dialogue, *, late: float = LATE) -> Traffic:
    """Let `client` speak to `server` over a wire that is `late` seconds long, both ways."""

    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server(reader, writer)
        writer.close()
        await writer.wait_closed()
        served.set()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Proxy(("127.0.0.1", listening.sockets[0].getsockname()[1]), late)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", await proxy.listen())
        await client(reader, writer)
        writer.close()
        await writer.wait_closed()
        await served.wait()
    finally:
        await proxy.close()
        listening.close()
        await listening.wait_closed()
    return proxy.take()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


def test_a_wire_counts_the_handshake_and_each_wait_for_an_answer() -> None:
    async def three_questions(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(3):
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number

    traffic = asyncio.run(_through(_echo, three_questions))

    assert traffic == Traffic(connections=1, round_trips=4, sent=6, received=6)


def test_questions_that_do_not_wait_for_each_other_are_one_round_trip() -> None:
    async def all_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(3):
            writer.write(b"%d\n" % number)
            await asyncio.sleep(LATE / 8)
        for _ in range(3):
            await reader.readline()

    assert asyncio.run(_through(_echo, all_at_once)).round_trips == 2


def test_a_goodbye_that_nobody_answers_is_no_round_trip() -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome\n")
        await reader.read()

    async def leaves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"goodbye\n")

    assert asyncio.run(_through(greets, leaves)).round_trips == 1


@pytest.mark.parametrize("late", [0.02, 0.1])
def test_every_byte_is_late_the_first_one_by_its_handshake_too(late: float) -> None:
    waited: list[float] = []

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            before = loop.time()
            writer.write(b"?\n")
            await reader.readline()
            waited.append(loop.time() - before)

    asyncio.run(_through(_echo, ask, late=late))

    # The handshake's round trip shows before the first answer: a proxy accepts at once.
    assert waited[0] >= 2 * late
    assert waited[1] >= late


def test_large_bodies_arrive_whole_and_in_order() -> None:
    body = bytes(range(256)) * 4096
    received = bytearray()

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(body)
        await writer.drain()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.read(-1))

    traffic = asyncio.run(_through(send, read))

    assert bytes(received) == body
    assert traffic.received == len(body)


def test_what_a_host_used_is_read_of_either_version_of_control_groups(tmp_path: Path) -> None:
    first, second = tmp_path / "cpuacct" / "docker" / "a1", tmp_path / "docker" / "a1"
    for folder in (first, second):
        folder.mkdir(parents=True)
    (first / "cpuacct.usage").write_text("1500000000\n")
    (second / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")

    assert host_cpu.read("5:memory:/docker/a1\n4:cpu,cpuacct:/docker/a1\n0::/\n", tmp_path) == 1.5
    assert host_cpu.read("0::/docker/a1\n", tmp_path) == 2.5


def test_what_a_host_used_is_not_known_where_its_process_is_not() -> None:
    assert host_cpu.used([2**30]) is None
