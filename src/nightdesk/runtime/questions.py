"""Questions to the venue about single orders. An answer becomes an event; silence becomes nothing."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial

import msgspec

from nightdesk.desk.events import Event, OrderFound, OrderNotFound, OrderTold, TradesTold
from nightdesk.desk.settings import OPERATOR
from nightdesk.model.ids import InstrumentId, is_emergency
from nightdesk.model.order import Intent, OrderReport, OrderType, Origin, Side
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.orders.book import OrderBook
from nightdesk.runtime.alarms import Alarms
from nightdesk.runtime.gateway import Spawn
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.venues.http import HttpRequest, HttpResult
from nightdesk.venues.protocol import Became, Found, NoAnswer, NotFound, Sign, VenueCodec

DAY_NS = 24 * 3600 * SECOND_NS  # the longest span that one question about trades may cover
PAGES_MAX = 20  # answers full of trades read in one search; what is beyond is not vouched for
IDENTIFIED_MAX = 1_000  # foreign orders remembered; a forgotten one is asked about again


async def open_orders(
    codec: VenueCodec, requester: Requester, instrument: InstrumentId
) -> Sequence[OrderReport] | NoAnswer:
    """What is open in one instrument, in every book the venue keeps; no answer where one was not told."""
    results = [await requester.request(ask) for ask in codec.open_orders(instrument)]
    return codec.opened(results)


class _Leaving:
    """A question that knows whether it has left, and when: it may wait for room, and is asked of the venue as
    it is then. A requester builds it once for its price, and then each time it leaves."""

    def __init__(self, ask: Sign, now: Callable[[], Wall]) -> None:
        self.left = False
        self.at = now()
        self._ask = ask
        self._now = now
        self._priced = False

    def __call__(self, now: Wall) -> HttpRequest:
        self.left, self._priced = self._priced, True
        self.at = self._now()
        return self._ask(now)


class Questions:
    """Asks what became of orders, by every way the venue has to tell. What waits to leave is asked once."""

    def __init__(
        self,
        *,
        orders: OrderBook,
        codec: VenueCodec,
        requester: Requester,
        telemetry: Telemetry,
        alarms: Alarms,
        spawn: Spawn,
        tell: Callable[[Event], None],
    ) -> None:
        self._orders = orders
        self._codec = codec
        self._requester = requester
        self._telemetry = telemetry
        self._alarms = alarms
        self._spawn = spawn
        self._tell = tell
        self._searching: set[str] = set()
        self._waiting: dict[tuple[str, str], _Leaving] = {}  # by what is asked, and of which order
        self._identified: dict[str, None] = {}  # the venue's ids of orders that are not ours

    def ask_order(self, intent: Intent, since: Wall | None = None) -> None:
        """Ask what became of an order; see `AskOrder` for `since`."""
        self._spawn(self._ask_order(intent, since), "query")

    def ask_trades(self, intent: Intent, venue_order_id: str) -> None:
        """Ask for an order's trades."""
        self._spawn(self._ask_trades(intent, venue_order_id), "trades")

    async def _ask_order(self, intent: Intent, since: Wall | None) -> None:
        what = "order" if since is None else "order everywhere"
        answered = await self._asked(what, intent, partial(self._codec.query, intent))
        if answered is None:
            return
        result, asked_at = answered
        match self._codec.queried(intent, result):
            case Found(report=report):
                self._tell(OrderFound(report=report, asked_at=asked_at))
            case Became(venue_order_id=venue_order_id):
                await self._ask_what_it_became(intent, venue_order_id, asked_at)
            case NotFound():
                if since is None:
                    self._tell(OrderNotFound(client_id=intent.client_id, asked_at=asked_at))
                else:
                    await self._search(intent, since, asked_at)
            case NoAnswer() as silence:
                self._alarms.unanswered(silence)

    def ask_by_hand(self, instrument: InstrumentId, since: Wall) -> None:
        """Ask whether the emergency tool traded since then; see `AskByHand`."""
        self._spawn(self._ask_by_hand(instrument, since), "by hand")

    async def _ask_by_hand(self, instrument: InstrumentId, since: Wall) -> None:
        if instrument in self._searching:
            return
        self._searching.add(instrument)
        try:
            traded = await self._traded_since(instrument, since, self._requester.desk_now())
            for venue_order_id in traded or ():
                if venue_order_id in self._identified or self._known(venue_order_id):
                    continue
                found = await self._identify(instrument, venue_order_id)
                if found is None:
                    return  # asked again as long as the difference lasts
                if is_emergency(found.client_id):
                    await self._tell_by_hand(found)
                else:
                    self._note_anothers(venue_order_id)
        finally:
            self._searching.discard(instrument)

    async def _tell_by_hand(self, report: OrderReport) -> None:
        """What the desk did not ask for has no intent: one that says what is known of it stands for it."""
        self._tell(OrderTold(report=report))
        intent = Intent(
            client_id=report.client_id,
            strategy=OPERATOR,
            instrument=report.instrument,
            side=Side.SELL,
            type=OrderType.IOC,
            qty=Decimal(1),
            price=Decimal(1),
            deadline=Wall(0),
            origin=Origin.FLATTEN,
            inputs=None,
        )
        ask = partial(self._codec.trades, intent, report.venue_order_id)
        traded = self._codec.traded(intent, await self._requester.request(ask))
        if isinstance(traded, NoAnswer):
            self._alarms.unanswered(traded)
            return
        for execution in traded:
            self._tell(OrderTold(report=report, execution=execution))

    async def _asked(self, what: str, intent: Intent, ask: Sign) -> tuple[HttpResult, Wall] | None:
        """What came of a question, and when it left; None where the same one waits to leave already."""
        key = (what, intent.client_id)
        waiting = self._waiting.get(key)
        if waiting is not None and not waiting.left:
            return None
        leaving = self._waiting[key] = _Leaving(ask, self._requester.desk_now)
        try:
            return await self._requester.request(leaving), leaving.at
        finally:
            if self._waiting.get(key) is leaving:
                del self._waiting[key]

    async def _ask_what_it_became(
        self, intent: Intent, venue_order_id: str, asked_at: Wall
    ) -> None:
        """An order that was triggered: what the other one says of itself is said of this one."""
        ask = partial(self._codec.identify, intent.instrument, venue_order_id)
        found = self._codec.identified(await self._requester.request(ask))
        if isinstance(found, Found):
            report = msgspec.structs.replace(found.report, client_id=intent.client_id)
            self._tell(OrderFound(report=report, asked_at=asked_at))
        elif isinstance(found, NoAnswer):
            self._alarms.unanswered(found)

    async def _search(self, intent: Intent, since: Wall, asked_at: Wall) -> None:
        """Look where an accepted order would also stand: the query may be what lags."""
        client_id = intent.client_id
        if client_id in self._searching:
            return
        self._searching.add(client_id)
        try:
            missing = await self._not_open(intent, asked_at) and await self._not_traded(
                intent, since, asked_at
            )
        finally:
            self._searching.discard(client_id)
        if missing:
            self._tell(OrderNotFound(client_id=client_id, asked_at=asked_at, everywhere=True))

    async def _not_open(self, intent: Intent, asked_at: Wall) -> bool:
        """Whether the venue was heard and does not list the order as open."""
        opened = await open_orders(self._codec, self._requester, intent.instrument)
        if isinstance(opened, NoAnswer):
            self._alarms.unanswered(opened)
            return False
        for report in opened:
            if report.client_id == intent.client_id:
                self._tell(OrderFound(report=report, asked_at=asked_at))
                return False
        return True

    async def _not_traded(self, intent: Intent, since: Wall, asked_at: Wall) -> bool:
        """Whether every trade since then is known to be another order's."""
        traded = await self._traded_since(intent.instrument, since, asked_at)
        if traded is None:
            return False
        for venue_order_id in traded:
            if not await self._anothers(intent, venue_order_id, asked_at):
                return False
        return True

    async def _traded_since(
        self, instrument: InstrumentId, since: Wall, asked_at: Wall
    ) -> list[str] | None:
        """Whose orders traded since then, by the venue's ids; None where it did not tell all of them."""
        ahead_ns = self._requester.ahead_ns
        start, until = Wall(since + ahead_ns), Wall(asked_at + ahead_ns)
        found: dict[str, None] = {}
        for _ in range(PAGES_MAX):
            end = Wall(min(start + DAY_NS, until))
            ask = partial(self._codec.trades_between, instrument, start, end)
            page = self._codec.traded_between(await self._requester.request(ask))
            if isinstance(page, NoAnswer):
                self._alarms.unanswered(page)
                return None
            found |= dict.fromkeys(page.venue_order_ids)
            if page.full:
                start = Wall(max(page.last, start + 1))
            elif end == until:
                return list(found)
            else:
                start = end
        self._telemetry.count("search.too_many_trades")
        return None

    async def _anothers(self, intent: Intent, venue_order_id: str, asked_at: Wall) -> bool:
        """Whether a trade's order is certainly not the one that is looked for."""
        ours = self._orders.get(intent.client_id)
        if ours is not None and ours.venue_order_id == venue_order_id:
            self.ask_trades(intent, venue_order_id)  # it traded, and nobody told
            return False
        if venue_order_id in self._identified or self._known(venue_order_id):
            return True
        found = await self._identify(intent.instrument, venue_order_id)
        if found is None:
            return False
        self._tell(OrderFound(report=found, asked_at=asked_at))
        if found.client_id == intent.client_id:
            return False
        if not is_emergency(found.client_id):  # its trades are asked for when they are missed
            self._note_anothers(venue_order_id)
        return True

    async def _identify(self, instrument: InstrumentId, venue_order_id: str) -> OrderReport | None:
        """Whose order it is; None where the venue does not say."""
        ask = partial(self._codec.identify, instrument, venue_order_id)
        found = self._codec.identified(await self._requester.request(ask))
        if isinstance(found, NoAnswer):
            self._alarms.unanswered(found)
        return found.report if isinstance(found, Found) else None

    def _note_anothers(self, venue_order_id: str) -> None:
        """It is no order of ours, and need not be asked for again."""
        self._identified[venue_order_id] = None
        if len(self._identified) > IDENTIFIED_MAX:
            del self._identified[next(iter(self._identified))]

    def _known(self, venue_order_id: str) -> bool:
        """Whether the id belongs to an order this desk remembers, which then is not the unknown one."""
        orders = (*self._orders.live.values(), *self._orders.ended.values())
        return any(order.venue_order_id == venue_order_id for order in orders)

    async def _ask_trades(self, intent: Intent, venue_order_id: str) -> None:
        ask = partial(self._codec.trades, intent, venue_order_id)
        answered = await self._asked("trades", intent, ask)
        if answered is None:
            return
        traded = self._codec.traded(intent, answered[0])
        if isinstance(traded, NoAnswer):
            self._alarms.unanswered(traded)
            return
        self._tell(TradesTold(client_id=intent.client_id, executions=traded))
