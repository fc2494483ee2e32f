"""True time, and the clocks of simulated machines, which may be wrong in every way a clock can be."""

import asyncio

from nightdesk.model.time import SECOND_NS, Mono, Wall


class TrueTime:
    """The world's own time: the venue's, and what checkers judge by."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: Wall) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> float:
        """Seconds since the world began."""
        return self._loop.time()

    def wall(self) -> Wall:
        """UTC in the world."""
        return Wall(self._start + round(self._loop.time() * SECOND_NS))

    def at(self, wall_ns: int) -> float:
        """The loop's time at which `wall_ns` comes."""
        return (wall_ns - self._start) / SECOND_NS


class MachineClock:
    """CLOCK_BOOTTIME and UTC of one machine: the first only drifts, the second is also offset and stepped."""

    def __init__(self, time: TrueTime) -> None:
        self.offset_ns = 0
        self.drift_ppm = 0.0
        self._time = time
        self._drifted_since = 0.0
        self._drifted_ns = 0.0

    def drift(self, ppm: float) -> None:
        """Run fast or slow from now on."""
        now = self._time.now()
        self._drifted_ns += (now - self._drifted_since) * self.drift_ppm * 1_000
        self._drifted_since, self.drift_ppm = now, ppm

    def step(self, ns: int) -> None:
        """Set UTC forward or back."""
        self.offset_ns += ns

    def mono(self) -> Mono:
        """ns since the world began as this machine counts them, plus one second so that 0 stays special."""
        return Mono(round(self._time.now() * SECOND_NS + self._wandered()) + SECOND_NS)

    def wall(self) -> Wall:
        """UTC as this machine believes it."""
        return Wall(self._time.wall() + round(self._wandered()) + self.offset_ns)

    def _wandered(self) -> float:
        since = self._time.now() - self._drifted_since
        return self._drifted_ns + since * self.drift_ppm * 1_000
