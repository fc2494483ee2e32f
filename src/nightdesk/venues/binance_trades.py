"""Binance's prints of the past, by the ids that the streams count: GET historicalTrades of spot, whose `trade`
stream tells each trade, and GET aggTrades of USD-M, whose `aggTrade` stream tells them joined.

Sources: rest-api.md, "Old trade lookup", and the USD-M page "Compressed/Aggregate Trades List" ("fromId: ID to
get aggregate trades from INCLUSIVE"), read 2026-11-22.
"""

from decimal import Decimal
from urllib.parse import quote

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import Trade
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.venues import binance_wire as wire


class PastTrade(msgspec.Struct, rename="camel"):
    """A row of spot's."""

    id: int
    price: Decimal
    qty: Decimal
    time: int
    is_buyer_maker: bool


class PastAggTrade(msgspec.Struct):
    """A row of USD-M's."""

    a: int
    p: Decimal
    q: Decimal
    T: int
    m: bool


def query(symbol: str, from_id: int, count: int) -> str:
    """Of the first `count` trades from this id on."""
    return f"symbol={quote(symbol, safe='')}&fromId={from_id}&limit={count}"


def of_spot(rows: list[PastTrade], instrument: InstrumentId, received: Mono) -> list[Trade]:
    """Spot's rows as trades."""
    told = ((r.id, r.price, r.qty, r.time, r.is_buyer_maker) for r in rows)
    return [_trade(instrument, received, *each) for each in told]


def of_usdm(rows: list[PastAggTrade], instrument: InstrumentId, received: Mono) -> list[Trade]:
    """USD-M's."""
    return [_trade(instrument, received, r.a, r.p, r.q, r.T, r.m) for r in rows]


def _trade(
    instrument: InstrumentId,
    received: Mono,
    trade_id: int,
    price: Decimal,
    qty: Decimal,
    time_ms: int,
    buyer_is_maker: bool,
) -> Trade:
    return Trade(
        instrument=instrument,
        trade_id=trade_id,
        price=wire.amount(price),
        qty=wire.amount(qty),
        buyer_is_maker=buyer_is_maker,
        received=received,
        venue_time=Wall(time_ms * MS_NS),
    )
