"""Several things at one time, of which the first that failed counts."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

_T = TypeVar("_T")


async def together(asked: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Return all answers in the order of what was asked; none is left running.

    Raises:
        Exception: Of the first that raised one; the others are not waited for.
    """
    tasks = [asyncio.ensure_future(each) for each in asked]
    try:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
    for answer in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(answer, BaseException) and not isinstance(answer, asyncio.CancelledError):
            raise answer
    return [task.result() for task in tasks]
