"""Which of several ways a stream is opened on next: the first that does not rest, or who rests least.

A way on which a stream failed rests for a while that grows, but never so that none is tried. Of those that do
not, the one that carries fewest of the same stream comes first: two connections for one stream take two ways.
Pure: times are CLOCK_BOOTTIME.
"""

from collections import Counter

from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.resilience.breaker import growing

STEADY_NS = 10 * SECOND_NS  # a stream that lived as long forgives its way what was before
_REST_NS = growing(SECOND_NS, 60 * SECOND_NS)


class Rotation:
    """The ways by number, from 0."""

    def __init__(self, count: int) -> None:
        self._failures = [0] * count
        self._until = [LONG_AGO] * count  # it rests
        self._carried: Counter[tuple[int, str]] = Counter()

    def order(self, stream: str, now: Mono) -> list[int]:
        """All of them, in the order in which to try."""
        rests = [until if until > now else LONG_AGO for until in self._until]
        return sorted(range(len(rests)), key=lambda n: (rests[n], self._carried[n, stream], n))

    def begun(self, number: int, stream: str) -> None:
        """A stream is opened on it; every one is ended."""
        self._carried[number, stream] += 1

    def ended(self, number: int, stream: str, now: Mono, lived_ns: int) -> None:
        """It could not be opened, or ended after so long."""
        self._carried[number, stream] -= 1
        if not self._carried[number, stream]:
            del self._carried[number, stream]  # the name of a private one is never seen again
        self._failures[number] = 1 if lived_ns >= STEADY_NS else self._failures[number] + 1
        self._until[number] = Mono(now + _REST_NS(self._failures[number]))
