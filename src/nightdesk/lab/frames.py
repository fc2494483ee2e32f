"""Frames of the market streams, as text.

Owns the documented payload of each stream. Refuses dictionaries where it is hot: quotes,
depth and trades are written straight into text, since they are most of a venue's traffic.
"""

import msgspec

from nightdesk.lab.book import Book
from nightdesk.lab.market import BookTicker, DepthUpdate, Levels, Trade
from nightdesk.lab.orders import ZERO, text8
from nightdesk.lab.settings import MS_NS, SECOND_NS
from nightdesk.lab.tape import Candle, Tape
from nightdesk.lab.views import Json, Stamp

_DAY_NS = 86_400_000 * MS_NS


def quote(event: BookTicker) -> str:
    """`<symbol>@bookTicker`"""
    return (
        f'{{"u":{event.update_id},"s":"{event.symbol}",'
        f'"b":"{event.bid:.8f}","B":"{event.bid_quantity:.8f}",'
        f'"a":"{event.ask:.8f}","A":"{event.ask_quantity:.8f}"}}'
    )


def depth(event: DepthUpdate, stamp: Stamp) -> str:
    """`<symbol>@depth` and `<symbol>@depth@100ms`"""
    return (
        f'{{"e":"depthUpdate","E":{stamp(event.event_ns)},"s":"{event.symbol}",'
        f'"U":{event.first_id},"u":{event.last_id},'
        f'"b":{levels(event.bids)},"a":{levels(event.asks)}}}'
    )


def levels(rows: Levels) -> str:
    """Price levels as a JSON array of pairs."""
    pairs = [f'["{price:.8f}","{quantity:.8f}"]' for price, quantity in rows]
    return f"[{','.join(pairs)}]"


def partial_depth(book: Book, count: int) -> str:
    """`<symbol>@depth5`, 10 or 20, and the REST order book."""
    return (
        f'{{"lastUpdateId":{book.whole_id()},'
        f'"bids":{levels(book.bids.top(count))},"asks":{levels(book.asks.top(count))}}}'
    )


def trade(event: Trade, stamp: Stamp) -> str:
    """`<symbol>@trade`"""
    return (
        f'{{"e":"trade","E":{stamp(event.event_ns)},"s":"{event.symbol}","t":{event.trade_id},'
        f'"p":"{event.price:.8f}","q":"{event.quantity:.8f}","T":{stamp(event.trade_ns)},'
        f'"m":{boolean(event.buyer_is_maker)},"M":true}}'
    )


def aggregate_trade(event: Trade, stamp: Stamp) -> str:
    """`<symbol>@aggTrade`: here every trade is its own aggregate."""
    number = event.trade_id
    return (
        f'{{"e":"aggTrade","E":{stamp(event.event_ns)},"s":"{event.symbol}","a":{number},'
        f'"p":"{event.price:.8f}","q":"{event.quantity:.8f}","f":{number},"l":{number},'
        f'"T":{stamp(event.trade_ns)},"m":{boolean(event.buyer_is_maker)},"M":true}}'
    )


def boolean(value: bool) -> str:
    """As JSON writes it."""
    return "true" if value else "false"


def mini_ticker(tape: Tape, now_ns: int, stamp: Stamp) -> Json | None:
    """`<symbol>@miniTicker`; None before the first trade."""
    day = tape.day(now_ns)
    if day is None:
        return None
    return {
        "e": "24hrMiniTicker",
        "E": stamp(now_ns),
        "s": tape.symbol,
        "c": text8(day.close),
        "o": text8(day.open),
        "h": text8(day.high),
        "l": text8(day.low),
        "v": text8(day.volume),
        "q": text8(day.quote),
    }


def ticker(tape: Tape, book: Book, now_ns: int, stamp: Stamp) -> Json | None:
    """`<symbol>@ticker`; None before the first trade."""
    day, last = tape.day(now_ns), tape.last
    if day is None or last is None:
        return None
    bid, ask = best(book)
    return {
        "e": "24hrTicker",
        "E": stamp(now_ns),
        "s": tape.symbol,
        "p": text8(day.close - day.open),
        "P": change_percent(day),
        "w": text8(day.quote / day.volume),
        "x": text8(day.open),
        "c": text8(day.close),
        "Q": text8(last.quantity),
        "b": text8(bid[0]),
        "B": text8(bid[1]),
        "a": text8(ask[0]),
        "A": text8(ask[1]),
        "o": text8(day.open),
        "h": text8(day.high),
        "l": text8(day.low),
        "v": text8(day.volume),
        "q": text8(day.quote),
        "O": stamp(now_ns - _DAY_NS),
        "C": stamp(now_ns),
        "F": day.first_id,
        "L": day.last_id,
        "n": day.count,
    }


class KlineFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A candle as the stream tells it; `closed`: it is final."""

    symbol: str
    interval: str
    candle: Candle
    length_ns: int
    closed: bool


def kline(told: KlineFrame, now_ns: int, stamp: Stamp) -> Json:
    """`<symbol>@kline_<interval>`; candles are on the venue's clock already."""
    candle = told.candle
    # A stamp adds the clock's error of now: of candles only its unit is wanted.
    unit_ns = MS_NS if stamp(SECOND_NS) - stamp(0) < 10_000 else 1_000
    return {
        "e": "kline",
        "E": stamp(now_ns),
        "s": told.symbol,
        "k": {
            "t": candle.open_ns // unit_ns,
            "T": (candle.open_ns + told.length_ns) // unit_ns - 1,
            "s": told.symbol,
            "i": told.interval,
            "f": candle.first_id,
            "L": candle.last_id,
            "o": text8(candle.open),
            "c": text8(candle.close),
            "h": text8(candle.high),
            "l": text8(candle.low),
            "v": text8(candle.volume),
            "n": candle.count,
            "x": told.closed,
            "q": text8(candle.quote),
            "V": text8(candle.taker_buy_volume),
            "Q": text8(candle.taker_buy_quote),
            "B": "0",
        },
    }


def best(book: Book) -> Levels:
    """Best bid and best ask with their quantities; zeros where a side is empty."""
    nothing = ((ZERO, ZERO),)
    return (*(book.bids.top(1) or nothing), *(book.asks.top(1) or nothing))


def change_percent(day: Candle) -> str:
    """How much the price changed over the day, in percent."""
    return f"{(day.close - day.open) * 100 / day.open:.3f}"
