"""What the processes of one host tell each other of their use of an allowance, and how it is written down.

A board has a row for each process, which nobody else writes, and in it a column for each window that is shared.
An entry says of itself until when it counts, on CLOCK_BOOTTIME, which is one for all of a host: a process that
has died, or stands still, needs nobody to tidy up after it. Refuses files and clocks.
"""

import struct
import zlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono

CELLS = 32  # of a window's length: others see it forgotten by these, so 3 % of its length too late
_RING = 48  # cells of a row: what is given up counts from a little ahead of now
_COUNT_BITS = 24  # of a cell, the rest is its step
_COUNT_MAX = (1 << _COUNT_BITS) - 1
# A process writes when a request leaves and when it ends, after five seconds at the latest; one without an
# answer may come five seconds after it was given up. What is pending in a row that is older has come long ago.
SILENT_NS = 10 * SECOND_NS
_HEAD = (
    3  # words of a row before its columns: how often it was written, when, and until when to wait
)
_OF_COLUMN = 2 + _RING
_WORD = 8


class Column:
    """One window: what this process has in it, and what the others have."""

    __slots__ = ("_cell_ns", "_cells", "_length_ns", "_others", "_seen", "_total", "others_spent")

    def __init__(self, length_ns: int) -> None:
        self.others_spent = 0  # ever, as far as it was seen
        self._length_ns = length_ns
        self._cell_ns = max(1, length_ns // CELLS)
        self._cells = [0] * _RING
        self._others: deque[tuple[int, int]] = deque()  # until when, how much
        self._total = 0
        self._seen: dict[int, int] = {}  # by row, what it had ever spent

    def arrived(self, amount: int, at: Mono, now: Mono) -> None:
        """So much of ours reached the venue at `at` at the latest. Where a cell still counts something else,
        both count until the later end."""
        step = at // self._cell_ns
        before = self._cells[step % _RING]
        then, count = before >> _COUNT_BITS, before & _COUNT_MAX
        if self._until(then) <= now:
            then, count = step, 0
        total = min(_COUNT_MAX, count + amount)
        self._cells[step % _RING] = max(then, step) << _COUNT_BITS | total

    def others(self, now: Mono) -> int:
        """What counts of the others, as of the last time that they were heard."""
        while self._others and self._others[0][0] <= now:
            self._total -= self._others.popleft()[1]
        return self._total

    def falls(self) -> Iterable[tuple[int, int]]:
        """When how much of that is forgotten, if nothing else leaves."""
        return self._others

    def words(self, spent: int, pending: int) -> Iterable[int]:
        """This process's, as they are written down."""
        yield spent
        yield pending
        yield from self._cells

    def heard(self, rows: Mapping[int, tuple[Mono, Sequence[int]]], now: Mono) -> None:
        """What all others have written: when, and their words, by row."""
        found: list[tuple[int, int]] = []
        for row, (written, (spent, pending, *cells)) in rows.items():
            before = self._seen.get(row, 0)
            self.others_spent += spent - before if spent >= before else spent  # another process
            self._seen[row] = spent
            if pending:
                found.append((written + SILENT_NS + self._length_ns, pending))
            found += [(self._until(cell >> _COUNT_BITS), cell & _COUNT_MAX) for cell in cells]
        self._others = deque(sorted(entry for entry in found if entry[0] > now and entry[1]))
        self._total = sum(count for _, count in self._others)

    def _until(self, step: int) -> int:
        return (step + 1) * self._cell_ns + self._length_ns


class Row(tuple[int, ...]):
    """The words of one process's row."""

    __slots__ = ()

    @property
    def written(self) -> Mono:
        """When, on CLOCK_BOOTTIME."""
        return Mono(self[1])

    @property
    def wait_until(self) -> Mono:
        """Until when the venue wanted no traffic, as this process was told."""
        return Mono(self[2])

    def column(self, number: int) -> Sequence[int]:
        """The words of one column."""
        begin = _HEAD + number * _OF_COLUMN
        return self[begin : begin + _OF_COLUMN]


class Rows:
    """How rows of so many columns are written and read."""

    def __init__(self, lengths_ns: Sequence[int]) -> None:
        self.lengths_ns = tuple(lengths_ns)
        words = _HEAD + _OF_COLUMN * len(lengths_ns)
        self._words = struct.Struct(f"<{words}q")
        self.bytes = self._words.size + _WORD  # the last word is a check sum

    @property
    def keep_ns(self) -> int:
        """How long a row may count after it was written last."""
        return max(self.lengths_ns) * (CELLS + 1) // CELLS + 2 * SILENT_NS

    def sealed(
        self, number: int, now: Mono, wait_until: Mono, columns: Iterable[Iterable[int]]
    ) -> bytes:
        """The bytes of a row that is written for the `number`th time."""
        words = self._words.pack(
            number, now, wait_until, *(word for each in columns for word in each)
        )
        return words + zlib.crc32(words).to_bytes(_WORD, "little")

    def opened(self, data: bytes) -> Row | None:
        """The row in those bytes; None where they are torn, or never were one."""
        words, check = data[: self._words.size], data[self._words.size : self.bytes]
        if zlib.crc32(words).to_bytes(_WORD, "little") != check:
            return None
        row = Row(self._words.unpack(words))
        sound = all(word >= 0 for word in row[_HEAD:]) and row.wait_until >= LONG_AGO
        return row if sound else None


def stamp_of(data: bytes) -> tuple[int, Mono]:
    """How often a row was written and when, without a look at the rest: (0, ...) is no row yet."""
    number, written = struct.unpack_from("<2q", data)
    return number, Mono(written)
