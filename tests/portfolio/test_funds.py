"""Funds: balances moved by trades, and what orders may still take."""

from decimal import localcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from builders import D, an_execution, an_id, decimals
from nightdesk.model.order import Side
from nightdesk.portfolio.funds import Funds, Hold

ASSETS = ["BTC", "USDT", "BNB"]
HOLDS = st.builds(Hold, asset=st.sampled_from(ASSETS), amount=decimals(0, 100, 5))
STEPS = st.lists(st.tuples(st.integers(1, 5), st.one_of(st.none(), HOLDS)), max_size=30)
TRADES = st.lists(
    st.builds(
        an_execution,
        side=st.sampled_from(Side),
        price=decimals(1, 1000, 2),
        qty=decimals(0, 10, 5),
        fee=decimals(-1, 1, 6),
        fee_asset=st.sampled_from(ASSETS),
    ),
    max_size=20,
)


@given(STEPS, st.dictionaries(st.sampled_from(ASSETS), decimals(0, 100, 5)))
def test_what_is_held_equals_a_sum_over_the_holds_made_anew(steps, balances):
    funds, holds = Funds(), {}
    funds.balances = dict(balances)
    for seq, hold in steps:
        funds.set_hold(an_id(seq), hold)
        holds[seq] = hold
        for asset in ASSETS:
            held = sum((h.amount for h in holds.values() if h and h.asset == asset), D(0))
            assert funds.held.get(asset, D(0)) == held
            assert funds.available(asset) == balances.get(asset, D(0)) - held


@given(TRADES)
def test_balances_move_as_a_purse_does(trades):
    funds = Funds()
    funds.balances = {"BTC": D(1), "USDT": D(1000)}
    purse = {"BTC": Fraction(1), "USDT": Fraction(1000), "BNB": Fraction(0)}
    for trade in trades:
        funds.trade(trade, "BTC", "USDT")
        sign = 1 if trade.side is Side.BUY else -1
        purse["BTC"] += sign * Fraction(trade.qty)
        purse["USDT"] -= sign * Fraction(trade.price) * Fraction(trade.qty)
        purse[trade.fee_asset] -= Fraction(trade.fee)
    assert {a: Fraction(funds.balances.get(a, D(0))) for a in ASSETS} == purse


def test_a_hold_may_move_to_another_asset():
    funds = Funds()
    funds.set_hold(an_id(1), Hold(asset="USDT", amount=D(100)))
    funds.set_hold(an_id(1), Hold(asset="BTC", amount=D(1)))
    assert funds.available("USDT") == 0
    assert funds.available("BTC") == -1


def test_a_hold_of_nothing_is_no_hold():
    funds = Funds()
    funds.set_hold(an_id(1), Hold(asset="USDT", amount=D(0)))
    assert funds.holds == {}


def test_an_asset_nobody_has_is_not_available():
    assert Funds().available("BTC") == 0


def test_balances_do_not_depend_on_the_threads_decimal_context():
    funds = Funds()
    with localcontext() as context:
        context.prec = 6
        funds.trade(an_execution(qty=D("1.23456789"), price=D("61837.63")), "BTC", "USDT")
    assert funds.balances == {"BTC": D("1.23456789"), "USDT": D("-76342.7523917007")}
