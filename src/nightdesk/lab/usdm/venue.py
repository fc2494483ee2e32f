"""The USD-M venue of a lab: its parts, its doors, its clock.

Owns the composition and what the market's events set off; `seconds` has what comes by the clock. Shares
clients, keys, faults, clock and truth with the lab's other venue. Refuses sockets and chance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.api import Ask
from nightdesk.lab.auth import Keyring
from nightdesk.lab.choices import Which
from nightdesk.lab.delivery import Delivery
from nightdesk.lab.distortion import Distortion
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.faults import FaultBoard
from nightdesk.lab.gate import Answer, Gate
from nightdesk.lab.limits import Limits, OrderQuota, Quota
from nightdesk.lab.market import (
    DepthSnapshot,
    DepthUpdate,
    Market,
    MarketEvent,
    TellsMarks,
    Trade,
)
from nightdesk.lab.plans import Overload
from nightdesk.lab.rest import Rest
from nightdesk.lab.settings import SECOND_NS, LabSettings
from nightdesk.lab.streams import MarketStreams, StreamClock
from nightdesk.lab.tape import Tape
from nightdesk.lab.truth import Truth
from nightdesk.lab.usdm import frames
from nightdesk.lab.usdm.algo import AlgoService
from nightdesk.lab.usdm.algo_api import AlgoApi
from nightdesk.lab.usdm.algo_orders import WorkingType
from nightdesk.lab.usdm.by_hand import Hands
from nightdesk.lab.usdm.configuration import Configuration
from nightdesk.lab.usdm.countdown import Countdowns
from nightdesk.lab.usdm.dialect import PerpDialect, text
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.force import Force
from nightdesk.lab.usdm.funding import Funding
from nightdesk.lab.usdm.listen_keys import ListenKeys
from nightdesk.lab.usdm.orders import PerpFill, PerpOrder
from nightdesk.lab.usdm.public import PerpPublic
from nightdesk.lab.usdm.queries import Queries
from nightdesk.lab.usdm.seconds import Seconds
from nightdesk.lab.usdm.settings import UsdmSettings
from nightdesk.lab.usdm.trading import PerpTrading
from nightdesk.lab.usdm.user_stream import UserStream
from nightdesk.lab.vanishing import Vanishing
from nightdesk.lab.views import Json
from nightdesk.lab.wire import CloseWs, Out, RestCall, WsOpen, WsText

# Websockets stand below the venue's own paths; `/usdm` is for clients that know only `/ws` and `/stream`.
_PLACES = ("/public", "/market", "/private", "/usdm")
_REST = "/fapi/"
_POLICY_CLOSE = 1008
_OVERLOAD = Overload(
    msg="Request throttled by system-level protection. Reduce-only/close-position orders are exempt. "
    "Please try again.",
    exempts=True,
)
_CANDLES_NS = SECOND_NS // 4  # the update speed of its candle streams


@dataclass(slots=True, kw_only=True)
class Shared:
    """What both venues of a lab have in common."""

    settings: LabSettings
    clients: Exchange
    truth: Truth
    faults: FaultBoard
    agenda: Agenda
    keyring: Keyring
    emit: Callable[[Out], None]
    venue_ns: Callable[[int], int]
    clock_offset_ns: Callable[[int], int]
    start_market: Callable[[int], None]


def quota(settings: UsdmSettings) -> Quota:
    """What the venue allows."""
    per_10s, per_minute = settings.orders_per_10s_max, settings.orders_per_minute_max
    return Quota(
        weight_per_minute_max=settings.weight_per_minute_max,
        orders=(
            OrderQuota(length_ns=10 * SECOND_NS, most=per_10s, name="10 SECOND", header="10S"),
            OrderQuota(length_ns=60 * SECOND_NS, most=per_minute, name="1 MINUTE", header="1M"),
        ),
        connections_per_5min_max=settings.connections_per_5min_max,
        ignored_429_max=settings.ignored_429_max,
    )


class Usdm:
    """One USD-M venue, driven by the lab it is part of."""

    def __init__(self, shared: Shared, market: Market) -> None:
        self.settings, self.market, self._shared = shared.settings.usdm, market, shared
        seed, accounts = shared.settings.seed, shared.settings.accounts
        balances = {account.name: account.usdm for account in accounts}
        self.exchange = PerpExchange(self.settings, seed, balances, shared.truth)
        for account in accounts:
            self.exchange.accounts[account.name].agree(account.contracts)
        if isinstance(market, TellsMarks):
            self.exchange.marks.told = market.told_mark
        self.tapes = {symbol: Tape(symbol) for symbol in self.exchange.rules}
        self.limits = Limits(quota(self.settings))
        self.keys = ListenKeys(
            shared.agenda, self.settings.listen_key_life_ns, seed, self._key_expired
        )
        self._last_ids: dict[str, int] = {}
        self._pulls = False  # whether the market is to be looked at, at a time that is known
        self._compose()
        for event in market.opening():
            self.exchange.on_market(self._chained(event))

    def _compose(self) -> None:
        shared = self._shared
        self.streams = MarketStreams(
            PerpDialect(self.exchange, self.tapes),
            shared.emit,
            shared.venue_ns,
            lambda name, now_ns: shared.faults.silent(self._which(name), now_ns, name),
            names_stream=lambda name: not name.isdigit(),
        )
        self._user_stream = UserStream(
            self.exchange, self.streams, self.keys, Delivery(shared.faults, shared.agenda)
        )
        self._clock = StreamClock(self.streams, shared.agenda, self.tapes, self.market, _CANDLES_NS)
        self._distortion = Distortion(self.exchange, shared.faults, shared.agenda, self.streams)
        gate = Gate(
            shared.settings,
            shared.clients,
            self.limits,
            shared.faults,
            shared.truth,
            shared.keyring,
            shared.agenda,
            shared.clock_offset_ns,
            self._answer,
            self.flush,
            overload=_OVERLOAD,
        )
        self.funding, self.force = Funding(self.exchange, shared.venue_ns), Force(self.exchange)
        self.algos = AlgoService(self.exchange, self._last_price)
        self.exchange.on_end = self.algos.on_end
        self.exchange.on_position = self.algos.on_position
        self._seconds = Seconds(
            exchange=self.exchange,
            algos=self.algos,
            funding=self.funding,
            force=self.force,
            market=self.market,
            streams=self.streams,
            agenda=shared.agenda,
            venue_ns=shared.venue_ns,
            flush=self.flush,
            all_of_them=not shared.settings.only_seconds_that_matter,
        )
        self.configuration = Configuration(self.exchange, self.algos.open_of)
        self.hands = Hands(self.exchange, shared.faults, self.algos, self.force, self.configuration)
        trading = PerpTrading(
            self.exchange, self.limits, shared.faults, shared.agenda, shared.venue_ns
        )
        self.countdowns = Countdowns(self.exchange, self.algos, shared.agenda)
        routes = [
            *PerpPublic(self.exchange, self.tapes, self.market, shared.venue_ns).routes(),
            *trading.routes(),
            *self.countdowns.routes(),
            *Queries(self.exchange, self.limits, Vanishing(shared.faults)).routes(),
            *AlgoApi(self.exchange, self.algos, self.limits, shared.venue_ns).routes(),
            *self.configuration.routes(),
            *self.keys.routes(),
        ]
        self.endpoints = [route.path for route in routes]
        self._rest = Rest(gate, self.limits, shared.emit, routes)

    def _last_price(self, symbol: str) -> Decimal | None:
        """The last trade's price; before the first, the middle of the book."""
        last = self.tapes[symbol].last
        return last.price if last is not None else self.exchange.matchers[symbol].book.mid()

    # --- doors -----------------------------------------------------------------------------

    @staticmethod
    def serves(path: str) -> bool:
        """Whether a call or a websocket to this path is this venue's."""
        return path.startswith(_REST) or path.startswith(_PLACES)

    def receive(self, call: RestCall, now_ns: int) -> None:
        """Take a call."""
        self._rest.receive(call, now_ns)
        self._seconds.wake(now_ns)

    def _answer(self, ask: Ask, answer: Answer, now_ns: int) -> None:
        self._rest.answer(ask, answer, now_ns)

    def open(self, opened: WsOpen, now_ns: int) -> bool:
        """Take a websocket; whether the address may still open one."""
        if not self.limits.connect(opened.source, now_ns):
            self._shared.emit(
                CloseWs(
                    conn=opened.conn,
                    at_ns=now_ns,
                    code=_POLICY_CLOSE,
                    reason="Too many connections",
                )
            )
            return False
        place = next(p for p in _PLACES if opened.path.startswith(p))
        self.streams.open(opened.conn, opened.path.removeprefix(place))
        self._after_subscribing(now_ns)
        return True

    def text(self, frame: WsText, now_ns: int) -> None:
        """Take a text frame of one of its websockets."""
        self.streams.command(frame.conn, frame.text, now_ns)
        self._after_subscribing(now_ns)

    def _after_subscribing(self, now_ns: int) -> None:
        if self.streams.subscribed:
            self._shared.start_market(now_ns)
        self._clock.wake(now_ns)

    def _which(self, name: str) -> Which:
        return Which.USER if name in self.keys.by_account.values() else Which.MARKET

    def conns(self, which: Which) -> list[int]:
        """The websockets that a fault about these streams is about."""
        return [
            conn
            for conn, listener in self.streams.listeners.items()
            if which is Which.ALL or any(self._which(name) is which for name in listener.names)
        ]

    def _key_expired(self, key: str, now_ns: int) -> None:
        self._user_stream.expired(key, now_ns)

    def heard_keys(self) -> int:
        """How many accounts' events somebody listens to."""
        return sum(self.streams.hears(key) for key in self.keys.by_account.values())

    def shown(self, name: str) -> Json:
        """What an account holds here and what it came to, for people and checkers."""
        account, settlement = self.exchange.accounts[name], self.exchange.settlement
        return {
            "usdm": {
                "open_orders": len(account.open_ids),
                "open_algo_orders": len(self.algos.open_of(account)),
                "countdowns_until_ns": self.countdowns.of(name),
                "hedge_mode": account.hedge_mode,
                "multi_assets": account.multi_assets,
                "balances": {
                    asset: {
                        "wallet": str(amount),
                        "initial": str(account.initial[asset]),
                        "transferred": str(account.transferred.get(asset, 0)),
                        "insured": str(settlement.insurance.get(asset, 0)),
                    }
                    for asset, amount in account.holdings.balances.items()
                },
                "positions": {
                    symbol: {
                        "amount": str(held.amount),
                        "cost": str(held.cost),
                        "leverage": held.leverage,
                        "isolated": held.isolated,
                    }
                    for symbol, held in account.holdings.positions.items()
                },
            }
        }

    # --- time and market -------------------------------------------------------------------

    def start(self, now_ns: int) -> None:
        """Begin: the market and the seconds."""
        self.market.start(now_ns)
        self._clock.candles.begin(now_ns)
        self._pull_later()
        self._seconds.begin(now_ns)

    def stir(self) -> None:
        """The market may have something that it did not know of when it was asked last."""
        if not self._pulls:
            self._pull_later()

    def _pull_later(self) -> None:
        next_ns = self.market.next_at_ns()
        self._pulls = next_ns is not None
        if next_ns is not None:
            self._shared.agenda.at(next_ns, self._pull)

    def _pull(self, now_ns: int) -> None:
        for event in self.market.take(now_ns):
            self._on_market(event)
        self._pull_later()

    def _on_market(self, event: MarketEvent) -> None:
        if event.symbol not in self.tapes:
            known = ", ".join(self.tapes)
            raise ValueError(
                f"the perpetual market brings {event.symbol}; this lab lists only {known}"
            )
        published = self.exchange.on_market(self._chained(event))
        if isinstance(published, Trade):
            self._clock.candles.take(published, event.at_ns)
            self._hear(published)
            if published.passing:
                self._seconds.at_point(published)
        if not isinstance(published, DepthSnapshot):
            self._distortion.on_event(published, event.at_ns)
        self.flush(event.at_ns)

    def _chained(self, event: MarketEvent) -> MarketEvent:
        """A depth update that begins where the last one ended, as `pu` tells it."""
        if not isinstance(event, DepthUpdate):
            return event
        first_id = self._last_ids.get(event.symbol, event.first_id - 1) + 1
        self._last_ids[event.symbol] = event.last_id
        return replace(event, first_id=first_id)

    # --- telling ---------------------------------------------------------------------------

    def flush(self, now_ns: int) -> None:
        """Tell what the engine left behind: events of accounts, and prints."""
        settlement = self.exchange.settlement
        self._tell_news(now_ns)
        while settlement.prints:
            trade = settlement.prints.pop(0)
            self._clock.candles.take(trade, now_ns)
            self._distortion.on_event(trade, now_ns)
            self._hear(trade)
            self._tell_news(now_ns)

        for order, fill in settlement.forced:
            self._publish_forced(order, fill, now_ns)
        settlement.forced.clear()

    def _publish_forced(self, order: PerpOrder, fill: PerpFill, now_ns: int) -> None:
        rules = self.exchange.rules[order.symbol]
        for name in (f"{order.symbol.lower()}@forceOrder", "!forceOrder@arr"):
            self.streams.publish(
                name, now_ns, lambda stamp: text(frames.force_order(rules, order, fill, stamp))
            )

    def _hear(self, trade: Trade) -> None:
        """A trade may be what conditional orders wait for; what comes of them may trade in turn."""
        self.algos.hear(
            trade.symbol, WorkingType.CONTRACT_PRICE, trade.price, trade.at_ns, trade.trade_ns
        )

    def _tell_news(self, now_ns: int) -> None:
        news = self.exchange.settlement.news
        while news:
            self._user_stream.tell(news.pop(0), now_ns)
