"""The gate: every rule at its limit and one step beyond, and the worst case that never passes a limit."""

from decimal import localcontext

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import D, an_instrument, an_intent
from nightdesk.model.order import Side
from nightdesk.risk.gate import Approved, Refused, check, reduces, weigh
from nightdesk.risk.limits import Limits, View

LIMITS = Limits(
    order_qty_max=D(5),
    order_notional_max=D(1_000),
    position_max=D(10),
    gross_max=D(5_000),
    open_orders_max=4,
    orders_per_second_max=3,
    collar_bps=D(100),
    stale_after_ns=1_000_000,
    duplicate_window_ns=2_000_000,
)
VIEW = View(
    instrument=an_instrument(),
    position=D(0),
    buying=D(0),
    selling=D(0),
    gross_elsewhere=D(0),
    open_orders=0,
    orders_last_second=0,
    same_order_age_ns=None,
    bid=D(100),
    ask=D(100),
    quote_age_ns=0,
    available_base=D(100),
    available_quote=D(100_000),
    may_add_risk=True,
    may_reduce=True,
    mode="NORMAL",
)


def judge(order=None, view=None, limits=None):
    return check(
        an_intent(**(order or {})),
        msgspec.structs.replace(LIMITS, **(limits or {})),
        msgspec.structs.replace(VIEW, **(view or {})),
    )


SELL = {"side": Side.SELL}
# rule | what stands exactly at the limit | what is one step beyond | words of the refusal: limit, value
ROWS = [
    ("mode", {}, {"view": {"may_add_risk": False, "mode": "HALTED"}}, "NORMAL", "HALTED"),
    (
        "stale",
        {"view": {"quote_age_ns": 1_000_000}},
        {"view": {"quote_age_ns": 1_000_001}},
        "1 ms",
        "1 ms",
    ),
    ("stale", {}, {"view": {"quote_age_ns": None}}, "1 ms", "no quote yet"),
    ("filter", {"order": {"qty": D("0.05")}}, {"order": {"qty": D("0.04999")}}, "filters", "4.999"),
    ("order_qty", {"order": {"qty": D(5)}}, {"order": {"qty": D("5.00001")}}, "5", "5.00001"),
    (
        "order_notional",
        {"order": {"qty": D(4)}, "limits": {"order_notional_max": D(400)}},
        {"order": {"qty": D("4.00001")}, "limits": {"order_notional_max": D(400)}},
        "400",
        "400.001",
    ),
    (
        "collar",
        {"order": {"price": D(101)}},
        {"order": {"price": D("101.01")}},
        "100 bps",
        "101 bps",
    ),
    ("collar", {"order": {"price": D(99)}}, {"order": {"price": D("98.99")}}, "100 bps", "101 bps"),
    (
        "collar",
        {"order": {**SELL, "price": D(99)}},
        {"order": {**SELL, "price": D("98.99")}},
        "100 bps",
        "101 bps",
    ),
    (
        "position",
        {"view": {"position": D(9)}},
        {"view": {"position": D("9.00001")}},
        "10",
        "10.00001",
    ),
    ("position", {"view": {"buying": D(9)}}, {"view": {"buying": D("9.00001")}}, "10", "10.00001"),
    (
        "position",
        {"view": {"position": D(4), "buying": D(5), "selling": D(4)}},
        {"view": {"position": D(4), "buying": D("5.00001"), "selling": D(4)}},
        "10",
        "10.00001",
    ),
    (
        "position",
        {"order": SELL, "view": {"position": D(-9)}},
        {"order": SELL, "view": {"position": D("-9.00001")}},
        "10",
        "10.00001",
    ),
    (
        "position",
        {"order": SELL, "view": {"position": D(2), "selling": D(11)}},
        {"order": SELL, "view": {"position": D(2), "selling": D("11.00001")}},
        "10",
        "10.00001",
    ),
    (
        "gross",
        {"view": {"gross_elsewhere": D(4_900)}},
        {"view": {"gross_elsewhere": D("4900.01")}},
        "5000",
        "5000.01",
    ),
    (
        "gross",  # at the dearer of price and market
        {"order": SELL, "view": {"gross_elsewhere": D(4_899), "ask": D(101)}},
        {"order": SELL, "view": {"gross_elsewhere": D(4_899), "ask": D("101.01")}},
        "5000",
        "5000.01",
    ),
    ("open_orders", {"view": {"open_orders": 3}}, {"view": {"open_orders": 4}}, "4", "5"),
    (
        "order_rate",
        {"view": {"orders_last_second": 2}},
        {"view": {"orders_last_second": 3}},
        "3",
        "4",
    ),
    (
        "duplicate",
        {"view": {"same_order_age_ns": 2_000_001}},
        {"view": {"same_order_age_ns": 2_000_000}},
        "2 ms",
        "2 ms",
    ),
    (
        "balance",
        {"view": {"available_quote": D(100)}},
        {"view": {"available_quote": D("99.99")}},
        "99.99 USDT",
        "100 USDT",
    ),
    (
        "balance",
        {"order": SELL, "view": {"available_base": D(1)}},
        {"order": SELL, "view": {"available_base": D("0.99999")}},
        "0.99999 BTC",
        "1 BTC",
    ),
]
IDS = [f"{row[0]}-{index}" for index, row in enumerate(ROWS)]


@pytest.mark.parametrize(("rule", "at", "beyond", "limit", "value"), ROWS, ids=IDS)
def test_each_rule_passes_at_its_limit_and_refuses_one_step_beyond(rule, at, beyond, limit, value):
    passed = judge(**at)
    assert isinstance(passed, Approved), passed
    refused = judge(**beyond)
    assert isinstance(refused, Refused)
    assert refused.rule == rule
    assert limit in refused.limit
    assert value in refused.value
    assert str(refused) == f"{rule}: {refused.value} against a limit of {refused.limit}"


@pytest.mark.parametrize(
    ("side", "price", "refused"),
    [
        (Side.BUY, "101", False),
        (Side.BUY, "98.99", True),
        (Side.SELL, "89.1", False),
        (Side.SELL, "89.09", True),
        (Side.SELL, "90.91", True),
    ],
)
def test_the_collar_of_a_buy_hangs_on_the_ask_and_that_of_a_sell_on_the_bid(side, price, refused):
    verdict = judge({"side": side, "price": D(price)}, {"bid": D(90), "ask": D(100)})
    assert isinstance(verdict, Refused) is refused
    assert not refused or verdict.rule == "collar"


def test_every_rule_of_the_limits_has_a_row():
    assert {row[0] for row in ROWS} == {
        "mode",
        "stale",
        "filter",
        "order_qty",
        "order_notional",
        "collar",
        "position",
        "gross",
        "open_orders",
        "order_rate",
        "duplicate",
        "balance",
    }


def test_an_approval_carries_the_very_intent():
    intent = an_intent()
    verdict = check(intent, LIMITS, VIEW)
    assert isinstance(verdict, Approved)
    assert verdict.intent is intent
    assert not verdict.reduces


LONG = {"position": D(3)}
AGAINST_EVERYTHING = {
    "may_add_risk": False,
    "mode": "REDUCE_ONLY",
    "quote_age_ns": None,
    "open_orders": 1_000,
    "orders_last_second": 1_000,
    "same_order_age_ns": 0,
    "gross_elsewhere": D(1_000_000),
}
NOTHING_ALLOWED = {
    "order_qty_max": D(0),
    "order_notional_max": D(0),
    "position_max": D(0),
    "gross_max": D(0),
    "collar_bps": D(0),
}


def test_an_order_that_only_reduces_passes_every_limit():
    verdict = judge(SELL, LONG | AGAINST_EVERYTHING, NOTHING_ALLOWED)
    assert isinstance(verdict, Approved)
    assert verdict.reduces


@pytest.mark.parametrize(
    ("order", "view", "rule"),
    [
        ({"qty": D("0.000015")}, {}, "filter"),
        ({}, {"available_base": D("0.5")}, "balance"),
    ],
)
def test_even_a_reducing_order_must_be_possible(order, view, rule):
    verdict = judge(SELL | order, LONG | AGAINST_EVERYTHING | view, NOTHING_ALLOWED)
    assert isinstance(verdict, Refused)
    assert verdict.rule == rule


def test_a_mode_that_forbids_reduction_refuses_a_reducing_order():
    verdict = judge(
        SELL, LONG | {"may_reduce": False, "may_add_risk": False, "mode": "CANCEL_ONLY"}
    )
    assert isinstance(verdict, Refused)
    assert verdict.rule == "mode"
    assert verdict.value == "CANCEL_ONLY"


@pytest.mark.parametrize(
    ("side", "qty", "position", "buying", "selling", "expected"),
    [
        (Side.SELL, "3", "3", "0", "0", True),
        (Side.SELL, "3.00001", "3", "0", "0", False),  # would overshoot
        (Side.SELL, "1", "3", "0", "2", True),
        (Side.SELL, "1", "3", "0", "2.00001", False),  # another exit may fill first
        (Side.SELL, "1", "3", "100", "2", True),  # buys that may never fill do not count
        (Side.SELL, "1", "0", "5", "0", False),
        (Side.SELL, "1", "-3", "0", "0", False),
        (Side.BUY, "3", "-3", "0", "0", True),
        (Side.BUY, "3.00001", "-3", "0", "0", False),
        (Side.BUY, "1", "-3", "2", "0", True),
        (Side.BUY, "1", "-3", "2.00001", "0", False),
        (Side.BUY, "1", "3", "0", "0", False),
        (Side.BUY, "1", "0", "0", "0", False),
    ],
)
def test_an_order_reduces_only_if_it_cannot_overshoot_whatever_else_fills(
    side, qty, position, buying, selling, expected
):
    view = msgspec.structs.replace(VIEW, position=D(position), buying=D(buying), selling=D(selling))
    assert reduces(side, D(qty), view) is expected


class Market:
    """Two instruments, their positions and open orders; everything here may fill or not."""

    def __init__(self, asks):
        self.asks = asks
        self.position = [D(0), D(0)]
        self.orders = []  # [instrument, side, remaining]

    def side(self, instrument, side):
        return sum((o[2] for o in self.orders if o[0] == instrument and o[1] is side), D(0))

    def worst(self, instrument):
        position = self.position[instrument]
        return max(
            abs(position + self.side(instrument, Side.BUY)),
            abs(position - self.side(instrument, Side.SELL)),
        )

    def view(self, instrument):
        other = 1 - instrument
        return msgspec.structs.replace(
            VIEW,
            position=self.position[instrument],
            buying=self.side(instrument, Side.BUY),
            selling=self.side(instrument, Side.SELL),
            gross_elsewhere=self.worst(other) * self.asks[other],
            bid=self.asks[instrument],
            ask=self.asks[instrument],
            available_base=D(10**6),
            available_quote=D(10**9),
        )


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"),
            st.integers(0, 1),
            st.sampled_from(Side),
            st.integers(1, 500),
            st.integers(-90, 90),
        ),
        st.tuples(st.just("fill"), st.integers(0, 50), st.integers(1, 100)),
        st.tuples(st.just("end"), st.integers(0, 50)),
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(STEPS, st.tuples(st.integers(50, 200), st.integers(50, 200)))
def test_no_sequence_of_approved_orders_under_any_fills_passes_position_or_gross(steps, asks):
    limits = msgspec.structs.replace(LIMITS, position_max=D(10), gross_max=D(1_500))
    market = Market([D(ask) for ask in asks])
    for step in steps:
        if step[0] == "order":
            _, instrument, side, hundredths, bps = step
            price = (market.asks[instrument] * (10_000 + bps) / 10_000).quantize(D("0.01"))
            intent = an_intent(side=side, qty=D(hundredths) / 100, price=price)
            if isinstance(check(intent, limits, market.view(instrument)), Approved):
                market.orders.append([instrument, side, intent.qty])
        elif market.orders:
            order = market.orders[step[1] % len(market.orders)]
            if step[0] == "fill":
                qty = min(order[2], D(step[2]) / 100)
                market.position[order[0]] += order[1].sign * qty
                order[2] -= qty
            if step[0] == "end" or order[2] == 0:
                market.orders.remove(order)
        for instrument in (0, 1):
            assert market.worst(instrument) <= limits.position_max
        gross = sum((market.worst(i) * market.asks[i] for i in (0, 1)), D(0))
        assert gross <= limits.gross_max


@settings(max_examples=200)
@given(STEPS)
def test_orders_that_only_reduce_never_turn_a_position_around(steps):
    market = Market([D(100), D(100)])
    market.position = [D(8), D(-8)]
    for step in steps:
        if step[0] == "order":
            _, instrument, side, hundredths, _ = step
            intent = an_intent(side=side, qty=D(hundredths) / 100, price=D(100))
            view = msgspec.structs.replace(market.view(instrument), may_add_risk=False)
            if isinstance(check(intent, LIMITS, view), Approved):
                market.orders.append([instrument, side, intent.qty])
        elif step[0] == "fill" and market.orders:
            order = market.orders[step[1] % len(market.orders)]
            market.position[order[0]] += order[1].sign * order[2]
            market.orders.remove(order)
        assert 0 <= market.position[0] <= 8
        assert -8 <= market.position[1] <= 0


def test_a_verdict_does_not_depend_on_the_threads_decimal_context():
    with localcontext() as context:
        context.prec = 3
        verdict = judge(view={"position": D("9.00001")})
    assert isinstance(verdict, Refused)


@pytest.mark.parametrize("order", [{"qty": D("1E+30")}, {"price": D("1E+30")}])
def test_an_absurd_order_is_refused_and_never_raises(order):
    assert isinstance(judge(order), Refused)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_told_of_a_verdict_is_what_was_judged(row):
    rule, _, beyond, *_ = row
    changed = {name: beyond.get(name) or {} for name in ("order", "view", "limits")}
    refused = judge(**changed)
    weighed = weigh(
        an_intent(**changed["order"]),
        msgspec.structs.replace(LIMITS, **changed["limits"]),
        msgspec.structs.replace(VIEW, **changed["view"]),
    )
    broken = [w for w in weighed if not w.kept]
    assert (broken[0].rule, broken[0].limit, broken[0].value) == (
        rule,
        refused.limit,
        refused.value,
    )


def test_everything_weighed_of_an_approved_order_is_kept():
    weighed = weigh(an_intent(), LIMITS, VIEW)
    assert len(weighed) == 12
    assert all(w.kept for w in weighed)
