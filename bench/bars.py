"""What a bar costs a strategy: from the stream's frame to the end of its handler, with 500 bars of history."""

import time
from decimal import Decimal
from random import Random

import msgspec

from bench.measure import Figure, Run, spread
from bench.strategies import Averaging
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.time import Mono, Wall
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market, Started
from nightdesk.strategy.prepare import prepare
from nightdesk.strategy.series import ENDED_NS, Series
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot

BTCUSDT = InstrumentId("binance:BTCUSDT")
FIRST_MS = 1_723_161_240_000
KEEP = 500
RULES = {
    BTCUSDT: Instrument(
        id=BTCUSDT,
        venue=VenueId("binance"),
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.00001"),
        qty_min=Decimal("0.00001"),
        qty_max=Decimal(9000),
        price_max=Decimal(1_000_000),
        notional_min=Decimal(5),
    )
}


def measure(run: Run) -> list[Figure]:
    """Run it."""
    count = run.pick(20_000, 4_000)
    codec = BinanceSpot(VenueId("binance"), HmacSigner("key", "secret"), {"BTCUSDT": BTCUSDT})
    host = Host(StrategyId("s"), prepare(Averaging, {}, None), RULES, Random(1))
    ((of, keep),) = host.wants.items()
    series = Series(of, keep)
    series.answered([], Wall(FIRST_MS * 1_000_000 + ENDED_NS))
    host.handle(Started(at=Wall(0), positions={}, orders=()))
    taken: list[int] = []
    for number in range(KEEP + count):
        frame = _frame(number)
        began = time.perf_counter_ns()
        bar = codec.market(frame, Mono(0))
        for told in series.heard(bar):  # type: ignore[arg-type]  # the frame is a bar's
            host.handle(Market(at=told.ends, event=told))
        taken.append(time.perf_counter_ns() - began)
    assert not host.crashed, host.crashed
    assert len(series.history) == KEEP, "every frame was told on"
    return [spread(f"a bar with {KEEP} bars of history, mean of closes", taken[KEEP:])]


def _frame(number: int) -> bytes:
    price = f"{60_000 + number % 997}.01000000"
    candle = {
        "t": FIRST_MS + number * 60_000,
        "s": "BTCUSDT",
        "i": "1m",
        **dict.fromkeys(("o", "c", "h", "l"), price),
        **dict.fromkeys(("v", "q"), "12.34500000"),
        "n": 42,
        "x": True,
    }
    data = {"e": "kline", "s": "BTCUSDT", "k": candle}
    return msgspec.json.encode({"stream": "btcusdt@kline_1m", "data": data})
