"""Binance's JSON, as typed shapes: spot's, and what its other markets spell alike. Only the fields this desk
reads; others are ignored.

Sources: rest-api.md, user-data-stream.md, web-socket-streams.md, read 2026-11-21.
"""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.order import Side, VenueStatus

STATUS = {
    "NEW": VenueStatus.WORKING,
    "PENDING_NEW": VenueStatus.WORKING,
    "PARTIALLY_FILLED": VenueStatus.WORKING,
    "PENDING_CANCEL": VenueStatus.WORKING,
    "FILLED": VenueStatus.FILLED,
    "CANCELED": VenueStatus.CANCELLED,
    "EXPIRED": VenueStatus.EXPIRED,
    "EXPIRED_IN_MATCH": VenueStatus.EXPIRED,
    "REJECTED": VenueStatus.REJECTED,
}


UNREADABLE = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
    KeyError,
    ValueError,
    ArithmeticError,
)


def amount(value: Decimal) -> Decimal:
    """A number of the venue's as the journal holds it; raises `msgspec.ValidationError` on an absurd one."""
    if not money.is_amount(value) or value < 0:
        raise msgspec.ValidationError(f"{value} is no price, quantity or fee")
    return money.canonical(value)


def signed(value: Decimal) -> Decimal:
    """The same of a number that may be negative: a position, a profit, a rebate."""
    if not money.is_amount(value):
        raise msgspec.ValidationError(f"{value} is no amount")
    return money.canonical(value)


def side_of(word: str) -> Side:
    """A side as the venue spells it; raises `msgspec.ValidationError` on any other word."""
    if word not in ("BUY", "SELL"):
        raise msgspec.ValidationError(f"{word!r} is no side")
    return Side.BUY if word == "BUY" else Side.SELL


def status_of(text: str) -> VenueStatus:
    """A venue's status; one this table does not have keeps the order open until somebody asks again."""
    return STATUS.get(text, VenueStatus.WORKING)


class Error(msgspec.Struct):
    """Any endpoint may answer with this."""

    code: int
    msg: str = ""


class FillOfOrder(msgspec.Struct, rename="camel"):
    """An element of `fills` in a FULL order answer."""

    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    trade_id: int


class OrderAnswer(msgspec.Struct, rename="camel"):
    """POST, DELETE and GET of an order, and each element of openOrders."""

    symbol: str
    order_id: int
    client_order_id: str
    status: str
    executed_qty: Decimal
    side: str
    transact_time: int = 0
    update_time: int = 0
    time: int = 0
    orig_client_order_id: str = ""
    fills: list[FillOfOrder] = []


class ListAnswer(msgspec.Struct, rename="camel"):
    """POST of an order list."""

    order_reports: list[OrderAnswer]


class ReplaceAnswer(msgspec.Struct, rename="camel"):
    """POST of an order that takes another's place: how each half ended, in words and as its own answer."""

    cancel_result: str
    new_order_result: str
    cancel_response: msgspec.Raw = msgspec.Raw(b"null")
    new_order_response: msgspec.Raw = msgspec.Raw(b"null")


class ReplaceRefusal(msgspec.Struct):
    """The same where a half failed."""

    data: ReplaceAnswer


class AccountTrade(msgspec.Struct, rename="camel"):
    """An element of myTrades."""

    symbol: str
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class Balance(msgspec.Struct):
    """An asset in `account`."""

    asset: str
    free: Decimal
    locked: Decimal


class Account(msgspec.Struct, rename="camel"):
    """GET account."""

    balances: list[Balance]
    can_trade: bool = True


class ServerTime(msgspec.Struct, rename="camel"):
    """GET time; milliseconds."""

    server_time: int


class Filter(msgspec.Struct, rename="camel"):
    """One filter of a symbol; which fields it has depends on its type."""

    filter_type: str
    tick_size: Decimal | None = None
    max_price: Decimal | None = None
    step_size: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    min_notional: Decimal | None = None
    notional: Decimal | None = None  # MIN_NOTIONAL of contracts


class Symbol(msgspec.Struct, rename="camel"):
    """One symbol of exchangeInfo."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[Filter]
    contract_type: str = ""
    margin_asset: str = ""


class ExchangeInfo(msgspec.Struct):
    """GET exchangeInfo."""

    symbols: list[Symbol]


class Price(msgspec.Struct, rename="camel"):
    """GET ticker/bookTicker of one symbol."""

    bid_price: Decimal
    bid_qty: Decimal
    ask_price: Decimal
    ask_qty: Decimal


class Envelope(msgspec.Struct):
    """A frame of a combined stream, or the reply to a SUBSCRIBE (no stream then)."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class BookTicker(msgspec.Struct):
    """<symbol>@bookTicker: the frame carries no time."""

    u: int
    s: str
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class TradeFrame(msgspec.Struct):
    """<symbol>@trade; `m`: the buyer was the maker."""

    E: int
    s: str
    t: int
    p: Decimal
    q: Decimal
    T: int
    m: bool


class Kline(msgspec.Struct):
    """The candle of a kline frame; `x`: it has ended."""

    t: int
    i: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 the venue's name of the low
    c: Decimal
    v: Decimal
    q: Decimal
    n: int
    x: bool


class KlineFrame(msgspec.Struct):
    """<symbol>@kline_<interval>."""

    s: str
    k: Kline


class KlineRow(msgspec.Struct, array_like=True):
    """One row of GET klines."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_ms: int
    quote_volume: Decimal
    trades: int


class PartialBook(msgspec.Struct, rename="camel"):
    """<symbol>@depth<levels>; it says neither its symbol nor its time."""

    last_update_id: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class ApiFrame(msgspec.Struct, rename="camel"):
    """Any frame of ws-api: a reply (`id`, `status`) or an event of a subscription."""

    id: str | int | None = None
    status: int = 0
    error: Error | None = None
    subscription_id: int | None = None
    event: msgspec.Raw = msgspec.Raw(b"")


class EventName(msgspec.Struct):
    """What kind of user event this is."""

    e: str


class ExecutionReport(msgspec.Struct, rename={"last_qty": "l"}):
    """executionReport. `c` is the id of the request that made it: on a cancel, the order's own id is `C`."""

    s: str
    c: str
    C: str
    S: str
    x: str
    X: str
    i: int
    last_qty: Decimal
    z: Decimal
    L: Decimal
    n: Decimal
    N: str | None
    T: int
    t: int
    m: bool
    r: str = ""
