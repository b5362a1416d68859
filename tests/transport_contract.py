"""What every transport promises, as tests; each ring imports them with its own `opener`."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest

from deployer.transport import Result, Transport

Opener = Callable[[], Awaitable[Transport]]
T = TypeVar("T")
_PATIENCE = 60.0


def talk(opener: Opener, conversation: Callable[[Transport], Awaitable[T]]) -> T:
    """Open a transport, have the conversation, close; never longer than a minute."""

    async def whole() -> T:
        transport = await opener()
        try:
            return await asyncio.wait_for(conversation(transport), _PATIENCE)
        finally:
            await transport.close()

    return asyncio.run(whole())


def sh(script: str, *arguments: str) -> tuple[str, ...]:
    return ("sh", "-c", script, "sh", *arguments)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is awaited is a file or a list, not an event
        await asyncio.sleep(0.02)


class Contract:
    """Of every transport, the fake included."""

    def test_a_command_says_its_two_streams_and_its_exit_code(self, opener: Opener) -> None:
        result = talk(opener, lambda host: host.run(sh("echo out; echo err >&2; exit 3")))

        assert result == Result(3, "out\n", "err\n")

    def test_exit_255_is_a_value_and_not_a_lost_connection(self, opener: Opener) -> None:
        assert talk(opener, lambda host: host.run(sh("exit 255"))).exit_code == 255

    def test_arguments_arrive_as_they_were_given(self, opener: Opener) -> None:
        odd = ("two words", "", "it's", '"quoted"', "$HOME `id`", "a\nb", "*", "\\", "grün ☃")

        result = talk(opener, lambda host: host.run(sh('printf "[%s]" "$@"', *odd)))

        assert result.stdout == "".join(f"[{argument}]" for argument in odd)

    def test_without_input_a_reader_sees_the_end_at_once(self, opener: Opener) -> None:
        assert talk(opener, lambda host: host.run(("cat",))) == Result(0, "", "")

    def test_megabytes_go_in_and_come_back(self, opener: Opener) -> None:
        text = "".join(f"{number:07} äöü\n" for number in range(300_000))
        sent = text.encode()
        seen: list[str] = []

        async def parts() -> AsyncIterator[bytes]:
            for start in range(0, len(sent), 50_001):
                yield sent[start : start + 50_001]

        result = talk(opener, lambda host: host.run(("cat",), stdin=parts(), on_line=seen.append))

        assert hashlib.sha256(result.stdout.encode()).digest() == hashlib.sha256(sent).digest()
        assert (len(seen), seen[-1]) == (300_000, "0299999 äöü")

    def test_a_last_line_without_its_newline_is_seen_too(self, opener: Opener) -> None:
        seen: list[str] = []

        result = talk(opener, lambda host: host.run(sh('printf "one\\n\\ntwo"'), on_line=seen.append))

        assert (result.stdout, seen) == ("one\n\ntwo", ["one", "", "two"])

    def test_bytes_that_are_no_text_are_replaced(self, opener: Opener) -> None:
        assert talk(opener, lambda host: host.run(sh("printf '\\377ok'"))).stdout == "\ufffdok"

    def test_death_by_a_signal_is_128_and_its_number(self, opener: Opener) -> None:
        assert talk(opener, lambda host: host.run(sh("kill -9 $$"))).exit_code == 137

    def test_close_may_be_called_twice(self, opener: Opener) -> None:
        talk(opener, lambda host: host.close())


class LiveContract(Contract):
    """Of the transports with a real program at the other end."""

    def test_a_program_that_is_not_there_is_a_value(self, opener: Opener) -> None:
        assert talk(opener, lambda host: host.run(("no-such-program",))).exit_code in (126, 127)

    def test_lines_are_seen_while_the_command_waits_for_more_input(self, opener: Opener) -> None:
        seen: list[str] = []

        async def answers() -> AsyncIterator[bytes]:
            await until(lambda: seen == ["name?"])
            yield b"edge1\n"
            await until(lambda: seen[1:] == ["hello edge1"])
            yield b"bye\n"

        script = 'echo name?; read name; echo "hello $name"; read last; echo "$last"'
        result = talk(opener, lambda host: host.run(sh(script), stdin=answers(), on_line=seen.append))

        assert result == Result(0, "name?\nhello edge1\nbye\n", "")

    def test_a_command_that_ends_early_ends_its_input(self, opener: Opener) -> None:
        closed: list[bool] = []

        async def endless() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 65536
            finally:
                closed.append(True)

        result = talk(opener, lambda host: host.run(sh("head -c 3; exit 7"), stdin=endless()))

        assert (result.exit_code, result.stdout, closed) == (7, "xxx", [True])

    def test_a_command_that_ends_does_not_wait_for_input_that_never_comes(self, opener: Opener) -> None:
        async def silent() -> AsyncIterator[bytes]:
            await asyncio.Event().wait()
            yield b""

        assert talk(opener, lambda host: host.run(("echo", "done"), stdin=silent())).stdout == "done\n"

    def test_an_error_of_the_input_comes_through_and_the_host_stays_usable(self, opener: Opener) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"begin\n"
            raise OSError("the bundle cannot be read")

        async def conversation(host: Transport) -> Result:
            with pytest.raises(OSError, match="the bundle cannot be read"):
                await host.run(("cat",), stdin=broken())
            return await host.run(("echo", "still here"))

        assert talk(opener, conversation).stdout == "still here\n"

    def test_a_cancelled_command_returns_at_once_and_the_host_stays_usable(self, opener: Opener) -> None:
        async def conversation(host: Transport) -> tuple[float, Result]:
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(host.run(("sleep", "30")), 0.3)
            return time.monotonic() - started, await host.run(("echo", "still here"))

        seconds, result = talk(opener, conversation)

        assert seconds < 5
        assert result.stdout == "still here\n"

    def test_commands_share_the_connection(self, opener: Opener) -> None:
        async def conversation(host: Transport) -> list[Result]:
            return await asyncio.gather(*(host.run(("echo", str(number))) for number in range(5)))

        assert [result.stdout for result in talk(opener, conversation)] == [f"{n}\n" for n in range(5)]

    def test_output_that_comes_at_once_is_never_lost(self, opener: Opener) -> None:
        async def conversation(host: Transport) -> set[str]:
            return {(await host.run(("echo", "quick"))).stdout for _ in range(20)}

        assert talk(opener, conversation) == {"quick\n"}
