"""What the desk needs of any venue's codec. Pure: times in, values out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

from nightdesk.model.account import (
    AccountTerms,
    Flow,
    ForcedFill,
    ForcedOrder,
    Moved,
    TermsTold,
    WalletMove,
)
from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.ids import InstrumentId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import DepthOf, MarketEvent, Quote, Trade
from nightdesk.model.order import Amendment, Execution, Intent, OrderReport
from nightdesk.model.outcome import Outcome, Reason
from nightdesk.model.time import Mono, Wall
from nightdesk.resilience.budget import Limit
from nightdesk.venues.capabilities import Capabilities
from nightdesk.venues.http import HttpRequest, HttpResult

Sign = Callable[[Wall], HttpRequest]  # a question, signed when it leaves
BARS_MAX = 1_000  # the most that every venue of ours tells at once


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The venue knows the order."""

    report: OrderReport


class Became(msgspec.Struct, frozen=True, kw_only=True):
    """The price that the order waited for came: an order with an id of its own trades for it, and only that one
    tells how far."""

    venue_order_id: str


class NotFound(msgspec.Struct, frozen=True, kw_only=True):
    """The venue says that it does not know the order, now."""

    text: str


class NoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The question was not answered; nothing was learnt."""

    outcome: Outcome


class TradePage(msgspec.Struct, frozen=True, kw_only=True):
    """Whose orders traded in a span of time, by the venue's own order ids.

    `full` says that there may be more in the span, from `last` (the newest trade told) on.
    """

    venue_order_ids: tuple[str, ...]
    full: bool
    last: Wall


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds: each asset, free and bound together (a wallet of contracts by its name in the
    books), and each contract (0 where none is told)."""

    balances: Mapping[str, Decimal]
    positions: Mapping[InstrumentId, Decimal] = {}

    def booked(self) -> dict[str, Decimal]:
        """All of it by its names in the books."""
        return {**self.balances, **{str(i): held for i, held in self.positions.items()}}


class UserUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one frame of the private stream said about orders."""

    report: OrderReport | None = None
    execution: Execution | None = None
    foreign: str = (
        ""  # a client id of an order that is not ours, or an account change nobody here made
    )
    note: str = ""  # something of the connection itself: subscribed, shutting down
    moved: Moved | None = None
    forced: ForcedFill | None = None
    terms: TermsTold | None = None
    warning: str = ""  # what a person should hear of


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Where a venue is reached: scheme, host and port of REST, streams and private stream."""

    rest: str
    stream: str
    private: str


class Unlisted(msgspec.Struct, frozen=True, kw_only=True):
    """The venue does not list one of the symbols that it was asked for; `text` is how it says so."""

    text: str


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a unit (weight, orders, requests) a venue says it takes in a window of that length."""

    unit: str
    most: int
    length_s: int


class Fees(msgspec.Struct, frozen=True, kw_only=True):
    """What an account pays of what it trades, as shares: 0.001 is ten basis points; less than nothing is a
    rebate."""

    maker: Decimal
    taker: Decimal


class TellsTime(Protocol):
    """Whoever can be asked for a venue's clock."""

    def time(self) -> HttpRequest: ...
    def told_time(self, result: HttpResult) -> Wall | NoAnswer: ...


class KeyCodec(TellsTime, Protocol):
    """What a venue tells of the key itself; signed at `now`, the clock of the host that tells it."""

    @property
    def tail(self) -> str: ...
    def rights(self, now: Wall) -> HttpRequest: ...
    def righted(self, result: HttpResult) -> bool | NoAnswer: ...
    def owner(self, now: Wall) -> HttpRequest: ...
    def owned(self, result: HttpResult) -> str | NoAnswer: ...


class FactsCodec(Protocol):
    """What a person asks of a venue and an account, and a desk does not; signed at `now`, the venue's clock."""

    def rate_limits(self, symbol: str) -> HttpRequest: ...
    def told_rate_limits(self, result: HttpResult) -> Sequence[RateLimit] | NoAnswer: ...
    def fees(self, symbol: str, now: Wall) -> HttpRequest: ...
    def told_fees(self, result: HttpResult) -> Fees | NoAnswer: ...


class VenueCodec(Protocol):
    """One venue's protocol.

    Every request says what it costs; `limits` are what the venue allows of that, to one address and account, by
    its documents; `limited` what an answer to `rules` leaves of them.
    `place` and the other requests are signed at `now`, the venue's clock; nothing moves a deadline. Where a
    venue reads its private stream by a key, `private_key` asks for it and for its prolongation; elsewhere it is
    None, and the hello alone subscribes.
    `capabilities` says what it can do. Where it is `replacing`, `place` takes intents that name what they
    replace, and `replaced` tells what may be believed of the new order and of the old one's cancel.
    Where it is `amending`, `amend` asks for other terms, and `amended` tells what may be believed of that; its
    report may say that the order ended.
    `patience` says what comes over a market path, and for how long (ns) each of it may say nothing before it is
    doubted; `connection_life_ns` is after which time the venue ends a websocket, whatever it carries.
    `bars` asks for the last `count` (at most `BARS_MAX`) that opened at or before `until`; the newest told may
    not have ended. `market` tells only bars that have. `past_trades` asks for the first `count` (at most 1,000)
    from an id on that the stream's trades have too.
    `reason_of` says why a result is no answer, whatever was asked: NONE where it may be one.
    """

    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def limits(self) -> Sequence[Limit]: ...
    def place(self, intent: Intent, now: Wall) -> HttpRequest | None: ...
    def placed(self, intent: Intent, result: HttpResult) -> Outcome: ...
    def replaced(self, intent: Intent, result: HttpResult) -> tuple[Outcome, Outcome]: ...
    def amend(self, intent: Intent, amendment: Amendment, now: Wall) -> HttpRequest | None: ...
    def amended(self, intent: Intent, amendment: Amendment, result: HttpResult) -> Outcome: ...
    def place_pair(self, intent: Intent, other: Intent, now: Wall) -> HttpRequest | None: ...
    def placed_pair(
        self, intent: Intent, other: Intent, result: HttpResult
    ) -> tuple[Outcome, Outcome]: ...
    def cancel(self, intent: Intent, now: Wall) -> HttpRequest: ...
    def cancelled(self, intent: Intent, result: HttpResult) -> Outcome: ...
    def query(self, intent: Intent, now: Wall) -> HttpRequest: ...
    def queried(
        self, intent: Intent, result: HttpResult
    ) -> Found | Became | NotFound | NoAnswer: ...
    def identify(self, instrument: InstrumentId, venue_order_id: str, now: Wall) -> HttpRequest: ...
    def identified(self, result: HttpResult) -> Found | NotFound | NoAnswer: ...
    def trades_between(
        self, instrument: InstrumentId, start: Wall, end: Wall, now: Wall
    ) -> HttpRequest: ...
    def traded_between(self, result: HttpResult) -> TradePage | NoAnswer: ...
    def trades(self, intent: Intent, venue_order_id: str, now: Wall) -> HttpRequest: ...
    def traded(self, intent: Intent, result: HttpResult) -> Sequence[Execution] | NoAnswer: ...
    def open_orders(self, instrument: InstrumentId) -> Sequence[Sign]: ...
    def opened(self, results: Sequence[HttpResult]) -> Sequence[OrderReport] | NoAnswer: ...
    def account(self, now: Wall) -> HttpRequest: ...
    def held(self, result: HttpResult) -> Holdings | NoAnswer: ...
    def reason_of(self, result: HttpResult) -> Reason: ...
    def time(self) -> HttpRequest: ...
    def told_time(self, result: HttpResult) -> Wall | NoAnswer: ...
    def rules(self, symbols: Sequence[str]) -> HttpRequest: ...
    def ruled(self, result: HttpResult) -> Mapping[str, Instrument] | Unlisted | NoAnswer: ...
    def limited(self, result: HttpResult) -> Sequence[Limit]: ...
    def price(self, instrument: Instrument) -> HttpRequest: ...
    def priced(
        self, instrument: Instrument, result: HttpResult, received: Mono
    ) -> Quote | NoAnswer: ...
    def market_paths(
        self,
        instruments: Sequence[Instrument],
        bars: Collection[BarsOf] = (),
        depth: Collection[DepthOf] = (),
    ) -> Sequence[str]: ...
    @property
    def connection_life_ns(self) -> int: ...
    def patience(self, path: str) -> Mapping[tuple[InstrumentId, type[MarketEvent]], int]: ...
    def market(self, frame: bytes, received: Mono) -> MarketEvent | None: ...
    def bars(self, of: BarsOf, until: Wall, count: int) -> HttpRequest: ...
    def told_bars(
        self, of: BarsOf, result: HttpResult, received: Mono
    ) -> Sequence[Bar] | NoAnswer: ...
    def past_trades(self, instrument: InstrumentId, from_id: int, count: int) -> HttpRequest: ...
    def told_trades(
        self, instrument: InstrumentId, result: HttpResult, received: Mono
    ) -> Sequence[Trade] | NoAnswer: ...
    def private_key(self) -> HttpRequest | None: ...
    def keyed(self, result: HttpResult) -> str | NoAnswer: ...
    def private_path(self, key: str) -> str: ...
    def private_hello(self, now: Wall) -> str: ...
    def private(self, frame: bytes) -> UserUpdate: ...


@runtime_checkable
class ContractCodec(VenueCodec, Protocol):
    """What a venue of contracts tells beyond orders: on which terms an account holds them, and what moved its
    wallets and positions without an order of anybody here."""

    @property
    def venue(self) -> VenueId: ...
    def terms(self) -> Sequence[Sign]: ...
    def termed(self, results: Sequence[HttpResult]) -> AccountTerms | NoAnswer: ...
    def flows(self, kind: Flow, start: Wall, now: Wall) -> HttpRequest: ...
    def flowed(self, kind: Flow, result: HttpResult) -> Sequence[WalletMove] | NoAnswer: ...
    def closes(self, instrument: InstrumentId, start: Wall, now: Wall) -> HttpRequest: ...
    def closed(self, result: HttpResult) -> Sequence[ForcedOrder] | NoAnswer: ...
    def close_trades(self, order: ForcedOrder, now: Wall) -> HttpRequest: ...
    def close_traded(
        self, order: ForcedOrder, result: HttpResult
    ) -> Sequence[ForcedFill] | NoAnswer: ...


@runtime_checkable
class DeadManCodec(Protocol):
    """A venue that cancels an instrument's open orders once it was not asked again for so long (its dead man's
    switch). `count_down` with a length of 0 ns stops it; `counted_down` tells what may be believed then."""

    def count_down(
        self, instrument: InstrumentId, length_ns: int, deadline: Wall, now: Wall
    ) -> HttpRequest | None: ...
    def counted_down(
        self, instrument: InstrumentId, length_ns: int, result: HttpResult
    ) -> Outcome: ...
