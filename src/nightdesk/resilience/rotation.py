"""Which of several ways a stream is opened on next: the first that does not rest, or who rests least.

A way on which a stream failed rests for a while that grows, but never so that none is tried. Pure: times are
CLOCK_BOOTTIME.
"""

from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.resilience.breaker import growing

STEADY_NS = 10 * SECOND_NS  # a stream that lived as long forgives its way what was before
_REST_NS = growing(SECOND_NS, 60 * SECOND_NS)


class Rotation:
    """The ways by number, from 0."""

    def __init__(self, count: int) -> None:
        self._failures = [0] * count
        self._until = [LONG_AGO] * count  # it rests

    def order(self, now: Mono) -> list[int]:
        """All of them, in the order in which to try."""
        ways = range(len(self._until))
        return sorted(ways, key=lambda n: (self._until[n] if self._until[n] > now else LONG_AGO, n))

    def ended(self, number: int, now: Mono, lived_ns: int) -> None:
        """A stream on it could not be opened, or ended after so long."""
        self._failures[number] = 1 if lived_ns >= STEADY_NS else self._failures[number] + 1
        self._until[number] = Mono(now + _REST_NS(self._failures[number]))
