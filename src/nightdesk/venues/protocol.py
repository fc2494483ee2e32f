"""What the desk needs of any venue's codec. Pure: times in, values out."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import MarketEvent, Quote
from nightdesk.model.order import Execution, Intent, OrderReport
from nightdesk.model.outcome import Outcome
from nightdesk.model.time import Mono, Wall
from nightdesk.venues.http import HttpRequest, HttpResult


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The venue knows the order."""

    report: OrderReport


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


class UserUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one frame of the private stream said about orders."""

    report: OrderReport | None = None
    execution: Execution | None = None
    foreign: str = (
        ""  # a client id of an order that is not ours, or an account change nobody here made
    )
    note: str = ""  # something of the connection itself: subscribed, shutting down


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Where a venue is reached: scheme, host and port of REST, streams and private stream."""

    rest: str
    stream: str
    private: str


class VenueCodec(Protocol):
    """One venue's protocol.

    `place` and the other requests are signed at `now`, the venue's clock; nothing moves a deadline.
    """

    def place(self, intent: Intent, now: Wall) -> HttpRequest | None: ...
    def placed(self, intent: Intent, result: HttpResult) -> Outcome: ...
    def place_pair(self, intent: Intent, other: Intent, now: Wall) -> HttpRequest | None: ...
    def placed_pair(
        self, intent: Intent, other: Intent, result: HttpResult
    ) -> tuple[Outcome, Outcome]: ...
    def cancel(self, intent: Intent, now: Wall) -> HttpRequest: ...
    def cancelled(self, intent: Intent, result: HttpResult) -> Outcome: ...
    def query(self, intent: Intent, now: Wall) -> HttpRequest: ...
    def queried(self, intent: Intent, result: HttpResult) -> Found | NotFound | NoAnswer: ...
    def identify(self, instrument: InstrumentId, venue_order_id: str, now: Wall) -> HttpRequest: ...
    def identified(self, result: HttpResult) -> Found | NotFound | NoAnswer: ...
    def trades_between(
        self, instrument: InstrumentId, start: Wall, end: Wall, now: Wall
    ) -> HttpRequest: ...
    def traded_between(self, result: HttpResult) -> TradePage | NoAnswer: ...
    def trades(self, intent: Intent, venue_order_id: str, now: Wall) -> HttpRequest: ...
    def traded(self, intent: Intent, result: HttpResult) -> Sequence[Execution] | NoAnswer: ...
    def open_orders(self, instrument: InstrumentId, now: Wall) -> HttpRequest: ...
    def opened(self, result: HttpResult) -> Sequence[OrderReport] | NoAnswer: ...
    def account(self, now: Wall) -> HttpRequest: ...
    def held(self, result: HttpResult) -> Mapping[str, Decimal] | NoAnswer: ...
    def time(self) -> HttpRequest: ...
    def told_time(self, result: HttpResult) -> Wall | NoAnswer: ...
    def rules(self, symbols: Sequence[str]) -> HttpRequest: ...
    def ruled(self, result: HttpResult) -> Mapping[str, Instrument] | NoAnswer: ...
    def price(self, instrument: Instrument) -> HttpRequest: ...
    def priced(
        self, instrument: Instrument, result: HttpResult, received: Mono
    ) -> Quote | NoAnswer: ...
    def market_path(self, instruments: Sequence[Instrument]) -> str: ...
    def market(self, frame: bytes, received: Mono) -> MarketEvent | None: ...
    def private_path(self) -> str: ...
    def private_hello(self, now: Wall) -> str: ...
    def private(self, frame: bytes) -> UserUpdate: ...
