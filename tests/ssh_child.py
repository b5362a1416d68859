"""What an SSH server of ours runs for its client: a program of this machine, fed and read as it goes."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from typing import Any

import asyncssh


async def run(
    process: "asyncssh.SSHServerProcess[bytes]",
    command: str,
    environment: Mapping[str, str] | None = None,
    *,
    first: bytes = b"",
) -> None:
    """Run `command` by the login shell; it is killed, with all of its session, when the client has gone.

    What it is fed begins with `first`.
    """
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
        env=environment,
    )
    feeding = asyncio.ensure_future(_pump(process.stdin, child.stdin, first=first))
    try:
        await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
        code = await child.wait()
        if code < 0:
            process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            process.exit(code)
    except (OSError, asyncssh.Error):
        process.close()
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        child._transport.close()  # type: ignore[attr-defined]  # the pipes; there is no public way


async def _pump(source: Any, sink: Any, *, first: bytes = b"") -> None:  # noqa: ANN401 - asyncio's or asyncssh's
    with contextlib.suppress(OSError, asyncssh.Error):
        sink.write(first)
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
    if isinstance(sink, asyncio.StreamWriter):
        sink.close()
