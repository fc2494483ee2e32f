"""Whether the venue's time is known: measured now and then, and given up the moment a clock has stepped.

A stamp from a clock that moved would also move the order's deadline at the venue, which is its last fence. So
nothing is sent from the step on until the offset was measured again, however long that takes.
"""

import asyncio
from collections.abc import Awaitable, Callable

from nightdesk.desk.events import Event, Health
from nightdesk.model.mode import Mode
from nightdesk.model.time import MS_NS
from nightdesk.runtime.requester import STEP_NS, Requester

AGAIN_S = 0.5


class ClockWatch:
    """Keeps one requester's clock; tells the desk while it is unsure, of `scope`."""

    def __init__(
        self,
        scope: str,
        requester: Requester,
        measure: Callable[[], Awaitable[int | None]],
        *,
        void: Callable[[], None],
        tell: Callable[[Event], None],
        say: Callable[[str], None],
        spawn: Callable[[Awaitable[None], str], None],
    ) -> None:
        self._scope = scope
        self._requester = requester
        self._measure = measure
        self._void = void
        self._tell = tell
        self._say = say
        self._spawn = spawn
        self._measuring = False

    def look(self) -> None:
        """At every tick: has UTC moved against CLOCK_BOOTTIME since the offset was measured?"""
        if not self._measuring and not self._requester.clock_held():
            self.stepped("UTC moved against CLOCK_BOOTTIME")

    def stepped(self, why: str) -> None:
        """Neither the lease nor the stamps may be relied on until what starts after this has ended well."""
        self._void()
        self._requester.lose_clock()
        self._say(why)
        self._tell(Health(scope=self._scope, cause="clock", mode=Mode.REDUCE_ONLY, why=why))
        if not self._measuring:
            self._measuring = True
            self._spawn(self._measure_again(), "clock")

    def untold(self, why: str) -> None:
        """The venue does not tell its time: nothing new on an old offset; the way out is tried with it."""
        self._say(why)
        self._tell(Health(scope=self._scope, cause="clock", mode=Mode.REDUCE_ONLY, why=why))

    def measured(self, offset_ns: int) -> None:
        """The venue told its time."""
        moved = offset_ns - self._requester.offset_ns
        self._requester.corrected(offset_ns)
        if abs(moved) > STEP_NS:
            self._void()
            self._say(f"the venue's clock minus ours moved by {moved / MS_NS:+.1f} ms")
        self._tell(Health(scope=self._scope, cause="clock", mode=Mode.NORMAL, why="measured"))

    async def _measure_again(self) -> None:
        try:
            offset = await self._measure()
            while offset is None:
                await asyncio.sleep(AGAIN_S)
                offset = await self._measure()
        finally:
            self._measuring = False
        self.measured(offset)
