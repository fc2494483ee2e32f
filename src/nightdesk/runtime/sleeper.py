"""A sleep that can be ended early: what lets a tick wait for the next thing that is due."""

import asyncio

from nightdesk.model.time import Mono


class Sleeper:
    """One sleep at a time. `wakes` is when it means to end, on this host's clock."""

    def __init__(self) -> None:
        self.asleep = False
        self.wakes = Mono(0)
        self._ends: asyncio.Future[None] | None = None

    async def until(self, wakes: Mono, seconds: float) -> None:
        """Sleep for `seconds`, which is until `wakes`, unless woken."""
        loop = asyncio.get_running_loop()
        self._ends, self.wakes, self.asleep = loop.create_future(), wakes, True
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._ends
        finally:
            self.asleep = False
            timer.cancel()

    def wake(self) -> None:
        """Go on at once."""
        self.asleep = False
        if self._ends is not None and not self._ends.done():
            self._ends.set_result(None)
