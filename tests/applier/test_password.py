"""A conversation that begins with a password for sudo."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Machine

from deployer.applier import Conversation
from deployer.errors import UnreachableError
from deployer.facts import Observation
from deployer.secret import Secret
from deployer.transport.local import LocalTransport

SUDO = """#!/bin/sh
# As sudo -S does: three attempts, a line of the input for each.
for attempt in 1 2 3; do
    IFS= read -r said || { echo 'sudo: no password was provided' >&2; exit 1; }
    [ "$said" = right ] && break
    [ "$attempt" -lt 3 ] || { echo 'sudo: 3 incorrect password attempts' >&2; exit 1; }
done
until [ "$1" = -- ]; do shift; done
shift
exec "$@"
"""


@pytest.fixture
def guarded(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose sudo wants a password."""
    machine.write("desk/sudo", SUDO, executable=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'desk'}:/usr/sbin:/usr/bin:/sbin:/bin")
    return machine


def look_twice(machine: Machine, password: str) -> list[Observation]:
    privilege = replace(machine.privilege, become=True, password=Secret(password))

    async def whole() -> list[Observation]:
        host = Conversation(LocalTransport(), privilege)
        try:
            return [await host.observe(f"service:{name}") for name in ("nginx", "cron")]
        finally:
            await host.close()

    return asyncio.run(asyncio.wait_for(whole(), 60))


def test_the_password_opens_every_command_and_nothing_of_it_is_taken_for_a_question(guarded: Machine) -> None:
    first, second = look_twice(guarded, "right")

    assert (set(first.services), set(second.services)) == ({"nginx"}, {"cron"})


def test_a_wrong_password_is_told_and_nobody_waits_for_another_one(guarded: Machine) -> None:
    with pytest.raises(UnreachableError, match="sudo refused: sudo: no password was provided"):
        look_twice(guarded, "wrong")
