"""The bars a strategy looks back on: exact, and as columns that any indicator library reads uncopied."""

from array import array
from collections import deque
from collections.abc import Iterator
from typing import overload

from nightdesk.model.bars import Bar, BarsOf

Column = memoryview  # of float64, contiguous and read-only: numpy.asarray(column) copies nothing


class _Column:
    """The last `keep` numbers side by side. What was handed out never changes: room runs out in a new array."""

    __slots__ = ("_end", "_keep", "_room")

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._room = array("d", bytes(16 * keep))
        self._end = 0

    def add(self, value: float) -> None:
        if self._end == 2 * self._keep:
            fresh = array("d", bytes(16 * self._keep))
            kept = self._keep - 1
            if kept:
                fresh[:kept] = self._room[-kept:]
            self._room, self._end = fresh, kept
        self._room[self._end] = value
        self._end += 1

    def last(self) -> Column:
        view = memoryview(self._room)[max(0, self._end - self._keep) : self._end]
        return view.toreadonly()


class Window:
    """The last bars of one instrument and interval, oldest first; as many as were declared for the warm-up.

    `window[-1]` is the newest bar, exact. Columns are floats, for indicators; amounts of money come from bars.
    A column that was taken stays as it is when the next bar comes.
    """

    def __init__(self, of: BarsOf, keep: int) -> None:
        self.of = of
        self._bars: deque[Bar] = deque(maxlen=keep)
        self._open, self._high, self._low = _Column(keep), _Column(keep), _Column(keep)
        self._close, self._volume, self._opened = _Column(keep), _Column(keep), _Column(keep)

    @property
    def open(self) -> Column:
        """First price of each bar."""
        return self._open.last()

    @property
    def high(self) -> Column:
        """Highest price."""
        return self._high.last()

    @property
    def low(self) -> Column:
        """Lowest price."""
        return self._low.last()

    @property
    def close(self) -> Column:
        """Last price."""
        return self._close.last()

    @property
    def volume(self) -> Column:
        """What traded, in base."""
        return self._volume.last()

    @property
    def opened_s(self) -> Column:
        """When each began, seconds since 1970 UTC."""
        return self._opened.last()

    def add(self, bar: Bar) -> None:
        """The next bar has ended; only the host calls this."""
        self._bars.append(bar)
        self._open.add(float(bar.open))
        self._high.add(float(bar.high))
        self._low.add(float(bar.low))
        self._close.add(float(bar.close))
        self._volume.add(float(bar.volume))
        self._opened.add(bar.opened / 1e9)

    def __len__(self) -> int:
        return len(self._bars)

    def __iter__(self) -> Iterator[Bar]:
        return iter(self._bars)

    @overload
    def __getitem__(self, index: int) -> Bar: ...
    @overload
    def __getitem__(self, index: slice) -> list[Bar]: ...
    def __getitem__(self, index: int | slice) -> Bar | list[Bar]:
        return list(self._bars)[index] if isinstance(index, slice) else self._bars[index]
