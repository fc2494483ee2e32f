"""What is known of one venue's clock: the best of its readings, until it is old or something contradicts it.

A venue reads its clock somewhere between the question and its answer, so the middle of the two is wrong by half
of the round trip at most, however unevenly the two legs took their time. Of several readings the one with the
least error counts, as NTP has it (RFC 5905, section 10); a reading that cannot be true beside it shows that a
clock has moved.
"""

import msgspec

from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS, Mono, Wall
from nightdesk.ports.clock import Clock

STEP_NS = (
    250 * MS_NS
)  # UTC against CLOCK_BOOTTIME: a slewed clock moves less between two measurements
ROUND_TRIP_MAX_NS = SECOND_NS  # a slower answer says little about a clock
FINE_NS = 25 * MS_NS  # an error that needs no other question: small against every deadline we give
DRIFT_PPM = 500  # two clocks that are both being slewed drift apart no faster


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's time as one answer told it, cut to its millisecond."""

    asked: Mono
    heard: Mono
    told: Wall

    @property
    def ahead_ns(self) -> int:
        """The venue's UTC minus this host's CLOCK_BOOTTIME."""
        # What is cut to its millisecond is half of one behind on average.
        return self.told + MS_NS // 2 - (self.asked + self.heard) // 2

    def error_ns(self, now: Mono) -> int:
        """How far `ahead_ns` may be off by `now`."""
        drifted_ns = max(0, now - self.heard) * DRIFT_PPM // 1_000_000
        return (self.heard - self.asked + MS_NS) // 2 + drifted_ns


class VenueClock:
    """One venue's clock as this host knows it."""

    def __init__(self, clock: Clock) -> None:
        self.doubted_at = (
            LONG_AGO  # what was stamped, or leased, before then may be on a wrong time
        )
        self._ahead_ns: int | None = None  # the venue's UTC minus CLOCK_BOOTTIME, once it was told
        self._best: Reading | None = None
        self._corrected = False  # by a reading that nothing has put in doubt since
        self._anchor_ns: int | None = (
            None  # UTC minus CLOCK_BOOTTIME when it was corrected or doubted
        )
        self._mono = clock.mono
        self._wall = clock.wall

    def now(self) -> Wall:
        """UTC on the venue's clock: this host's own says nothing any more once the venue's was told."""
        return self._wall() if self._ahead_ns is None else Wall(self._mono() + self._ahead_ns)

    @property
    def offset_ns(self) -> int:
        """The venue's clock minus this host's UTC."""
        return self.ahead_ns() - (self._wall() - self._mono())

    def ahead_ns(self) -> int:
        """The venue's UTC minus CLOCK_BOOTTIME; this host's before the venue's was told."""
        return self._wall() - self._mono() if self._ahead_ns is None else self._ahead_ns

    def ahead_of(self, other: "VenueClock") -> int:
        """How far it is ahead of another venue's, in ns; 0 before it was told."""
        return 0 if self._ahead_ns is None else self._ahead_ns - other.ahead_ns()

    def held(self) -> bool:
        """Whether the offset was measured and this host's UTC has not been stepped since."""
        return self._corrected and not self.stepped()

    def stepped(self) -> bool:
        """Whether this host's UTC has moved against CLOCK_BOOTTIME since `correct` or `doubt`."""
        anchor_ns = self._anchor_ns
        return anchor_ns is not None and abs(self._wall() - self._mono() - anchor_ns) > STEP_NS

    def error_ns(self) -> int | None:
        """How far the offset may be off; None before the first reading and while it is in doubt."""
        return None if self._best is None else self._best.error_ns(self._mono())

    def fine(self) -> bool:
        """Whether another question would tell nothing that matters."""
        error_ns = self.error_ns()
        return error_ns is not None and error_ns <= FINE_NS

    def take(self, reading: Reading) -> bool:
        """Whether the reading says anything: it was quick, and asked for after the last doubt."""
        if reading.heard - reading.asked > ROUND_TRIP_MAX_NS or reading.asked < self.doubted_at:
            return False
        now, best = self._mono(), self._best
        if best is not None:
            known_ns, error_ns = best.error_ns(now), reading.error_ns(now)
            apart_ns = abs(reading.ahead_ns - best.ahead_ns)
            if error_ns > known_ns and apart_ns <= error_ns + known_ns:
                return True
        self._best = reading
        return True

    def correct(self) -> int:
        """Go by the best reading from now on; returns by how much (ns) the venue's clock moved."""
        assert self._best is not None, "a reading comes first"
        held, now = self.held(), self._mono()
        moved_ns = 0 if self._ahead_ns is None else self._best.ahead_ns - self._ahead_ns
        self._ahead_ns = self._best.ahead_ns
        self._anchor_ns, self._corrected = self._wall() - now, True
        if held and abs(moved_ns) > STEP_NS:
            self.doubted_at = now
        return moved_ns

    def doubt(self) -> None:
        """What was measured is worth nothing any more, nor is any answer to what was asked before."""
        self._best, self._corrected = None, False
        self.doubted_at = self._mono()
        self._anchor_ns = self._wall() - self.doubted_at
