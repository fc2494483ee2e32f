"""Tables as Binance Vision publishes them, spot and USD-M: 1m klines, trades, aggTrades, bookTicker.

Owns their columns. Spot files have no header, newer USD-M files have one; spot times are in microseconds
since 2025-01-01 and in milliseconds before, as those of USD-M still are. Source: the venue's repository
binance-public-data, as known 2026-11-21.
"""

from nightdesk.recordings.rows import (
    MINUTE_NS,
    BarRow,
    Kind,
    Place,
    QuoteRow,
    TradeRow,
    flag,
    price,
    quantity,
    stamp_ns,
    whole,
)
from nightdesk.recordings.table import Format

VENUE = "binance"
_MS_NS, _US_NS = 1_000_000, 1_000


def bar(cells: list[str], place: Place) -> BarRow:
    """open_time, open, high, low, close, volume, close_time, quote_volume, count, taker_buy_volume, …"""
    opened_ns, closed_ns = stamp_ns(cells[0]), stamp_ns(cells[6])
    # The last moment that still belongs to the bar, in the unit of the file.
    unit_ns = _US_NS if len(cells[6]) > len("1600000000000") else _MS_NS
    if opened_ns % MINUTE_NS or closed_ns + unit_ns != opened_ns + MINUTE_NS:
        raise ValueError(f"from {cells[0]} to {cells[6]} is not one whole minute")
    opened, high, low, closed = (
        price(text, what)
        for text, what in zip(cells[1:5], ("open", "high", "low", "close"), strict=True)
    )
    if high < low:
        raise ValueError(f"the high {high} is below the low {low}")
    if not (low <= opened <= high and low <= closed <= high):
        raise ValueError(f"open {opened} or close {closed} lies outside {low} to {high}")
    volume = quantity(cells[5], "volume", zero=True)
    if quantity(cells[9], "taker_buy_volume", zero=True) > volume:
        raise ValueError(f"takers bought {cells[9]} of a volume of {cells[5]}")
    quantity(cells[7], "quote_volume", zero=True)
    whole(cells[8], "count")
    return BarRow(
        place=place,
        at_ns=opened_ns + MINUTE_NS,
        open=opened,
        high=high,
        low=low,
        close=closed,
        volume=volume,
    )


def trade(cells: list[str], place: Place) -> TradeRow:
    """id, price, qty, quote_qty, time, is_buyer_maker, and on spot is_best_match."""
    return _trade(cells, place, time=4)


def agg_trade(cells: list[str], place: Place) -> TradeRow:
    """agg_trade_id, price, quantity, first_trade_id, last_trade_id, transact_time, is_buyer_maker, …"""
    if whole(cells[3], "first_trade_id") > whole(cells[4], "last_trade_id"):
        raise ValueError(f"the first trade {cells[3]} is behind the last {cells[4]}")
    return _trade(cells, place, time=5)


def _trade(cells: list[str], place: Place, *, time: int) -> TradeRow:
    at_ns = stamp_ns(cells[time])
    return TradeRow(
        place=place,
        at_ns=at_ns,
        made_ns=at_ns,
        serial=whole(cells[0], "id"),
        price=price(cells[1], "price"),
        quantity=quantity(cells[2], "quantity"),
        buyer_is_maker=flag(cells[time + 1], "is_buyer_maker"),
    )


def quote(cells: list[str], place: Place) -> QuoteRow:
    """update_id, best_bid_price, best_bid_qty, best_ask_price, best_ask_qty, transaction_time, event_time."""
    return QuoteRow(
        place=place,
        at_ns=stamp_ns(cells[6]),
        made_ns=stamp_ns(cells[5]),
        serial=whole(cells[0], "update_id"),
        bid=price(cells[1], "best_bid_price"),
        bid_quantity=quantity(cells[2], "best_bid_qty"),
        ask=price(cells[3], "best_ask_price"),
        ask_quantity=quantity(cells[4], "best_ask_qty"),
    )


KLINES = Format(
    name="Binance Vision 1m klines",
    kind=Kind.BARS,
    venue=VENUE,
    headers=frozenset(
        {
            "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
            "taker_buy_volume,taker_buy_quote_volume,ignore"
        }
    ),
    counts=frozenset({12}),
    parse=bar,
    numbered=True,
)
TRADES = Format(
    name="Binance Vision trades",
    kind=Kind.TRADES,
    venue=VENUE,
    headers=frozenset({"id,price,qty,quote_qty,time,is_buyer_maker"}),
    counts=frozenset({6, 7}),
    parse=trade,
    numbered=True,
)
AGG_TRADES = Format(
    name="Binance Vision aggTrades",
    kind=Kind.AGG_TRADES,
    venue=VENUE,
    headers=frozenset(
        {"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"}
    ),
    counts=frozenset({7, 8}),
    parse=agg_trade,
    numbered=True,
)
BOOK_TICKER = Format(
    name="Binance Vision bookTicker",
    kind=Kind.QUOTES,
    venue=VENUE,
    headers=frozenset(
        {
            "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,"
            "transaction_time,event_time"
        }
    ),
    counts=frozenset({7}),
    parse=quote,
    numbered=True,
)
