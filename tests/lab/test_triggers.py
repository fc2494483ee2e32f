"""When a conditional order's price has come: the documents' own scenarios, and the law of prints."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.markets import trade
from nightdesk.lab.orders import ZERO, Order, OrderType, Side, StpMode, TimeInForce
from nightdesk.lab.triggers import Trigger, Waiting, is_met

D = Decimal
CONDITIONAL = [kind for kind in OrderType if kind.conditional]


def order(
    kind: OrderType, side: Side, stop: Decimal = ZERO, delta: int | None = None, number: int = 1
) -> Order:
    return Order(
        order_id=number,
        account="desk",
        symbol="BTCUSDT",
        client_order_id="a",
        side=side,
        type=kind,
        time_in_force=TimeInForce.GTC,
        price=D(1),
        quantity=D(1),
        quote_quantity=ZERO,
        stp=StpMode.NONE,
        strategy_id=None,
        strategy_type=None,
        created_ns=5,
        updated_ns=5,
        stop_price=stop,
        trailing_delta=delta,
    )


# Trailing stop FAQ, scenarios A to E: the prices it names; the last one triggers.
SCENARIOS = {
    "A": ("STOP_LOSS_LIMIT", "BUY", "44000", 500, "40000 37000 44000 45000 46000 42000 44100"),
    "B": ("STOP_LOSS_LIMIT", "SELL", "39000", 1000, "40000 41500 39000 37000 41000 36900"),
    "C": ("TAKE_PROFIT_LIMIT", "BUY", "38000", 850, "40000 42000 38000 37000 39000 38000 40145"),
    "D": (
        *("TAKE_PROFIT_LIMIT", "SELL", "42000", 750),
        "40000 41500 39000 42000 45000 44000 46500 43012.5",
    ),
    "E": ("STOP_LOSS_LIMIT", "SELL", "0", 700, "40000 42000 39500 45500 42315"),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_trailing_stop_goes_as_the_documents_tell(name: str) -> None:
    kind, side, stop, delta, path = SCENARIOS[name]
    first, *rest = (D(price) for price in path.split())
    waiting = Waiting(last={"BTCUSDT": first})
    waiting.add(order(OrderType(kind), Side(side), D(stop), delta), 5)
    told = [
        waiting.heard(trade(n, str(price), "1", buyer_is_maker=True, at_ns=9))[1]
        for n, price in enumerate(rest)
    ]
    assert told == [[]] * (len(rest) - 1) + [[1]]


@pytest.mark.parametrize(
    ("kind", "side", "meets", "short"),
    [
        (OrderType.STOP_LOSS, Side.BUY, "100", "99.99"),
        (OrderType.STOP_LOSS, Side.SELL, "100", "100.01"),
        (OrderType.TAKE_PROFIT, Side.BUY, "100", "100.01"),
        (OrderType.TAKE_PROFIT, Side.SELL, "100", "99.99"),
    ],
)
def test_a_stop_price_is_met_at_it_and_beyond(
    kind: OrderType, side: Side, meets: str, short: str
) -> None:
    assert Trigger(order(kind, side, D(100))).reached(D(meets))
    assert not Trigger(order(kind, side, D(100))).reached(D(short))


def test_a_trade_made_before_an_order_came_moves_nothing() -> None:
    waiting = Waiting()
    waiting.add(order(OrderType.STOP_LOSS, Side.SELL, D(100)), 5)
    assert waiting.heard(trade(1, "90", "1", buyer_is_maker=True, at_ns=4)) == ([], [])
    assert waiting.heard(trade(2, "90", "1", buyer_is_maker=True, at_ns=5)) == ([], [1])


def test_a_trade_that_was_there_before_an_order_waits_moves_nothing_at_the_same_instant() -> None:
    waiting = Waiting()
    waiting.add(order(OrderType.STOP_LOSS, Side.SELL, D(100)), 5, printed=1)
    assert waiting.heard(trade(1, "90", "1", buyer_is_maker=True, at_ns=5)) == ([], [])
    assert waiting.heard(trade(2, "90", "1", buyer_is_maker=True, at_ns=5)) == ([], [1])


def test_orders_are_reached_in_the_order_in_which_they_came() -> None:
    waiting = Waiting()
    for number, stop in ((1, 90), (2, 95), (3, 80)):
        waiting.add(order(OrderType.STOP_LOSS, Side.SELL, D(stop), number=number), 0)
    assert waiting.heard(trade(1, "85", "1", buyer_is_maker=True))[1] == [1, 2]
    assert waiting.has(order(OrderType.STOP_LOSS, Side.SELL, D(80), number=3))


prices = st.integers(9_000, 11_000).map(lambda cents: D(cents) / 100)


@given(
    st.sampled_from(CONDITIONAL),
    st.sampled_from(Side),
    st.one_of(st.just(ZERO), prices),
    st.sampled_from([None, 10, 100, 500]),
    st.lists(prices, max_size=30),
)
def test_a_trigger_needs_a_print_at_or_beyond_its_price(
    kind: OrderType, side: Side, stop: Decimal, delta: int | None, path: list[Decimal]
) -> None:
    if not stop and delta is None:
        delta = 100
    trigger = Trigger(order(kind, side, stop, delta))
    reached = [trigger.reached(price) for price in path]
    for number in [n for n, hit in enumerate(reached) if hit][:1]:
        seen = path[: number + 1]
        met = [n for n, price in enumerate(seen) if not stop or is_met(kind, side, stop, price)]
        assert met, "the stop price was never printed"
        if delta is None:
            assert met == [number]
            continue
        followed = seen[met[0] :]
        if side is Side.SELL:
            assert seen[-1] <= max(followed) * (10_000 - delta) / 10_000
        else:
            assert seen[-1] >= min(followed) * (10_000 + delta) / 10_000
