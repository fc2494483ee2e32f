"""The prints that strategies hear, around a gap: asked for from the last that was told, told in their order.

Only where some strategy hears prints at all. What the stream tells meanwhile waits for the answer, not long and
not without end: prints that nobody tells any more are counted, and the stream goes on.
"""

from collections.abc import Callable, Iterable
from functools import partial

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import Trade
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.runtime.gateway import Spawn
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.strategy.host import Host
from nightdesk.venues.http import HttpRequest
from nightdesk.venues.protocol import NoAnswer, VenueCodec

HELD_MAX = 5_000  # seconds of a lively market
PAGE = 1_000  # the most that every venue of ours tells at once
PAGES_MAX = 10  # of one gap: a market that printed more has moved on
TRIES = 3  # while the venue's past lags behind its stream
WITHIN_NS = 10 * SECOND_NS
# A print not newer than the last was told already: by an answer that was ahead of the stream, or by another
# connection. Further behind, or later, the venue has begun to number anew.
AGAIN_MAX, AGAIN_WITHIN_NS = PAGE * PAGES_MAX, 60 * SECOND_NS
# After a question that found nothing, twice as long each time: a venue may number with holes.
FUTILE_FIRST_NS, FUTILE_MAX_NS = 5 * SECOND_NS, 600 * SECOND_NS

Tell = Callable[[Trade], None]

Say = Callable[..., None]  # level, event, fields


def prints_wanted(hosts: Iterable[Host], *, leads: bool) -> list[InstrumentId]:
    """The instruments whose prints some strategy hears; in the shadow only those who look at them do."""
    hear = [host for host in hosts if (host.hears_trades if leads else host.sees_trades)]
    return sorted({instrument for host in hear for instrument in host.ctx.instruments})


class _Prints:
    """One instrument's."""

    def __init__(self) -> None:
        self.last: int | None = None  # the newest id that was told
        self.told_at = Mono(0)  # when it was
        self.held: dict[int, Trade] | None = None  # by id, while a question is under way
        self.not_before = Mono(0)
        self.in_vain = 0


class TradeFeed:
    """The prints of one venue's instruments; `followed` are those that some strategy hears. Where the stream is
    `watched`, an id that was passed over is a gap too: its connection stands, and was silent for a while."""

    def __init__(
        self,
        followed: Iterable[InstrumentId],
        codec: VenueCodec,
        requester: Requester,
        *,
        watched: bool,
        telemetry: Telemetry,
        spawn: Spawn,
        tell: Tell,
        say: Say,
    ) -> None:
        self._watched = watched
        self._prints = {instrument: _Prints() for instrument in followed}
        self._codec = codec
        self._requester = requester
        self._telemetry = telemetry
        self._spawn = spawn
        self._tell = tell
        self._say = say

    def attach(self, followed: Iterable[InstrumentId], tell: Tell, say: Say) -> None:
        """From now on prints are told there, and those of `followed` completely."""
        self._tell, self._say = tell, say
        for instrument in followed:
            self._prints.setdefault(instrument, _Prints())

    def heard(self, trade: Trade) -> None:
        """The stream told a print."""
        prints = self._prints.get(trade.instrument)
        if prints is None:
            self._tell(trade)
            return
        passed_over = prints.last is not None and trade.trade_id > prints.last + 1
        now = self._requester.mono()
        if self._watched and passed_over and prints.held is None and now >= prints.not_before:
            self._begin(trade.instrument, prints, passed_over=True)
        if prints.held is None:
            if not _told_already(prints, trade.trade_id, now):
                prints.last, prints.told_at = trade.trade_id, now
                self._tell(trade)
        elif len(prints.held) < HELD_MAX:
            prints.held[trade.trade_id] = trade
        else:
            self._release(prints, {trade.trade_id: trade})

    def gap(self, instrument: InstrumentId) -> None:
        """The stream was not heard for a while."""
        prints = self._prints.get(instrument)
        if prints is not None and prints.last is not None and prints.held is None:
            self._begin(instrument, prints, passed_over=False)

    def _begin(self, instrument: InstrumentId, prints: _Prints, *, passed_over: bool) -> None:
        prints.held = {}
        self._spawn(self._fill(instrument, prints, passed_over), "prints")

    async def _fill(self, instrument: InstrumentId, prints: _Prints, passed_over: bool) -> None:
        first = (prints.last or 0) + 1
        told: dict[int, Trade] = {}
        await self._ask(instrument, prints, first, told)
        filled = sum(number > (prints.last or 0) for number in told)
        self._telemetry.count("prints.filled", filled)
        if passed_over:
            self._pause(prints, filled)
        fields = {"of": instrument, "from": str(first), "prints": str(filled)}
        self._say("info", "trades.filled", **fields)
        if prints.held is not None:
            self._release(prints, told)

    async def _ask(
        self, instrument: InstrumentId, prints: _Prints, first: int, told: dict[int, Trade]
    ) -> None:
        """Page by page, until the first that the stream told itself is reached."""
        began = self._requester.mono()
        tries, pages = 0, 0
        while tries < TRIES and pages < PAGES_MAX and self._requester.mono() - began < WITHIN_NS:
            pages += 1
            following = max(told, default=first - 1) + 1  # a venue may number with holes
            result = await self._requester.request(
                partial(_request, self._codec, instrument, following)
            )
            page = self._codec.told_trades(instrument, result, self._requester.mono())
            if prints.held is None:
                return  # too much waited for it
            if isinstance(page, NoAnswer):
                tries += 1
                continue
            new = {trade.trade_id: trade for trade in page if trade.trade_id >= following}
            told.update(new)
            if len(page) >= PAGE and new:
                continue
            joins = min(prints.held, default=0)
            if len(page) >= PAGE or not joins or max(told, default=first - 1) + 1 >= joins:
                return
            tries += 1

    def _release(self, prints: _Prints, told: dict[int, Trade]) -> None:
        """Everything that waited, in order, each once."""
        held, prints.held = prints.held or {}, None
        last = prints.last or 0
        for number, trade in sorted({**told, **held}.items()):
            if number > last:
                prints.last, prints.told_at = number, self._requester.mono()
                self._tell(trade)

    def _pause(self, prints: _Prints, filled: int) -> None:
        """Before the next id that is passed over is asked for."""
        prints.in_vain = 0 if filled else prints.in_vain + 1
        if not filled:
            wait_ns = min(FUTILE_FIRST_NS << min(prints.in_vain - 1, 10), FUTILE_MAX_NS)
            prints.not_before = Mono(self._requester.mono() + wait_ns)


def _told_already(prints: _Prints, number: int, now: Mono) -> bool:
    """Whether a print that was not asked for is one of the last that were told."""
    if prints.last is None or now - prints.told_at > AGAIN_WITHIN_NS:
        return False
    return 0 <= prints.last - number <= AGAIN_MAX


def _request(codec: VenueCodec, instrument: InstrumentId, from_id: int, _: Wall) -> HttpRequest:
    return codec.past_trades(instrument, from_id, PAGE)
