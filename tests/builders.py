"""Small builders that every room's tests share: one BTC/USDT pair, its orders, quotes and trades."""

import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import strategies as st

from nightdesk.model.bars import INTERVALS_NS, Bar
from nightdesk.model.ids import (
    ClientOrderId,
    Epoch,
    InstrumentId,
    OrderKey,
    Seq,
    StrategyId,
    VenueId,
    encode_order_id,
)
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.order import (
    Execution,
    Intent,
    OrderReport,
    OrderType,
    Origin,
    ReportSource,
    Side,
    VenueStatus,
)
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.runtime.venue_clock import Reading, VenueClock

D = Decimal
BTCUSDT = InstrumentId("binance:BTCUSDT")
STRATEGY = StrategyId("s")
NOW = Wall(1_723_161_255_000_000_000)
SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).parents[2] / "shared"))


def shared(path: str) -> Path:
    """A file under NIGHTDESK_SHARED; the test is skipped without it, and fails where CI promised it."""
    found = SHARED / path
    if not found.exists():
        message = f"{found} is absent; set NIGHTDESK_SHARED"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def an_instrument(**changed: object) -> Instrument:
    """BTC/USDT with a cent's tick and a hundred-thousandth's lot."""
    made = Instrument(
        id=BTCUSDT,
        venue=VenueId("binance"),
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick=D("0.01"),
        lot=D("0.00001"),
        qty_min=D("0.00001"),
        qty_max=D(100),
        price_max=D(1_000_000),
        notional_min=D(5),
    )
    return msgspec.structs.replace(made, **changed)


def an_id(seq: int = 1, *, desk: int = 1, nonce: int = 1, epoch: int = 1) -> ClientOrderId:
    """A client order id of our desk."""
    key = OrderKey(desk=desk, nonce=nonce, epoch=Epoch(epoch), seq=Seq(seq), attempt=0)
    return encode_order_id(key)


def an_intent(**changed: object) -> Intent:
    """A buy of one at a hundred, to be refused by the venue after two seconds."""
    made = Intent(
        client_id=an_id(),
        strategy=STRATEGY,
        instrument=BTCUSDT,
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=D(1),
        price=D(100),
        deadline=Wall(NOW + 2 * SECOND_NS),
        origin=Origin.STRATEGY,
        inputs=None,
    )
    return msgspec.structs.replace(made, **changed)


def a_report(**changed: object) -> OrderReport:
    """The stream says that the order rests."""
    made = OrderReport(
        client_id=an_id(),
        venue_order_id="28",
        instrument=BTCUSDT,
        status=VenueStatus.WORKING,
        filled=D(0),
        venue_time=NOW,
        source=ReportSource.STREAM,
    )
    return msgspec.structs.replace(made, **changed)


def an_execution(**changed: object) -> Execution:
    """A trade of one at a hundred, without a fee."""
    made = Execution(
        client_id=an_id(),
        instrument=BTCUSDT,
        trade_id="1",
        side=Side.BUY,
        price=D(100),
        qty=D(1),
        fee=D(0),
        fee_asset="USDT",
        maker=False,
        venue_time=NOW,
    )
    return msgspec.structs.replace(made, **changed)


def a_quote(bid: str | Decimal = "100", ask: str | Decimal = "100.01", **changed: object) -> Quote:
    """Best bid and ask, received at time zero."""
    made = Quote(
        instrument=BTCUSDT,
        bid=D(bid),
        bid_qty=D(1),
        ask=D(ask),
        ask_qty=D(1),
        update_id=1,
        received=Mono(0),
    )
    return msgspec.structs.replace(made, **changed)


def a_bar(number: int = 0, interval: str = "1m", **changed: object) -> Bar:
    """The bar that began `number` intervals after the minute of `NOW`; at a hundred throughout."""
    length = INTERVALS_NS[interval]
    made = Bar(
        instrument=BTCUSDT,
        interval=interval,
        opened=Wall(NOW - NOW % length + number * length),
        open=D(100),
        high=D(100),
        low=D(100),
        close=D(100),
        volume=D(1),
        quote_volume=D(100),
        trades=1,
        received=Mono(0),
    )
    return msgspec.structs.replace(made, **changed)


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    """Exact decimals between two whole numbers, on a grid of `places` digits."""
    scale = 10**places
    return st.integers(low * scale, high * scale).map(lambda n: D(n).scaleb(-places))


def tell_time(clock: VenueClock, offset_ns: int = 0) -> int:
    """The venue told its time in no time, `offset_ns` ahead of ours; returns what `correct` does."""
    now, told = clock._mono(), Wall(clock._wall() + offset_ns - MS_NS // 2)
    clock.take(Reading(asked=now, heard=now, told=told))
    return clock.correct()
