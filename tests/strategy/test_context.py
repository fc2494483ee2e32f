"""What a handler may ask: sizes it can afford, equity it has, timers it set."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given

from builders import BTCUSDT, NOW, STRATEGY, D, a_bar, a_quote, an_instrument, decimals
from nightdesk.model import money
from nightdesk.model.bars import BarsOf
from nightdesk.model.market import Book
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.strategy.api import Bars, Depth, Strategy
from nightdesk.strategy.context import HostContext
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Holding, Market, Started
from nightdesk.strategy.prepare import prepare


def a_context(capital: str | None = "1000", quoted: bool = True) -> HostContext:
    ctx = HostContext(
        {BTCUSDT: an_instrument()}, Random(1), None if capital is None else D(capital)
    )
    ctx.now = NOW
    if quoted:
        ctx.quotes[BTCUSDT] = a_quote("100", "101")
    return ctx


def test_sizes_are_on_the_grid_and_never_more_than_asked_for() -> None:
    ctx = a_context()
    assert ctx.size(BTCUSDT, base=D("0.1234567")) == D("0.12345")
    assert ctx.size(BTCUSDT, quote=D(50)) == D("0.49504")
    assert ctx.size(BTCUSDT, quote=D(50), price=D(100)) == D("0.5")
    assert ctx.size(BTCUSDT, equity_pct=D("2.5")) == D("0.24752")


@given(decimals(0, 10**6, 6), decimals(1, 10**5, 2))
def test_what_is_sized_by_quote_is_affordable_and_one_lot_more_is_not(
    amount: Decimal, price: Decimal
) -> None:
    instrument = an_instrument(qty_max=D(10**8), notional_min=D(0))
    ctx = HostContext({BTCUSDT: instrument}, Random(1))
    qty = ctx.size(BTCUSDT, quote=amount, price=price)
    assert money.is_multiple(qty, instrument.lot)
    assert qty * price <= amount
    assert (qty + instrument.lot) * price > amount or qty == 0


def test_what_the_venue_would_not_take_is_nothing() -> None:
    ctx = a_context()
    assert ctx.size(BTCUSDT, quote=D("4.99")) == 0
    assert ctx.size(BTCUSDT, base=D("0.000001")) == 0
    assert ctx.size(BTCUSDT, base=D(10**6)) == D(100), "the venue's largest"


def test_without_a_price_only_base_can_be_sized() -> None:
    ctx = a_context(quoted=False)
    assert ctx.size(BTCUSDT, quote=D(50)) == 0
    assert ctx.size(BTCUSDT, base=D(1)) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "give one of base, quote and equity_pct"),
        ({"base": D(1), "quote": D(1)}, "give one of"),
        ({"quote": D(-1)}, "quote must not be negative"),
        ({"quote": 5.0}, "quote must be a Decimal"),
    ],
)
def test_what_cannot_be_sized_is_the_strategys_mistake(
    given: dict[str, object], words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        a_context().size(BTCUSDT, **given)


def test_equity_is_capital_and_what_was_made_of_it_at_prices_that_close_it() -> None:
    ctx = a_context()
    ctx.holdings[BTCUSDT] = Holding(priced=D(2), cost=D(190), earned=D("-3.5"))
    assert ctx.equity() == D(1000) + D(10) - D("3.5")
    ctx.holdings[BTCUSDT] = Holding(priced=D(-2), cost=D(-190), earned=D(0))
    assert ctx.equity() == D(1000) - D(12)


def test_equity_is_unknown_while_something_held_has_no_price() -> None:
    ctx = a_context(quoted=False)
    assert ctx.equity() == 1000
    ctx.holdings[BTCUSDT] = Holding(priced=D(2), cost=D(190))
    assert ctx.equity() is None
    assert ctx.size(BTCUSDT, equity_pct=D(1), price=D(100)) == 0


def test_without_capital_equity_says_what_to_write() -> None:
    with pytest.raises(ValueError, match="add capital"):
        a_context(None).size(BTCUSDT, equity_pct=D(1))


class Declaring(Strategy):
    """Wants two series."""

    def declare(self):
        return [Bars("1m", warm_up=2), Bars("1h", instrument=BTCUSDT)]

    def on_start(self, ctx):
        self.seen = [bar.close for bar in ctx.bars(BTCUSDT, "1m")]
        self.told = []

    def on_bar(self, ctx, bar):
        self.told.append((bar, len(ctx.bars(BTCUSDT, bar.interval))))


def a_host() -> Host:
    return Host(STRATEGY, prepare(Declaring, {}, None), {BTCUSDT: an_instrument()}, Random(1))


def test_history_is_there_at_the_start_and_each_bar_before_its_handler() -> None:
    host = a_host()
    assert host.wants == {BarsOf(BTCUSDT, "1m"): 2, BarsOf(BTCUSDT, "1h"): 1}
    history = (a_bar(0, close=D(1)), a_bar(1, close=D(2)))
    host.handle(Started(at=NOW, positions={}, orders=(), history=history))
    assert host.strategy.seen == [1, 2]
    host.handle(Market(at=NOW, event=a_bar(2)))
    assert host.strategy.told == [(a_bar(2), 2)]


def test_bars_that_were_not_declared_are_named_with_what_to_declare() -> None:
    host = a_host()
    host.handle(Started(at=NOW, positions={}, orders=()))
    with pytest.raises(ValueError, match=r"5m were not declared .*1m, .*1h.*Bars\('5m'"):
        host.ctx.bars(BTCUSDT, "5m")


def test_the_book_of_a_context_is_the_latest_and_none_before_the_first() -> None:
    kind = type("Deep", (Strategy,), {"declare": lambda self: [Depth(5)]})
    host = Host(STRATEGY, prepare(kind, {}, None), {BTCUSDT: an_instrument()}, Random(1))
    host.handle(Started(at=NOW, positions={}, orders=()))
    assert host.ctx.book(BTCUSDT) is None
    book = Book(instrument=BTCUSDT, bids=(), asks=(), update_id=1, received=0)
    host.handle(Market(at=NOW, event=book))
    assert host.ctx.book(BTCUSDT) is book
    host.revive(None)
    assert host.ctx.book(BTCUSDT) is None


def test_depth_that_was_not_declared_is_named_with_what_to_declare() -> None:
    with pytest.raises(ValueError, match=r"BTCUSDT was not declared .*none\).*Depth\(10\)"):
        a_host().ctx.book(BTCUSDT)


def test_a_timer_for_a_moment_fires_once_and_one_that_passed_at_once() -> None:
    host = a_host()
    host.ctx.now = NOW
    host.ctx.at("soon", Wall(NOW + SECOND_NS))
    host.ctx.at("past", Wall(NOW - SECOND_NS))
    assert host.due(NOW) == ["past"]
    assert host.due(Wall(NOW + SECOND_NS)) == ["soon"]
    assert host.due(Wall(NOW + 10 * SECOND_NS)) == []


def test_an_aligned_timer_fires_at_whole_multiples() -> None:
    host, hour = a_host(), 3600 * SECOND_NS
    host.ctx.now = NOW
    host.ctx.every("hour", hour, aligned=True)
    full = Wall(NOW - NOW % hour + hour)
    assert host.due(Wall(full - 1)) == []
    assert host.due(full) == ["hour"]
    assert host.due(Wall(full + hour)) == ["hour"]


def test_a_stopped_timer_does_not_fire() -> None:
    host = a_host()
    host.ctx.every("beat", 1)
    host.ctx.stop_timer("beat")
    host.ctx.stop_timer("never set")
    assert host.due(NOW) == []
