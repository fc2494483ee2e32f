"""The grid: two orders where the position stands, whatever happened before."""

from decimal import Decimal
from random import Random

import pytest

from builders import BTCUSDT, NOW, STRATEGY, D, a_quote, an_instrument
from nightdesk.model.order import Side
from nightdesk.strategy.examples.grid import Grid
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market, Place, Started
from nightdesk.strategy.prepare import prepare

PARAMS = {"size": "1", "step_bps": 100, "levels": 2}


def placed(
    held: str, bid: str = "99.99", ask: str = "100.01", **params: object
) -> dict[Side, Decimal]:
    """Which orders a grid with its anchor at 100 wants while it holds so much."""
    strategy = prepare(Grid, PARAMS | params, None)
    strategy.state.anchor[BTCUSDT] = D(100)
    host = Host(STRATEGY, strategy, {BTCUSDT: an_instrument()}, Random(1))
    host.handle(Started(at=NOW, positions={BTCUSDT: D(held)}, orders=()))
    proposal = host.handle(Market(at=NOW, event=a_quote(bid, ask)))
    assert not proposal.crash
    return {a.side: a.price for a in proposal.actions if isinstance(a, Place)}


@pytest.mark.parametrize(
    ("held", "orders"),
    [
        ("0", {Side.BUY: D(99)}),
        ("1", {Side.BUY: D(98), Side.SELL: D(100)}),
        ("0.999", {Side.BUY: D(98), Side.SELL: D(100)}),
        ("2", {Side.SELL: D(99.99).quantize(D("0.01"))}),
    ],
)
def test_the_position_says_which_orders_belong_there(
    held: str, orders: dict[Side, Decimal]
) -> None:
    assert placed(held) == orders


def test_both_ways_it_owes_above_the_anchor() -> None:
    assert placed("0", both_ways=True) == {Side.BUY: D(99), Side.SELL: D(101)}
    assert placed("-2", both_ways=True) == {Side.BUY: D("100.01")}


def test_a_level_that_the_market_has_passed_is_taken_at_the_touch() -> None:
    assert placed("0", "97.99", "98.00") == {Side.BUY: D(98)}
