"""Questions that are asked at one time."""

import asyncio

import pytest

from deployer.probes.together import together


async def answer(value: str) -> str:
    await asyncio.sleep(0)
    return value


async def fail() -> str:
    raise TimeoutError


async def be_silent(ended: list[str]) -> str:
    try:
        return await asyncio.Future()
    finally:
        ended.append("ended")


def test_answers_come_in_the_order_of_the_questions() -> None:
    assert asyncio.run(together([answer("a"), answer("b")])) == ["a", "b"]


def test_who_asks_nothing_gets_no_answers() -> None:
    assert asyncio.run(together([])) == []


def test_the_first_failure_ends_the_waiting_for_all_others() -> None:
    ended: list[str] = []

    async def asked() -> None:
        await together([be_silent(ended), fail(), be_silent(ended)])
        raise AssertionError

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(asked(), 10))
    assert ended == ["ended", "ended"]
