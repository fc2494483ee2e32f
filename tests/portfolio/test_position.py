"""A position against the simplest model there is: a purse of cash and of coins, in fractions."""

from decimal import localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import D, an_execution, decimals
from nightdesk.model.order import Side
from nightdesk.portfolio.position import Position

TRADES = st.lists(
    st.fixed_dictionaries(
        {
            "side": st.sampled_from(Side),
            "price": decimals(1, 1000, 2).filter(bool),
            "qty": decimals(0, 10, 5).filter(bool),
            "fee": decimals(-1, 1, 6),
            "fee_asset": st.sampled_from(["BTC", "USDT", "BNB"]),
        }
    ),
    max_size=15,
)


class Purse:
    """Cash and coins; nothing else. Fees of a third asset are outside."""

    def __init__(self):
        self.cash = Fraction(0)
        self.coins = Fraction(0)
        self.fees = {}

    def trade(self, side, price, qty, fee, fee_asset):
        self.cash -= side.sign * Fraction(price) * Fraction(qty)
        self.coins += side.sign * Fraction(qty)
        if fee_asset == "USDT":
            self.cash -= Fraction(fee)
        if fee_asset == "BTC":
            self.coins -= Fraction(fee)
        if fee:
            self.fees[fee_asset] = self.fees.get(fee_asset, Fraction(0)) + Fraction(fee)

    def worth(self, mark):
        return self.cash + self.coins * Fraction(mark)


class Ledger:
    """Average cost by the book, unrounded: what was earned by closing, before fees."""

    def __init__(self):
        self.held = Fraction(0)
        self.cost = Fraction(0)
        self.earned = Fraction(0)

    def move(self, signed, price):
        signed, price = Fraction(signed), Fraction(price)
        while signed:
            if self.held * signed >= 0:
                self.held += signed
                self.cost += signed * price
                return
            step = max(signed, -self.held) if signed < 0 else min(signed, -self.held)
            average = self.cost / self.held
            self.earned -= step * (price - average)
            self.cost += step * average
            self.held += step
            signed -= step


def fold(position, trade):
    execution = an_execution(**trade)
    position.fill(execution.side, execution.qty)
    position.trade(execution, "BTC", "USDT")


@given(TRADES, decimals(1, 1000, 2))
def test_profit_less_fees_is_the_change_of_the_purses_worth(trades, mark):
    position, purse = Position(), Purse()
    for trade in trades:
        fold(position, trade)
        purse.trade(**trade)
        net = position.realised + position.unrealised(mark) - position.fees_quote
        assert Fraction(net) == purse.worth(mark)


@given(TRADES)
def test_quantity_and_fees_are_the_purses(trades):
    position, purse = Position(), Purse()
    for trade in trades:
        fold(position, trade)
        purse.trade(**trade)
    assert Fraction(position.qty) == Fraction(position.priced) == purse.coins
    assert position.unpriced == 0
    assert {a: Fraction(f) for a, f in position.fees.items()} == purse.fees
    assert position.trades == len(trades)
    assert Fraction(position.volume) == sum(
        (Fraction(t["price"]) * Fraction(t["qty"]) for t in trades), Fraction(0)
    )


@given(TRADES)
def test_what_was_earned_follows_average_cost_to_eight_decimals_a_trade(trades):
    position, ledger = Position(), Ledger()
    for trade in trades:
        fold(position, trade)
        ledger.move(trade["side"].sign * trade["qty"], trade["price"])
        if trade["fee_asset"] == "BTC":
            ledger.move(-trade["fee"], trade["price"])
    slack = Fraction(2 * len(trades), 10**8)
    assert abs(Fraction(position.realised) - ledger.earned) <= slack
    assert abs(Fraction(position.cost) - ledger.cost) <= slack


@given(TRADES)
def test_a_flat_position_has_neither_cost_nor_average(trades):
    position = Position()
    for trade in trades:
        fold(position, trade | {"fee": D(0)})
    if position.qty:
        side = Side.SELL if position.qty > 0 else Side.BUY
        fold(position, {"side": side, "price": D(7), "qty": abs(position.qty)})
    assert (position.qty, position.priced, position.cost) == (0, 0, 0)
    assert position.average_price() is None
    assert position.unrealised(D(123)) == 0


@pytest.mark.parametrize(
    ("first", "second", "realised", "average"),
    [
        ((Side.BUY, "2", "100"), (Side.SELL, "5", "110"), "20", "110"),
        ((Side.SELL, "2", "100"), (Side.BUY, "5", "90"), "20", "90"),
        ((Side.BUY, "2", "100"), (Side.SELL, "5", "90"), "-20", "90"),
    ],
)
def test_a_flip_through_zero_books_the_old_side_and_opens_the_new_at_its_price(
    first, second, realised, average
):
    position = Position()
    for side, qty, price in (first, second):
        fold(position, {"side": side, "qty": D(qty), "price": D(price)})
    assert position.realised == D(realised)
    assert position.qty == first[0].sign * (D(2) - D(5))
    assert position.average_price() == D(average)


def test_adding_averages_and_closing_keeps_the_average():
    position = Position()
    fold(position, {"side": Side.BUY, "qty": D(1), "price": D(100)})
    fold(position, {"side": Side.BUY, "qty": D(1), "price": D(110)})
    assert position.average_price() == D(105)
    fold(position, {"side": Side.SELL, "qty": D("0.5"), "price": D(200)})
    assert position.average_price() == D(105)
    assert position.realised == D("47.5")
    assert position.unrealised(D(105)) == 0


def test_a_fee_in_the_base_asset_makes_the_position_smaller_and_costs_its_value():
    position = Position()
    fold(
        position,
        {"side": Side.BUY, "qty": D(1), "price": D(100), "fee": D("0.001"), "fee_asset": "BTC"},
    )
    assert position.qty == D("0.999")
    assert position.fees == {"BTC": D("0.001")}
    assert position.fees_quote == D("0.1")
    assert position.realised == 0


def test_a_fee_in_a_third_asset_is_reported_and_touches_nothing_else():
    position = Position()
    fold(
        position,
        {"side": Side.BUY, "qty": D(1), "price": D(100), "fee": D("0.01"), "fee_asset": "BNB"},
    )
    assert position.fees == {"BNB": D("0.01")}
    assert (position.qty, position.fees_quote, position.realised) == (1, 0, 0)


def test_quantity_without_its_trade_is_unpriced_and_earns_nothing_yet():
    position = Position()
    position.fill(Side.BUY, D(3))
    assert (position.qty, position.unpriced) == (3, 3)
    assert position.unrealised(D(1000)) == 0
    position.trade(an_execution(qty=D(1)), "BTC", "USDT")
    assert position.unpriced == 2
    position.fill(Side.SELL, D(4))
    assert (position.qty, position.unpriced) == (-1, -2)


def test_a_fold_does_not_depend_on_the_threads_decimal_context():
    def folded():
        position = Position()
        for side, qty, price in (
            (Side.BUY, "1.23456789", "61837.63"),
            (Side.SELL, "0.12345678", "61901.17"),
        ):
            fold(position, {"side": side, "qty": D(qty), "price": D(price)})
        return (position.qty, position.priced, position.cost, position.realised)

    expected = folded()
    with localcontext() as context:
        context.prec = 6  # what one line of a strategy, or a library it imports, can set
        assert folded() == expected


@pytest.mark.parametrize(
    ("taken", "left"),
    [("-1", (2, 2, 200)), ("-3", (0, 0, 0)), ("-4", (-1, 0, 0)), ("1", (4, 3, 300))],
)
def test_what_somebody_else_closed_leaves_at_its_cost(taken, left):
    position = Position()
    fold(
        position,
        {"side": Side.BUY, "qty": D(3), "price": D(100), "fee": D(0), "fee_asset": "USDT"},
    )
    position.taken(D(taken))
    assert (position.qty, position.priced, position.cost) == left
    assert position.earned == 0
