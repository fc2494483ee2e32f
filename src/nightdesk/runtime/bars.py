"""The bars strategies declared: history asked for at the start, the stream followed, gaps filled by asking."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.ids import VenueId, venue_of
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.runtime.gateway import Spawn
from nightdesk.runtime.requester import Requester
from nightdesk.strategy.host import Host
from nightdesk.strategy.series import Series
from nightdesk.venues.http import HttpRequest
from nightdesk.venues.protocol import BARS_MAX, NoAnswer, VenueCodec

LOOK_EVERY_NS = SECOND_NS
HISTORY_WITHIN_NS = 10 * SECOND_NS  # strategies without bars begin then, whatever the venue does
AGAIN_FIRST_NS, AGAIN_MAX_NS = 2 * SECOND_NS, 60 * SECOND_NS
PAGES_MAX = (
    50  # answers read for one question: five weeks of minutes; what lies further back stays a gap
)

Tell = Callable[[BarsOf, Sequence[Bar]], None]
Say = Callable[..., None]  # level, event, fields


class Asks(Protocol):
    """A way to ask one venue."""

    @property
    def codec(self) -> VenueCodec: ...
    @property
    def requester(self) -> Requester: ...


class _Asked:
    """The questions of one series."""

    def __init__(self, series: Series, asks: Asks) -> None:
        self.series = series
        self.codec = asks.codec
        self.requester = asks.requester
        self.under_way = False
        self.answered = False
        self.not_before = Mono(0)
        self.in_vain = 0


class BarFeed:
    """Every series that some strategy declared, with as many bars of history as the most demanding wants."""

    def __init__(
        self, *, wants: Mapping[BarsOf, int], asks: Mapping[VenueId, Asks], spawn: Spawn
    ) -> None:
        self._asked = {
            of: _Asked(Series(of, keep), asks[venue_of(of.instrument)])
            for of, keep in wants.items()
        }
        self._mono = next(iter(asks.values())).requester.mono
        self._spawn = spawn
        self._tell: Tell
        self._say: Say
        self._began = self._mono()
        self._looked = Mono(self._began - LOOK_EVERY_NS)

    def attach(self, tell: Tell, say: Say) -> None:
        """From now on bars are told there. Before that nothing is asked; what was asked in vain is, at once."""
        self._tell, self._say = tell, say
        for asked in self._asked.values():
            if not asked.answered:
                asked.not_before, asked.in_vain = Mono(0), 0

    @property
    def awaited(self) -> bool:
        """Whether the first history is still to be told, and the venue may be waited for."""
        if all(asked.answered for asked in self._asked.values()):
            return False
        return self._mono() - self._began < HISTORY_WITHIN_NS

    def heard(self, bar: Bar) -> None:
        """The stream told a bar that has ended."""
        asked = self._asked.get(bar.of)
        if asked is None:
            return
        told = asked.series.heard(bar)
        if told:
            self._tell(bar.of, told)
        if asked.answered and asked.series.missing(asked.requester.venue_now()):
            self._ask(asked)

    def look(self) -> None:
        """Ask for what is missing, once a second."""
        now = self._mono()
        if not self._asked or now - self._looked < LOOK_EVERY_NS:
            return
        self._looked = now
        for asked in self._asked.values():
            if asked.series.missing(asked.requester.venue_now()):
                self._ask(asked)

    def due(self) -> Mono:
        """Until when `look` has nothing to do, as long as nothing is heard."""
        now = self._mono()
        idle = (asked for asked in self._asked.values() if not asked.under_way)
        dues = [
            max(asked.not_before, asked.series.late_at + now - asked.requester.venue_now())
            for asked in idle
        ]
        return Mono(max(self._looked + LOOK_EVERY_NS, min(dues, default=0)))

    def history(self, wants: Mapping[BarsOf, int]) -> tuple[Bar, ...]:
        """The last bars of each series, as many as are wanted of it."""
        told: list[Bar] = []
        for of, count in wants.items():
            told += list(self._asked[of].series.history)[-count:]
        return tuple(told)

    def short(self, wants: Mapping[BarsOf, int]) -> str:
        """What is not there yet of what a strategy wants at its start; nothing when it may begin."""
        lacks = []
        for of, count in wants.items():
            asked = self._asked[of]
            has = len(asked.series.history)
            if not asked.answered:
                lacks.append(f"{of}: the venue has not told its history yet")
            elif has < count:
                lacks.append(f"{of}: the venue has {has} ended bars of {count}")
        return "; ".join(lacks)

    def _ask(self, asked: _Asked) -> None:
        # A clock that was stepped cannot tell which of the bars in an answer have ended.
        ready = self._mono() >= asked.not_before and asked.requester.clock.held()
        if ready and not asked.under_way:
            asked.under_way = True
            self._spawn(self._question(asked), "bars")

    async def _question(self, asked: _Asked) -> None:
        series, asked_at = asked.series, asked.requester.venue_now()
        try:
            bars = await self._all_from(asked, asked_at)
        finally:
            asked.under_way = False
        told: list[Bar] = []
        if bars is not None:
            first = not asked.answered
            asked.answered = True
            told = series.answered(bars, asked_at)
            if told and not first:
                self._say("info", "bars.filled", of=str(series.of), bars=str(len(told)))
        asked.in_vain = 0 if told else asked.in_vain + 1
        wait_ns = min(AGAIN_FIRST_NS << min(asked.in_vain, 10), AGAIN_MAX_NS)
        asked.not_before = Mono(self._mono() + wait_ns)
        self._tell(series.of, told)

    async def _all_from(self, asked: _Asked, asked_at: Wall) -> list[Bar] | None:
        """Everything from the first that is missing on, page by page backwards; None when not answered."""
        series, codec = asked.series, asked.codec
        since, until, bars = series.expected, asked_at, list[Bar]()
        for _ in range(PAGES_MAX):
            missing = series.keep + 1 - len(bars)
            if since is not None:
                missing = (until - since) // series.of.length_ns + 1
            count = max(1, min(missing, BARS_MAX))
            result = await asked.requester.request(
                partial(_request, codec, series.of, until, count)
            )
            page = codec.told_bars(series.of, result, self._mono())
            if isinstance(page, NoAnswer):
                return None
            bars[:0] = sorted((b for b in page if b.opened <= until), key=lambda b: b.opened)
            if not page or missing <= count:
                break
            until = Wall(bars[0].opened - 1)
        return bars


def bars_wanted(hosts: Iterable[Host]) -> dict[BarsOf, int]:
    """The series that these strategies declared, as many bars as the most demanding wants."""
    wants: dict[BarsOf, int] = {}
    for host in hosts:
        for of, count in host.wants.items():
            wants[of] = max(wants.get(of, 0), count)
    return wants


def feed_of(hosts: Iterable[Host], *, asks: Mapping[VenueId, Asks], spawn: Spawn) -> BarFeed | None:
    """What follows every series that these strategies declared; None where they declared none."""
    wants = bars_wanted(hosts)
    return BarFeed(wants=wants, asks=asks, spawn=spawn) if wants else None


def _request(codec: VenueCodec, of: BarsOf, until: Wall, count: int, _: Wall) -> HttpRequest:
    return codec.bars(of, until, count)
