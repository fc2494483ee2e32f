"""One series of bars put together from a stream and from questions: each bar once, in order, none skipped
unless the venue has none.

Pure: it says when something is missing, and takes answers; asking is the runtime's. What the stream tells has
ended. What an answer tells has ended if its end lies far enough back: the newest one may still be made.
"""

from collections import deque
from collections.abc import Sequence

from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.time import SECOND_NS, Wall

ENDED_NS = 2 * SECOND_NS  # after its end no late trade changes a bar, and our clock is not so wrong
LATE_NS = 5 * SECOND_NS  # a stream that has not told a bar by then is asked behind
HELD_MAX = 1_000  # bars ahead of a gap; what comes after them is asked for like the gap


class Series:
    """Bars of one instrument and interval; `keep` of them are remembered."""

    def __init__(self, of: BarsOf, keep: int) -> None:
        self.of = of
        self.keep = keep
        self.history: deque[Bar] = deque(maxlen=keep)
        self.expected: Wall | None = None  # when the next bar opens; None before the first answer
        self._held: dict[Wall, Bar] = {}

    def heard(self, bar: Bar) -> list[Bar]:
        """The stream told a bar; returns what can be told on."""
        if self.expected is None or bar.opened > self.expected:
            if len(self._held) < HELD_MAX:
                self._held[bar.opened] = bar
            return []
        return self._take([bar])

    def answered(self, bars: Sequence[Bar], asked_at: Wall) -> list[Bar]:
        """The venue told all it has, from what is missing (at first: from as far back as is kept) to
        `asked_at`, oldest first; returns what can be told on."""
        told = self._take([bar for bar in bars if bar.ends + ENDED_NS <= asked_at])
        if self.expected is None:  # it has none yet: the one being made is the first
            at = asked_at - ENDED_NS
            self.expected = Wall(at - at % self.of.length_ns)
            told += self._take([])
        return told

    def missing(self, now: Wall) -> bool:
        """Whether the venue should be asked: never answered, a gap before what was told, or nothing in time."""
        return now >= self.late_at

    @property
    def late_at(self) -> Wall:
        """From when on something is missing, as long as nothing is heard."""
        if self.expected is None or self._held:
            return Wall(0)
        return Wall(self.expected + self.of.length_ns + LATE_NS)

    def _take(self, bars: list[Bar]) -> list[Bar]:
        told: list[Bar] = []
        for bar in bars:
            if self.expected is None or bar.opened >= self.expected:
                told.append(bar)
                self.expected = bar.ends
        if self.expected is not None:
            while (bar_held := self._held.pop(self.expected, None)) is not None:
                told.append(bar_held)
                self.expected = bar_held.ends
            for opened in [opened for opened in self._held if opened < self.expected]:
                del self._held[opened]
        self.history.extend(told)
        return told
