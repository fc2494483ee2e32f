"""Whether a long world grew: its last third held against its first.

Each tolerance is what the measure moves by without any growth, and less than a real leak comes to in a month.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import msgspec

from nightdesk.simulation.soak import Slice

SLICES_MIN = 6  # two in each third
MIB = 1 << 20


class Flatness(msgspec.Struct, frozen=True, kw_only=True):
    """One measure in the first and in the last third, and how much more the last may have."""

    what: str
    first: float
    last: float
    allowed: float

    @property
    def flat(self) -> bool:
        """Whether it stayed within what is allowed."""
        return self.last <= self.allowed


def flatness(slices: Sequence[Slice]) -> list[Flatness]:
    """Every measure; nothing where there are too few slices to tell."""
    if len(slices) < SLICES_MIN:
        return []
    third = len(slices) // 3
    first, last = slices[: third + 1], slices[-third - 1 :]
    return [
        # Making a snapshot moves it by half of one, a few times; 200 bytes lost with each order are more.
        Flatness(
            what="memory gained between starts, MiB",
            first=_gained(first),
            last=_gained(slices[third:]),
            allowed=2.0,
        ),
        # A start loads it: it may not grow with the desk's age. Prices and counts change their digits.
        _level("snapshot, KiB", first, last, lambda s: s.snapshot_bytes / 1024, 1.05, 1.0),
        # Pages are filled unevenly, and every so often a new snapshot is larger than the one it replaces.
        _slope("journal bytes an order", first, last, lambda s: s.journal_bytes, 1.10),
        # CPU time, because others share the machine; caches and clocks still move it by a fifth.
        _slope("CPU ms an order", first, last, lambda s: s.cpu_s * 1_000, 1.25),
    ]


def journal_bytes_a_day(slices: Sequence[Slice]) -> float:
    """What nothing ever takes away again."""
    days = slices[-1].day - slices[0].day
    return (slices[-1].journal_bytes - slices[0].journal_bytes) / days if days else 0.0


def _gained(slices: Sequence[Slice]) -> float:
    """Over the slices without a start. A real one begins with a new process; what the last one left behind in
    this one is not the desk's."""
    pairs = [(a, b) for a, b in pairwise(slices) if a.starts == b.starts]
    return sum(b.memory_bytes - a.memory_bytes for a, b in pairs) / MIB


def _level(
    what: str,
    first: Sequence[Slice],
    last: Sequence[Slice],
    of: Callable[[Slice], float],
    times: float,
    more: float,
) -> Flatness:
    before = median(of(each) for each in first if of(each) or each is first[-1])
    after = median(of(each) for each in last)
    # The first ones may be from before there was any.
    allowed = before * times + more if before else after
    return Flatness(what=what, first=before, last=after, allowed=allowed)


def _slope(
    what: str,
    first: Sequence[Slice],
    last: Sequence[Slice],
    of: Callable[[Slice], float],
    times: float,
) -> Flatness:
    """Per order, over a whole third."""
    before, after = (
        (of(part[-1]) - of(part[0])) / max(1, part[-1].orders - part[0].orders)
        for part in (first, last)
    )
    return Flatness(what=what, first=before, last=after, allowed=before * times)
