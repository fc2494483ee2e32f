"""Whether the venue's time is known: measured now and then, and given up the moment it is in doubt.

A stamp from a clock that moved would also move the order's deadline at the venue, which is its last fence. So
no order goes to that venue until its clock was measured again, however long that takes, and the lease renewed,
both begun since. A step of this host's clock voids the lease for all; a venue's own clock concerns it alone.
"""

import asyncio
from collections.abc import Awaitable, Callable

from nightdesk.desk.events import Event, Health
from nightdesk.model.mode import Mode
from nightdesk.model.time import MS_NS
from nightdesk.runtime.venue_clock import STEP_NS, VenueClock

AGAIN_S = 0.5


class ClockWatch:
    """Keeps one venue's clock; tells the desk while it is unsure, of `scope`."""

    def __init__(
        self,
        scope: str,
        clock: VenueClock,
        measure: Callable[[], Awaitable[bool]],
        *,
        void: Callable[[], None],
        tell: Callable[[Event], None],
        say: Callable[[str], None],
        spawn: Callable[[Awaitable[None], str], None],
    ) -> None:
        self._scope = scope
        self._clock = clock
        self._measure = measure
        self._void = void
        self._tell = tell
        self._say = say
        self._spawn = spawn
        self._measuring = False

    def look(self) -> None:
        """At every tick: has UTC moved against CLOCK_BOOTTIME, was the venue's time never told?"""
        if self._clock.stepped():
            self._void()
            self.doubted("UTC moved against CLOCK_BOOTTIME")
        elif not self._measuring and not self._clock.held():
            self.doubted("the venue has not told its time")

    def doubted(self, why: str) -> None:
        """This venue gets no stamp until a measurement and a renewal that start after this have ended well."""
        self._clock.doubt()
        self._say(why)
        self._tell(Health(scope=self._scope, cause="clock", mode=Mode.REDUCE_ONLY, why=why))
        if not self._measuring:
            self._measuring = True
            self._spawn(self._measure_again(), "clock")

    def untold(self, why: str) -> None:
        """The venue does not tell its time: nothing new on an old offset; the way out is tried with it."""
        self._say(why)
        self._tell(Health(scope=self._scope, cause="clock", mode=Mode.REDUCE_ONLY, why=why))

    def measured(self) -> None:
        """The venue told its time."""
        moved_ns = self._clock.correct()
        if abs(moved_ns) > STEP_NS:
            error_ns = self._clock.error_ns() or 0
            moved = f"moved by {moved_ns / MS_NS:+.1f} ms (give or take {error_ns / MS_NS:.1f} ms)"
            self._say(f"the venue's clock {moved}")
        self._tell(Health(scope=self._scope, cause="clock", mode=Mode.NORMAL, why="measured"))

    async def _measure_again(self) -> None:
        try:
            told = await self._measure()
            while not told:
                await asyncio.sleep(AGAIN_S)
                told = await self._measure()
        finally:
            self._measuring = False
        self.measured()
