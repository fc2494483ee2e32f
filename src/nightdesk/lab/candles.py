"""Candles of any interval, on the venue's clock: what traded, minutes in which nothing did, what came before.

Owns how minutes become longer candles, and where candles begin. Refuses shapes: `public` and `frames`
write them. Where a minute saw no trade, its candle stands at the last close with no volume; the venue tells
it all the same.
"""

from collections.abc import Iterator

from nightdesk.lab.market import Market
from nightdesk.lab.tape import MINUTE_NS, SETTLE_NS, Candle, Tape, copied, merged

INTERVALS_NS = {
    name: minutes * MINUTE_NS
    for name, minutes in {
        "1m": 1,
        "3m": 3,
        "5m": 5,
        "15m": 15,
        "30m": 30,
        "1h": 60,
        "2h": 120,
        "4h": 240,
        "6h": 360,
        "8h": 480,
        "12h": 720,
        "1d": 1440,
    }.items()
}


def settled_ns(venue_ns: int, length_ns: int) -> int:
    """Where the first candle begins that may still change; everything before it is final."""
    at_ns = venue_ns - SETTLE_NS
    return at_ns - at_ns % length_ns


def between(
    tape: Tape, market: Market, length_ns: int, first_ns: int, last_ns: int
) -> list[Candle]:
    """The candles that open from `first_ns` to `last_ns`, both included, oldest first."""
    first_ns += -first_ns % length_ns
    if last_ns < first_ns:
        return []
    until_ns = last_ns - last_ns % length_ns + length_ns
    minutes = _minutes(tape, market, first_ns, until_ns)
    return list(merged(minutes, length_ns))


def _minutes(tape: Tape, market: Market, first_ns: int, until_ns: int) -> Iterator[Candle]:
    last = None
    for candle in _from(tape, market, first_ns):
        if candle.open_ns >= until_ns:
            break
        yield from _still(last, first_ns, candle.open_ns)
        if candle.open_ns >= first_ns:
            yield candle
        last = candle
    yield from _still(last, first_ns, until_ns)


def _from(tape: Tape, market: Market, first_ns: int) -> Iterator[Candle]:
    """What is known from the newest minute with trades before `first_ns` on."""
    known: list[Candle] = []
    for candle in reversed(tape.minutes):
        known.append(candle)
        if candle.open_ns <= first_ns:
            break
    else:
        yield from _before(tape, market, first_ns)
    yield from reversed(known)


def _still(last: Candle | None, first_ns: int, until_ns: int) -> Iterator[Candle]:
    """The minutes behind `last` in which nothing traded."""
    if last is None:
        return
    price = last.close
    for open_ns in range(max(last.open_ns + MINUTE_NS, first_ns), until_ns, MINUTE_NS):
        yield Candle(open_ns, price, price, price, price, -1, -1)


def _before(tape: Tape, market: Market, first_ns: int) -> Iterator[Candle]:
    """What the market tells of the time before it began, where nothing is forgotten in between."""
    began_ns = tape.began_ns
    if began_ns is None or tape.forgot:
        return
    # One more than asked for: a minute without trades stands at the close before it.
    count = max(0, (began_ns - first_ns) // MINUTE_NS) + 1
    rows = market.before(tape.symbol, count)
    for number, row in enumerate(rows):
        candle = Candle(
            began_ns - (len(rows) - number) * MINUTE_NS,
            row.open,
            row.high,
            row.low,
            row.close,
            -1,
            -1,
            volume=row.quantity,
            quote=row.quantity * row.close,
            count=row.trades,
        )
        yield copied(candle, candle.open_ns)
