"""What hosts say to which nothing was ever done: all say the same, so that one has to say it."""

import asyncio
import re
import shlex
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncssh

from tests.bench.simulated.machines import ROOT

_CLOCK = re.compile(rb"(?m)^(deployer\tclock\t)[\d.]+$")
LOOKS = " deployer '' converse"
"""How a command line names a conversation with a real host, before its first questions."""


@dataclass
class Recorded:
    """The answers to looks, by the command line of each."""

    said: dict[str, "asyncio.Task[bytes]"] = field(default_factory=dict)

    async def converse(
        self, process: "asyncssh.SSHServerProcess[bytes]", command: str, environment: Mapping[str, str]
    ) -> bytes:
        """Answer looks until the client has gone, or wants to apply: then what it has said of that.

        Args:
            process: The client's.
            command: As it came, which names its first questions.
            environment: Of the host that says it first.
        """
        asking, questions = command, list[str]()
        process.stdout.write(await self._answer(asking, environment))
        while line := await process.stdin.readline():
            match line.split():
                case [b"ask", *_]:
                    questions.append(line.decode().removeprefix("ask ").rstrip("\n"))
                case [b"observe"]:
                    asking = f"{before(command)}{LOOKS} {shlex.join(questions)}"
                    process.stdout.write(await self._answer(asking, environment))
                    questions = []
                case _:
                    return line
        return b""

    async def _answer(self, asking: str, environment: Mapping[str, str]) -> bytes:
        if asking not in self.said:
            self.said[asking] = asyncio.ensure_future(_run(asking, environment))
        now = str(int(time.time())).encode()
        return _CLOCK.sub(lambda match: match[1] + now, await self.said[asking])


def before(command: str) -> str:
    """Return what stands before the name of the conversation: the shell and its script."""
    return command.rpartition(LOOKS)[0]


async def _run(asking: str, environment: Mapping[str, str]) -> bytes:
    root = environment[ROOT]
    command = f"{before(asking)} deployer {root} converse{asking.rpartition(LOOKS)[2]}"
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", command, stdin=DEVNULL, stdout=PIPE, env=environment
    )
    out, _ = await child.communicate()
    return out
