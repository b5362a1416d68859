"""Waiting that does not count the time in which we ourselves were late.

A program that has a thousand hosts under way is late for all of them at once: for an answer that has come as
for the clock that says it did not. Ten seconds are forty quarters here; each begins when the last was seen.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

TICK = 0.25


class Wait:
    """Seconds of an event loop that is on time; they pass while the context lasts.

    Args:
        seconds: How many.
        over: Called when all have passed.

    Attributes:
        left: How many have not passed yet.
    """

    def __init__(self, seconds: float, over: Callable[[], object] = lambda: None) -> None:
        self.left = seconds
        self._over = over

    def __enter__(self) -> Self:
        self._arm()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def _arm(self) -> None:
        tick = min(TICK, self.left)
        self._timer = asyncio.get_running_loop().call_later(tick, self._pass, tick)

    def _pass(self, tick: float) -> None:
        self.left -= tick
        if self.left > 0:
            self._arm()
        else:
            self._over()


@asynccontextmanager
async def at_most(seconds: float) -> AsyncIterator[None]:
    """Do as `asyncio.timeout` does, in the seconds of a `Wait`.

    Raises:
        TimeoutError: They are over.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        with Wait(seconds, lambda: limit.reschedule(loop.time())):
            yield
