"""Tables as Tardis publishes them: quotes and trades, of any venue, always with a header.

Owns their columns. Rows are in the order in which the recorder received them: `local_timestamp` is when a row
could be known, on the one clock that all its venues share; `timestamp` is the venue's own, and may go back.
Source: docs.tardis.dev, downloadable CSV files, as known 2026-11-21.
"""

from nightdesk.recordings.rows import Kind, Place, QuoteRow, TradeRow, price, quantity, stamp_us_ns
from nightdesk.recordings.table import Format


def quote(cells: list[str], place: Place) -> QuoteRow:
    """exchange, symbol, timestamp, local_timestamp, ask_amount, ask_price, bid_price, bid_amount."""
    at_ns = stamp_us_ns(cells[3])
    return QuoteRow(
        place=_placed(cells, place),
        at_ns=at_ns,
        made_ns=stamp_us_ns(cells[2]),
        serial=at_ns,
        bid=price(cells[6], "bid_price"),
        bid_quantity=quantity(cells[7], "bid_amount"),
        ask=price(cells[5], "ask_price"),
        ask_quantity=quantity(cells[4], "ask_amount"),
    )


def trade(cells: list[str], place: Place) -> TradeRow:
    """exchange, symbol, timestamp, local_timestamp, id, side, price, amount; `side` is the taker's."""
    if cells[5] not in ("buy", "sell"):
        raise ValueError(f"side {cells[5]!r} is neither buy nor sell")
    at_ns = stamp_us_ns(cells[3])
    return TradeRow(
        place=_placed(cells, place),
        at_ns=at_ns,
        made_ns=stamp_us_ns(cells[2]),
        serial=at_ns,
        price=price(cells[6], "price"),
        quantity=quantity(cells[7], "amount"),
        buyer_is_maker=cells[5] == "sell",
    )


def _placed(cells: list[str], place: Place) -> Place:
    symbol = "".join(filter(str.isalnum, cells[1])).upper()
    if not (cells[0] and symbol):
        raise ValueError(f"exchange {cells[0]!r} and symbol {cells[1]!r} name no market")
    return Place(file=place.file, line=place.line, venue=cells[0], symbol=symbol)


QUOTES = Format(
    name="Tardis quotes",
    kind=Kind.QUOTES,
    venue="",
    headers=frozenset(
        {"exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"}
    ),
    counts=frozenset({8}),
    parse=quote,
    numbered=False,
)
TRADES = Format(
    name="Tardis trades",
    kind=Kind.TRADES,
    venue="",
    headers=frozenset({"exchange,symbol,timestamp,local_timestamp,id,side,price,amount"}),
    counts=frozenset({8}),
    parse=trade,
    numbered=False,
)
