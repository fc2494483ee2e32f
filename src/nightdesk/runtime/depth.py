"""The order books that strategies declared: which are news, and whose have gone silent.

A strategy that decides by an order book risks nothing new while it hears none, as nobody does without quotes: a
book that is crossed or lacks a side counts as none. Books that did not change keep it fresh and are not told.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

from nightdesk.desk.desk import Desk
from nightdesk.desk.events import Health
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.market import Book, DepthOf
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.modes.ladder import strategy_scope
from nightdesk.strategy.host import Host

DEPTH = "depth"  # the cause while a strategy does not hear an order book that it declared
FRESH_FOR_NS = SECOND_NS  # hysteresis, as a feed of quotes has it


def depth_wanted(hosts: Iterable[Host]) -> list[DepthOf]:
    """The order books that these strategies declared, as deep as the most demanding wants."""
    wants: dict[InstrumentId, int] = {}
    for host in hosts:
        for instrument, levels in host.depth.items():
            wants[instrument] = max(wants.get(instrument, 0), levels)
    return [DepthOf(instrument, levels) for instrument, levels in wants.items()]


class DepthNews:
    """The last usable book of each instrument, and to whom it is news."""

    def __init__(self) -> None:
        self.last: dict[InstrumentId, Book] = {}

    def heard(self, book: Book, listening: Collection[Host]) -> list[tuple[Host, Book]]:
        """Who of those that listen is to be told what: as many levels as it declared, whatever others want."""
        if book.crossed:
            return []
        instrument, before = book.instrument, self.last.get(book.instrument)
        self.last[instrument] = book
        news = before is None or not book.repeats(before)
        return [
            (host, book.best(host.depth[instrument]))
            for host in listening
            if instrument in host.depth and (news or host.awaits(instrument))
        ]


class DepthFeed:
    """Every order book that some strategy declared, as deep as the most demanding wants."""

    def __init__(
        self,
        hosts: Collection[Host],
        desk: Desk,
        mono: Callable[[], Mono],
        tell: Callable[[Health], None],
    ) -> None:
        self._desk = desk
        self._mono = mono
        self._tell = tell
        holds = desk.state.ladder.holds  # by the journal, also for one that declares none any more
        self._watched = [h for h in hosts if h.depth or holds(strategy_scope(h.name), DEPTH)]
        self._news = DepthNews()
        self.heard = self._news.heard
        self._began: Mono | None = None
        self._fresh_since: dict[StrategyId, Mono] = {}

    def look(self) -> None:
        """Raise and lift the cause of each strategy; called at every tick while the desk trades."""
        now = self._mono()
        if self._began is None:
            self._began = now
        for host in self._watched:
            scope = strategy_scope(host.name)
            held = self._desk.state.ladder.holds(scope, DEPTH)
            late = [i for i in host.depth if now > self._late_at(i)]
            if late:
                self._fresh_since.pop(host.name, None)
                if not held:
                    why = f"no usable order book of {', '.join(late)} for over {self._stale_ms(late[0])} ms"
                    self._tell(Health(scope=scope, cause=DEPTH, mode=Mode.REDUCE_ONLY, why=why))
            elif held and now >= self._lifts_at(host, now):
                why = "order books are fresh"
                self._tell(Health(scope=scope, cause=DEPTH, mode=Mode.NORMAL, why=why))

    def dues(self) -> Iterator[Mono]:
        """Until when `look` has nothing to do, as long as nothing is heard."""
        now = self._mono()
        for host in self._watched:
            late_at = min((self._late_at(i) for i in host.depth), default=None)
            if late_at is not None and now <= late_at:
                yield Mono(late_at + 1)
            held = self._desk.state.ladder.holds(strategy_scope(host.name), DEPTH)
            if held and (late_at is None or now <= late_at):
                yield self._lifts_at(host, now)

    def _lifts_at(self, host: Host, now: Mono) -> Mono:
        return Mono(self._fresh_since.setdefault(host.name, now) + FRESH_FOR_NS)

    def _late_at(self, instrument: InstrumentId) -> Mono:
        """When the last usable book is too old to decide by."""
        last = self._news.last.get(instrument)
        since = (self._began or Mono(0)) if last is None else last.received
        return Mono(since + self._desk.settings.limits[instrument].stale_after_ns)

    def _stale_ms(self, instrument: InstrumentId) -> int:
        return self._desk.settings.limits[instrument].stale_after_ns // 1_000_000
