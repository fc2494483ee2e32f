"""Frames of the USD-M venue's market streams, as text.

Owns the documented payload of each stream. Quotes, depth and trades are written straight into text:
they are most of a venue's traffic.
"""

from decimal import Decimal

from nightdesk.lab.book import Book
from nightdesk.lab.frames import boolean
from nightdesk.lab.market import BookTicker, DepthUpdate, Levels, Trade
from nightdesk.lab.orders import text8
from nightdesk.lab.usdm.orders import PerpFill, PerpOrder
from nightdesk.lab.usdm.settings import PerpSettings
from nightdesk.lab.usdm.views import price, quantity
from nightdesk.lab.views import Json, Stamp


def quote(rules: PerpSettings, event: BookTicker, stamp: Stamp) -> str:
    """`<symbol>@bookTicker`"""
    at = stamp(event.at_ns)
    return (
        f'{{"e":"bookTicker","u":{event.update_id},"s":"{event.symbol}",'
        f'"b":"{price(rules, event.bid)}","B":"{quantity(rules, event.bid_quantity)}",'
        f'"a":"{price(rules, event.ask)}","A":"{quantity(rules, event.ask_quantity)}",'
        f'"T":{at},"E":{at}}}'
    )


def levels(rules: PerpSettings, rows: Levels) -> str:
    """Price levels as a JSON array of pairs."""
    pairs = [f'["{price(rules, p)}","{quantity(rules, q)}"]' for p, q in rows]
    return f"[{','.join(pairs)}]"


def depth(rules: PerpSettings, event: DepthUpdate, stamp: Stamp) -> str:
    """`<symbol>@depth` and its paces; `pu` is the last id of the update before."""
    at = stamp(event.event_ns)
    return (
        f'{{"e":"depthUpdate","E":{at},"T":{at},"s":"{event.symbol}",'
        f'"U":{event.first_id},"u":{event.last_id},"pu":{event.first_id - 1},'
        f'"b":{levels(rules, event.bids)},"a":{levels(rules, event.asks)}}}'
    )


def partial_depth(rules: PerpSettings, book: Book, count: int, at: int) -> str:
    """`<symbol>@depth5`, 10 or 20: the best levels in the shape of an update."""
    number = book.whole_id()
    return (
        f'{{"e":"depthUpdate","E":{at},"T":{at},"s":"{rules.symbol}",'
        f'"U":{number},"u":{number},"pu":{number},'
        f'"b":{levels(rules, book.bids.top(count))},"a":{levels(rules, book.asks.top(count))}}}'
    )


def rest_depth(rules: PerpSettings, book: Book, count: int, at: int) -> str:
    """The REST order book."""
    return (
        f'{{"lastUpdateId":{book.whole_id()},"E":{at},"T":{at},'
        f'"bids":{levels(rules, book.bids.top(count))},'
        f'"asks":{levels(rules, book.asks.top(count))}}}'
    )


def trade(rules: PerpSettings, event: Trade, stamp: Stamp) -> str:
    """`<symbol>@trade`"""
    return (
        f'{{"e":"trade","E":{stamp(event.event_ns)},"T":{stamp(event.trade_ns)},'
        f'"s":"{event.symbol}","t":{event.trade_id},"p":"{price(rules, event.price)}",'
        f'"q":"{quantity(rules, event.quantity)}","X":"MARKET",'
        f'"m":{boolean(event.buyer_is_maker)}}}'
    )


def aggregate_trade(rules: PerpSettings, event: Trade, stamp: Stamp) -> str:
    """`<symbol>@aggTrade`: here every trade is its own aggregate."""
    number = event.trade_id
    return (
        f'{{"e":"aggTrade","E":{stamp(event.event_ns)},"s":"{event.symbol}","a":{number},'
        f'"p":"{price(rules, event.price)}","q":"{quantity(rules, event.quantity)}",'
        f'"f":{number},"l":{number},"T":{stamp(event.trade_ns)},'
        f'"m":{boolean(event.buyer_is_maker)}}}'
    )


def mark_price(symbol: str, mark: Decimal, rate: Decimal, next_ms: int, at: int) -> Json:
    """`<symbol>@markPrice`; the index is the mark itself here."""
    shown = text8(mark)
    return {
        "e": "markPriceUpdate",
        "E": at,
        "s": symbol,
        "p": shown,
        "ap": shown,
        "P": shown,
        "i": shown,
        "r": text8(rate),
        "T": next_ms,
    }


def force_order(rules: PerpSettings, order: PerpOrder, fill: PerpFill, stamp: Stamp) -> Json:
    """`<symbol>@forceOrder`: somebody was liquidated."""
    at = stamp(fill.at_ns)
    return {
        "e": "forceOrder",
        "E": at,
        "o": {
            "s": order.symbol,
            "S": order.side,
            "o": "LIMIT",
            "f": "IOC",
            "q": quantity(rules, order.quantity),
            "p": price(rules, fill.price),
            "ap": price(rules, fill.price),
            "X": order.status,
            "l": quantity(rules, fill.quantity),
            "z": quantity(rules, order.executed),
            "T": at,
        },
    }
