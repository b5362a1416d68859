"""The controller itself as a host."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence

from deployer.transport import Address, LineSink, Result, Stream
from deployer.transport.streams import CHUNK, Lines, Writer, connected, converse, copy, feed

_GRACE = 5.0
"""Seconds that a cancelled command has for its own clean-up before it is killed."""


class LocalTransport:
    """Runs commands as the operator, in a session of their own: a Ctrl-C reaches them through us."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: AsyncIterator[bytes] | None = None,
        on_line: LineSink | None = None,
    ) -> Result:
        """Run `argv`; a program that is not there is exit code 127, as from a shell."""
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
            )
        except FileNotFoundError:
            return Result(127, "", f"{argv[0]}: not found\n")
        except PermissionError:
            return Result(126, "", f"{argv[0]}: permission denied\n")
        try:
            return await _attend(process, stdin, on_line)
        finally:
            await _end(process)

    async def stream(self, port: int) -> Stream:
        """Connect to the loopback port itself."""
        return await connected(Address("127.0.0.1", port))

    async def close(self) -> None:
        """Nothing is open between commands."""


async def _attend(process: Process, stdin: AsyncIterator[bytes] | None, on_line: LineSink | None) -> Result:
    out, err = Lines(on_line), Lines()
    writer, stdout, stderr = _pipes(process)

    async def wait() -> None:
        await process.wait()

    await converse(
        feed(stdin, writer), copy(_chunks(stdout), out.feed), copy(_chunks(stderr), err.feed), wait()
    )
    code = process.returncode or 0
    return Result(code if code >= 0 else 128 - code, out.finish(), err.finish())


def _pipes(process: Process) -> tuple[Writer, asyncio.StreamReader, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise AssertionError("the process was started with three pipes")
    return process.stdin, process.stdout, process.stderr


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await reader.read(CHUNK):
        yield chunk


async def _end(process: Process) -> None:
    """End a command, and all it started, that was cancelled; one that has ended is left alone."""
    for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
        if process.returncode is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
    if process.stdin is not None:
        process.stdin.close()
