import asyncio
from collections.abc import AsyncIterator

import pytest

from deployer.errors import UnreachableError
from deployer.model.host import Host
from deployer.transport import Address, Result
from deployer.transport.fake import Call, FakeTransport
from deployer.transport.streams import Lines


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_are_whole_wherever_the_network_cuts(size: int) -> None:
    said = "grün\n\n☃ snow\nrest".encode()
    seen: list[str] = []
    lines = Lines(seen.append)

    for start in range(0, len(said), size):
        lines.feed(said[start : start + size])

    assert lines.finish() == said.decode()
    assert seen == ["grün", "", "☃ snow", "rest"]


def test_a_complete_line_is_seen_before_the_next_one_begins() -> None:
    seen: list[str] = []
    lines = Lines(seen.append)

    lines.feed(b"phase stage\nphase val")

    assert seen == ["phase stage"]


async def parts(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def test_a_fake_answers_notes_and_counts() -> None:
    seen: list[str] = []
    fake = FakeTransport(lambda argv, stdin: [argv[0], stdin.decode()])

    async def whole() -> Result:
        host = await fake.connect(Host("edge1"))
        return await host.run(("sh", "-c", "x"), stdin=parts(b"a", b"b"), on_line=seen.append)

    assert asyncio.run(whole()) == Result(0, "sh\nab\n", "")
    assert seen == ["sh", "ab"]
    assert fake.calls == [Call(("sh", "-c", "x"), b"ab")]
    assert (fake.connections, fake.received) == (1, 2)


def test_a_fake_can_speak_while_it_reads() -> None:
    seen: list[str] = []

    async def script(argv: tuple[str, ...], stdin: AsyncIterator[bytes]) -> AsyncIterator[str | Result]:
        yield "switched"
        yield f"heard {(await anext(stdin)).decode()}"
        yield Result(6, "gone back\n", "warning\n")

    async def answers() -> AsyncIterator[bytes]:
        assert seen == ["switched"]
        yield b"confirm"

    fake = FakeTransport(dialogue=script)
    result = asyncio.run(fake.run(("sh",), stdin=answers(), on_line=seen.append))

    assert result == Result(6, "switched\nheard confirm\ngone back\n", "warning\n")
    assert seen == ["switched", "heard confirm", "gone back"]
    assert fake.calls == [Call(("sh",), b"confirm")]


def test_a_port_of_a_fake_host_leads_where_it_was_told() -> None:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def whole() -> list[bytes]:
        async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            heard = []
            for fake in (FakeTransport(addresses={443: Address("127.0.0.1", port)}), FakeTransport()):
                stream = await fake.stream(443 if fake.addresses else port)
                stream.write(b"hello\n")
                heard += [await stream.read(), await stream.read()]
                stream.close()
            return heard

    assert asyncio.run(whole()) == [b"hello\n", b""] * 2


def test_a_closed_fake_is_a_lost_connection() -> None:
    fake = FakeTransport()

    async def whole() -> None:
        await fake.close()
        await fake.run(("true",))

    with pytest.raises(UnreachableError):
        asyncio.run(whole())
