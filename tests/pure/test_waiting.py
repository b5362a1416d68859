"""Deadlines of a program that is late itself."""

import asyncio
import time

import pytest

from deployer.waiting import Wait, at_most


def test_what_the_loop_was_late_is_not_counted_as_waiting() -> None:
    async def waited() -> float:
        with Wait(1.0) as wait:
            await asyncio.sleep(0)
            time.sleep(1.2)  # noqa: ASYNC251 - busy with another host
            await asyncio.sleep(0.01)
            return wait.left

    assert asyncio.run(waited()) == 0.75


def test_an_answer_that_came_while_the_loop_was_late_is_in_time() -> None:
    async def answer() -> str:
        answered = asyncio.get_running_loop().create_future()
        async with at_most(0.5):
            asyncio.get_running_loop().call_later(0.3, answered.set_result, "here")
            await asyncio.sleep(0)
            time.sleep(0.8)  # noqa: ASYNC251 - as above
            return str(await answered)

    assert asyncio.run(answer()) == "here"


def test_silence_is_over_when_its_time_is() -> None:
    async def silence() -> None:
        async with at_most(0.05):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(silence())


def test_nothing_is_left_ticking_after_a_wait() -> None:
    passed = []

    async def brief() -> None:
        with Wait(0.01, lambda: passed.append("over")):
            pass
        await asyncio.sleep(0.05)

    asyncio.run(brief())

    assert passed == []
