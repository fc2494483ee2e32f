"""True time, and the clocks of simulated machines, which may be wrong in every way a clock can be."""

from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.simulation.loop import SimLoop


class TrueTime:
    """The world's own time: the venue's, and what checkers judge by."""

    def __init__(self, loop: SimLoop, start: Wall) -> None:
        self.loop = loop
        self._start = start
        self._seen, self._wall = -1.0, start

    def now(self) -> float:
        """Seconds since the world began."""
        return self.loop.now

    def wall(self) -> Wall:
        """UTC in the world."""
        now = self.loop.now
        if now != self._seen:  # time stands still for several questions in turn
            self._seen, self._wall = now, Wall(self._start + round(now * SECOND_NS))
        return self._wall

    def at(self, wall_ns: int) -> float:
        """The loop's time at which `wall_ns` comes."""
        return (wall_ns - self._start) / SECOND_NS


class MachineClock:
    """CLOCK_BOOTTIME and UTC of one machine: the first only drifts, the second is also offset and stepped."""

    def __init__(self, time: TrueTime) -> None:
        self.offset_ns = 0
        self.drift_ppm = 0.0
        self._time = time
        self._loop = time.loop
        self._drifted_since = 0.0
        self._drifted_ns = 0.0
        self._seen = -1.0  # the moment of what is told now
        self._mono = Mono(0)
        self._wall = Wall(0)

    def drift(self, ppm: float) -> None:
        """Run fast or slow from now on."""
        now = self._loop.now
        self._drifted_ns += (now - self._drifted_since) * self.drift_ppm * 1_000
        self._drifted_since, self.drift_ppm = now, ppm
        self._look(now)

    def step(self, ns: int) -> None:
        """Set UTC forward or back."""
        self.offset_ns += ns
        self._look(self._loop.now)

    def mono(self) -> Mono:
        """ns since the world began as this machine counts them, plus one second so that 0 stays special."""
        now = self._loop.now
        if now != self._seen:  # time stands still for several questions in turn
            self._look(now)
        return self._mono

    def wall(self) -> Wall:
        """UTC as this machine believes it."""
        now = self._loop.now
        if now != self._seen:
            self._look(now)
        return self._wall

    def _look(self, now: float) -> None:
        wandered = self._drifted_ns + (now - self._drifted_since) * self.drift_ppm * 1_000
        self._seen = now
        self._mono = Mono(round(now * SECOND_NS + wandered) + SECOND_NS)
        self._wall = Wall(self._time.wall() + round(wandered) + self.offset_ns)
