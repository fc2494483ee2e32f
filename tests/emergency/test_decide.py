"""What goes, what stays and what is closed, from what a venue tells."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import D, an_id, an_instrument, decimals
from nightdesk.emergency.decide import Left, Task, Verb, exposed_of, is_ours, left_of, to_cancel
from nightdesk.model.ids import emergency_order_id
from nightdesk.model.order import Side
from nightdesk.venues.way_out import Account, Held, OpenOrder

RULES = {"BTCUSDT": an_instrument(lot=D("0.001"), qty_min=D("0.01"), notional_min=D(5))}
OURS, NEIGHBOURS, TOOLS = an_id(desk=1), an_id(desk=2), emergency_order_id(1, 1)
BIDS = {"BTCUSDT": D(100)}


def a_task(**changed: object) -> Task:
    plain: dict[str, object] = {
        "verb": Verb.FLATTEN,
        "symbols": ("BTCUSDT",),
        "code": 1,
        "baseline": {"BTC": D(1)},
    }
    return Task(**(plain | changed))  # type: ignore[arg-type]


def an_order(client_id: str = OURS, **changed: object) -> OpenOrder:
    plain: dict[str, object] = {
        "symbol": "BTCUSDT",
        "venue_order_id": "1",
        "client_id": client_id,
        "side": Side.SELL,
        "kind": "LIMIT",
        "qty": D(1),
        "price": D(100),
        "trigger": D(0),
        "protective": False,
    }
    return OpenOrder(**(plain | changed))  # type: ignore[arg-type]


def on_spot(qty: str, free: str = "") -> Account:
    return Account(held=(Held(name="BTC", qty=D(qty), free=D(free or qty)),), wallets={})


def a_position(qty: str, side: str = "BOTH", name: str = "BTCUSDT") -> Account:
    held = Held(name=name, qty=D(qty), free=D(qty), mode_side=side)
    return Account(held=(held,), wallets={"USDT": D(1)})


@pytest.mark.parametrize(
    ("client_id", "code", "ours"),
    [
        (OURS, 1, True),
        (NEIGHBOURS, 1, False),
        (NEIGHBOURS, None, True),
        (TOOLS, 1, True),
        (TOOLS, None, True),
        ("web_123", None, False),
        ("", 1, False),
    ],
)
def test_whose_an_order_is(client_id: str, code: int | None, ours: bool) -> None:
    assert is_ours(client_id, code) is ours


CANCEL, FLATTEN = Verb.CANCEL_ALL, Verb.FLATTEN
STOP = {"protective": True}
REDUCING = {"protective": True, "reduces": True}


@pytest.mark.parametrize(
    ("verb", "task", "order", "exposed", "goes"),
    [
        (CANCEL, {}, {}, True, True),
        (CANCEL, {}, {"symbol": "ETHUSDT"}, True, False),
        (CANCEL, {"symbols": ()}, {"symbol": "ETHUSDT"}, True, True),
        (CANCEL, {}, {"client_id": "web"}, True, False),
        (CANCEL, {"others": True}, {"client_id": "web"}, True, True),
        (CANCEL, {}, STOP, True, False),
        (CANCEL, {}, STOP, False, True),
        (CANCEL, {"protective": True}, STOP, True, True),
        (CANCEL, {"protective": True}, STOP | {"client_id": "web"}, True, False),
        (FLATTEN, {}, {}, True, True),
        (FLATTEN, {}, STOP, True, True),  # it binds what is to be sold
        (FLATTEN, {}, REDUCING, True, False),
        (FLATTEN, {}, REDUCING, False, True),
        (FLATTEN, {"protective": True}, REDUCING, True, True),
        (FLATTEN, {}, {"client_id": "web"}, True, False),
    ],
)
def test_what_is_cancelled_and_what_stays(
    verb: Verb, task: dict[str, object], order: dict[str, object], exposed: bool, goes: bool
) -> None:
    going, staying = to_cancel([an_order(**order)], a_task(verb=verb, **task), lambda _: exposed)
    assert bool(going) is goes
    assert all(kept.why for kept in staying)


def only(lefts: list[Left]) -> Left:
    (left,) = lefts
    return left


@pytest.mark.parametrize(
    ("qty", "free", "sold", "closes", "dust"),
    [
        ("3", "", "0", "2", False),
        ("3", "2", "0", "1", False),  # one is bound: that one may be what the baseline keeps
        ("3", "1", "0", "0", False),
        ("3", "", "2", "0", False),  # our order is not counted yet
        ("3", "", "1.5", "0.5", False),
        ("1.0009", "", "0", "0", True),  # less than a lot
        ("1.009", "", "0", "0", True),  # less than the least order
        ("1.04", "", "0", "0", True),  # worth less than the least
        ("1.0504", "", "0", "0.050", False),
    ],
)
def test_on_spot_what_lies_above_the_baseline_is_sold(
    qty: str, free: str, sold: str, closes: str, dust: bool
) -> None:
    left = only(left_of(on_spot(qty, free), a_task(), RULES, {("BTC", ""): D(sold)}, BIDS))
    assert (left.side, left.qty, left.dust) == (Side.SELL, D(closes), dust)
    assert bool(left.why) is (left.qty == 0 and not dust)


@pytest.mark.parametrize("qty", ["1", "0.5"])
def test_at_or_below_the_baseline_nothing_is_traded(qty: str) -> None:
    assert left_of(on_spot(qty), a_task(), RULES, {}, BIDS) == []


def test_without_a_baseline_nothing_is_sold() -> None:
    left = only(left_of(on_spot("3"), a_task(baseline={}), RULES, {}, BIDS))
    assert (left.qty, left.dust) == (0, False)
    assert left.why


def test_other_assets_and_symbols_are_not_touched() -> None:
    other = Account(held=(Held(name="ETH", qty=D(9), free=D(9)),), wallets={})
    assert left_of(other, a_task(), RULES, {}, BIDS) == []
    assert left_of(a_position("1", name="ETHUSDT"), a_task(), RULES, {}, {}) == []


@pytest.mark.parametrize(
    ("qty", "side", "closes"),
    [
        ("2", "BOTH", Side.SELL),
        ("-2", "BOTH", Side.BUY),
        ("2", "LONG", Side.SELL),
        ("-2", "SHORT", Side.BUY),
    ],
)
def test_a_position_is_closed_from_its_own_side(qty: str, side: str, closes: Side) -> None:
    left = only(left_of(a_position(qty, side), a_task(baseline={}), RULES, {}, {}))
    assert (left.side, left.qty, left.mode_side) == (closes, D(2), side)


def test_long_and_short_of_one_contract_are_two_things() -> None:
    both = Account(
        held=(*a_position("2", "LONG").held, *a_position("-1", "SHORT").held), wallets={}
    )
    lefts = left_of(both, a_task(), RULES, {("BTCUSDT", "LONG"): D(2)}, {})
    assert [(left.side, left.qty) for left in lefts] == [(Side.SELL, 0), (Side.BUY, 1)]


def test_a_position_without_rules_is_told_where_the_whole_account_is_meant() -> None:
    odd = a_position("2", name="ODDUSDT")
    assert only(left_of(odd, a_task(symbols=()), RULES, {}, {})).why
    assert left_of(odd, a_task(), RULES, {}, {}) == []


AMOUNTS = decimals(0, 50, 4)


@given(qty=AMOUNTS, bound=AMOUNTS, base=AMOUNTS, sold=AMOUNTS)
def test_no_order_ever_takes_what_the_baseline_keeps(
    qty: Decimal, bound: Decimal, base: Decimal, sold: Decimal
) -> None:
    """Whatever open orders and the answers that lag still take of it."""
    free = max(qty - bound, D(0))
    task = a_task(baseline={"BTC": base})
    for left in left_of(on_spot(str(qty), str(free)), task, RULES, {("BTC", ""): sold}, BIDS):
        assert left.qty >= 0
        assert left.side is Side.SELL
        if left.qty:
            assert free - sold - left.qty >= base


@given(qty=decimals(-50, 50, 4).filter(bool), sold=AMOUNTS)
def test_no_order_is_larger_than_its_position(qty: Decimal, sold: Decimal) -> None:
    for left in left_of(a_position(str(qty)), a_task(), RULES, {("BTCUSDT", "BOTH"): sold}, {}):
        assert left.qty <= max(abs(qty) - sold, 0)
        assert left.qty % D("0.001") == 0
        assert (left.side is Side.SELL) is (qty > 0)


@given(st.text())
def test_no_client_id_at_all_makes_the_question_fail(text: str) -> None:
    assert is_ours(text, None) in (True, False)


def test_what_may_be_held_is_protected() -> None:
    held = exposed_of(on_spot("3"), a_task(), RULES, BIDS, contracts=False)
    assert held("BTCUSDT")
    assert held("ETHUSDT"), "nobody knows"
    calm = exposed_of(on_spot("1.001"), a_task(), RULES, BIDS, contracts=False)
    assert not calm("BTCUSDT")
    unknown = exposed_of(on_spot("1"), a_task(baseline={}), RULES, BIDS, contracts=False)
    assert unknown("BTCUSDT")
    contracts = exposed_of(a_position("1"), a_task(), RULES, {}, contracts=True)
    assert contracts("BTCUSDT")
    assert not contracts("ETHUSDT")
