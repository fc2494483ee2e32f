"""Who trades with whom: queues, touches, trades through, and orders against orders."""

from decimal import Decimal

import msgspec

from lab.markets import ASKS, BIDS, depth, quote, snapshot, trade
from nightdesk.lab.matching import Matcher, Taking, spendable
from nightdesk.lab.orders import Side, StpMode

D = Decimal


def matcher() -> Matcher:
    made = Matcher()
    made.on_snapshot(snapshot(BIDS, ASKS))
    return made


def taking(side: Side, quantity: str, limit: str | None = None, **more: object) -> Taking:
    fields = {"order_id": 9, "account": "desk", "stp": StpMode.NONE} | more
    price = None if limit is None else D(limit)
    return Taking(side=side, remaining=D(quantity), limit=price, **fields)  # type: ignore[arg-type]


def test_a_resting_order_joins_behind_the_quantity_already_there() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("99.00"), D(1))
    assert m.queue_ahead(1) == D(1)
    m.rest(2, "desk", Side.BUY, D("99.50"), D(1))
    assert m.queue_ahead(2) == 0


def test_trades_at_its_price_eat_the_queue_first_and_then_fill_it_partially() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("99.00"), D(2))
    assert m.on_trade(trade(1, "99.00", "0.6", buyer_is_maker=True)) == []
    first = m.on_trade(trade(2, "99.00", "1", buyer_is_maker=True))
    assert [(c.price, c.quantity, c.maker) for c in first] == [(D("99.00"), D("0.6"), 1)]
    rest = m.on_trade(trade(3, "99.00", "5", buyer_is_maker=True))
    assert [c.quantity for c in rest] == [D("1.4")]
    assert m.queue_ahead(1) is None


def test_a_touch_does_not_fill() -> None:
    m = matcher()
    m.rest(1, "desk", Side.SELL, D("101.00"), D(1))
    touches = [quote(n, ("99.00", "1"), ("101.00", f"{n}")) for n in range(2, 40)]
    assert [m.on_quote(q) for q in touches] == [[]] * len(touches)
    assert m.queue_ahead(1) == D(1)


def test_trades_of_the_other_side_at_its_price_do_not_fill() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("100.00"), D(1))
    assert m.on_trade(trade(1, "100.00", "3", buyer_is_maker=False)) == []


def test_a_trade_through_its_price_fills_it_whole_at_its_own_price() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("99.00"), D(5))
    crosses = m.on_trade(trade(1, "98.99", "0.001", buyer_is_maker=True))
    assert [(c.price, c.quantity) for c in crosses] == [(D("99.00"), D(5))]


def test_a_book_that_moves_through_its_price_fills_it_whole() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("100.00"), D(5))
    assert m.on_quote(quote(2, ("99.00", "1"), ("100.00", "1"))) == []
    crosses = m.on_quote(quote(3, ("99.00", "1"), ("99.99", "1")))
    assert [(c.price, c.quantity) for c in crosses] == [(D("100.00"), D(5))]


def test_cancels_by_others_shorten_the_queue_only_as_far_as_the_level_shrinks_below_it() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("98.00"), D(1))
    m.on_depth(depth(2, bids=[("98.00", "5")]))
    assert m.queue_ahead(1) == D(2)
    m.on_depth(depth(3, bids=[("98.00", "2.5")]))
    assert m.queue_ahead(1) == D(2)
    m.on_depth(depth(4, bids=[("98.00", "0.5")]))
    assert m.queue_ahead(1) == D("0.5")


def test_a_shrinking_told_before_its_trade_does_not_count_twice() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("99.00"), D(1))
    m.on_quote(quote(2, ("99.00", "0.4"), ("101.00", "1")))
    assert m.queue_ahead(1) == D("0.4")
    assert m.on_trade(trade(1, "99.00", "0.6", buyer_is_maker=True)) == []
    assert m.queue_ahead(1) == D("0.4")
    assert [c.quantity for c in m.on_trade(trade(2, "99.00", "0.5", buyer_is_maker=True))] == [
        D("0.1")
    ]


def test_two_clients_at_one_price_fill_in_the_order_they_came() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("99.00"), D("0.5"))
    m.rest(2, "other", Side.BUY, D("99.00"), D("0.5"))
    crosses = m.on_trade(trade(1, "99.00", "1.7", buyer_is_maker=True))
    assert [(c.maker, c.quantity) for c in crosses] == [(1, D("0.5")), (2, D("0.2"))]


def test_a_taker_walks_the_levels_and_each_level_is_a_trade() -> None:
    m = matcher()
    buy = taking(Side.BUY, "2.5", "102.00")
    m.take(buy)
    assert [(c.price, c.quantity) for c in buy.crosses] == [
        (D("101.00"), D(1)),
        (D("102.00"), D("1.5")),
    ]
    assert buy.remaining == 0


def test_what_was_taken_stays_taken_until_the_market_updates_the_level() -> None:
    m = matcher()
    m.take(taking(Side.BUY, "1", "101.00"))
    m.on_quote(quote(2, ("99.00", "2"), ("101.00", "1")))
    again = taking(Side.BUY, "1", "101.00")
    m.take(again)
    assert again.crosses == []
    m.on_quote(quote(3, ("99.00", "2"), ("101.00", "0.7")))
    m.take(again)
    assert [c.quantity for c in again.crosses] == [D("0.7")]


def test_liquidity_a_client_has_taken_does_not_count_as_a_book_moving_through() -> None:
    m = matcher()
    buy = taking(Side.BUY, "4", "101.50")
    m.take(buy)
    m.rest(9, "desk", Side.BUY, D("101.50"), buy.remaining)
    assert m.on_quote(quote(2, ("99.00", "7"), ("101.00", "1"))) == []


def test_clients_match_each_other_by_price_and_then_time_behind_the_queue() -> None:
    m = matcher()
    m.rest(1, "other", Side.SELL, D("101.00"), D(1))
    m.rest(2, "other", Side.SELL, D("100.50"), D(1))
    buy = taking(Side.BUY, "3.5", "101.00")
    m.take(buy)
    assert [(c.price, c.quantity, c.maker) for c in buy.crosses] == [
        (D("100.50"), D(1), 2),
        (D("101.00"), D(1), None),
        (D("101.00"), D(1), 1),
    ]
    assert buy.remaining == D("0.5")


def test_self_trade_prevention_expires_whom_its_mode_names() -> None:
    for mode, stopped, maker_left in (
        (StpMode.EXPIRE_TAKER, True, True),
        (StpMode.EXPIRE_MAKER, False, False),
        (StpMode.EXPIRE_BOTH, True, False),
    ):
        m = matcher()
        m.rest(1, "desk", Side.SELL, D("100.50"), D(1))
        buy = taking(Side.BUY, "1", "101.00", stp=mode)
        m.take(buy)
        assert buy.stopped is stopped
        assert (m.queue_ahead(1) is not None) is maker_left
        assert [c.maker for c in buy.clashes] == [1]
        assert all(c.maker is None for c in buy.crosses)


def test_without_prevention_an_account_trades_with_itself() -> None:
    m = matcher()
    m.rest(1, "desk", Side.SELL, D("100.50"), D(1))
    buy = taking(Side.BUY, "1", "101.00")
    m.take(buy)
    assert [c.maker for c in buy.crosses] == [1]


def test_a_limit_maker_would_take_when_it_reaches_the_other_side() -> None:
    m = matcher()
    assert m.would_take(Side.BUY, D("101.00"))
    assert not m.would_take(Side.BUY, D("100.99"))
    assert m.would_take(Side.SELL, D("99.00"))


def test_spendable_is_whole_steps_and_never_more_than_the_amount() -> None:
    offers = [(D("100"), D(1)), (D("110"), D(1))]
    assert spendable(offers, D("155"), D("0.1")) == D("1.5")
    assert spendable(offers, D("154.99"), D("0.1")) == D("1.4")
    assert spendable(offers, D("10000"), D("0.1")) == D(2)
    assert spendable([], D("1"), D("0.1")) == 0


def test_a_trade_older_than_an_order_does_not_fill_it() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("99.50"), D(1), since_ns=10)
    m.rest(2, "desk", Side.BUY, D("99.40"), D(1), since_ns=5)
    m.rest(3, "desk", Side.BUY, D("99.45"), D(1), since_ns=11)
    made = msgspec.structs.replace(trade(1, "99.45", "5", buyer_is_maker=True), trade_ns=10)
    assert [(c.maker, c.quantity) for c in m.on_trade(made)] == [(1, 1)]
    through = msgspec.structs.replace(made, price=D("98.00"))
    assert [c.maker for c in m.on_trade(through)] == [2]


def test_a_trade_that_says_nothing_of_the_queue_fills_only_what_stood_better() -> None:
    m = matcher()
    m.rest(1, "desk", Side.BUY, D("99.50"), D(1))
    m.rest(2, "desk", Side.BUY, D("99.40"), D(1))
    told = msgspec.structs.replace(trade(1, "99.40", "5", buyer_is_maker=True), touches=False)
    assert [c.maker for c in m.on_trade(told)] == [1]
