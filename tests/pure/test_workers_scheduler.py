"""A connection to a scheduler that is lost: nothing is raised, and nobody waits for another scheduler."""

import asyncio
from dataclasses import dataclass
from typing import NoReturn

import pytest

from deployer.workers.scheduler import Scheduler


@dataclass
class Client:
    """A client of Dask that raises what Dask's does."""

    status: str
    error: Exception

    async def nthreads(self) -> NoReturn:
        raise self.error

    async def run(self, *args: object, **named: object) -> NoReturn:
        raise self.error

    def subscribe_topic(self, topic: str, heard: object) -> NoReturn:
        raise self.error


@pytest.mark.parametrize(
    "client",
    [
        Client("connecting", AssertionError("it was asked")),
        Client("closed", AssertionError("it was asked")),
        Client("running", RuntimeError("ConnectionPool is closed")),
        Client("running", AttributeError("'NoneType' object has no attribute 'send'")),
        Client("running", OSError("Timed out trying to connect")),
    ],
)
def test_a_scheduler_that_is_lost_has_no_answer(client: Client) -> None:
    async def ask() -> tuple[object, object]:
        scheduler = Scheduler(client, "tcp://scheduler:8786")
        return await scheduler.threads(), await scheduler.ask_workers(print, workers=["a"])

    assert asyncio.run(ask()) == (None, {})


@pytest.mark.parametrize("status", ["connecting", "closed"])
def test_nobody_is_listened_to_where_the_scheduler_is_lost(status: str) -> None:
    heard = []

    with Scheduler(Client(status, AssertionError("it was asked")), "").hearing("topic", print):
        heard.append("what we say ourselves")

    assert heard
