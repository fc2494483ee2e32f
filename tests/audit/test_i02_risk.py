"""The desk's own orders and fills never pass a limit, by the venue's truth."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.told import (
    accept,
    bought,
    configured,
    executed,
    fill,
    inputs,
    intended,
    reconciled,
    said,
    whats,
)
from builders import D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.i02_risk import Risk
from nightdesk.audit.limits import InstrumentLimits
from nightdesk.model.order import Origin, Side


def sold(number: int, qty: str, ms: float = 0, **rest: Any) -> Fact:
    return accept(ms, qty, order_id=number, client_order_id=an_id(number), side="SELL", **rest)


def placed(number: int, qty: str, ms: float = 0, **rest: Any) -> Fact:
    return accept(ms, qty, order_id=number, client_order_id=an_id(number), **rest)


FULL: list[Fact] = [configured(), *bought(0, "1", 1), *bought(1_000, "1", 2)]  # long 2 of 2


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ([*FULL], []),
        ([*FULL, placed(3, "0.1", 3_000)], ["may become 2.1 at worst"]),
        ([*FULL, sold(3, "1", 3_000), sold(4, "1", 5_000)], []),
        ([*FULL, sold(3, "1", 3_000), placed(4, "0.1", 5_000)], ["may become 2.1"]),
        ([configured(), sold(1, "1"), sold(2, "1", 2_000)], []),
        ([configured(), sold(1, "1"), sold(2, "1", 2_000), sold(3, "0.1", 4_000)], ["become 2.1"]),
        (
            [
                configured(),
                placed(1, "1"),
                placed(2, "1", 9_000),
                said("cancel", 9_500),
                placed(3, "1", 20_000),
            ],
            [],
        ),
        # What an operator adopted is not the desk's doing; what then makes it worse is.
        ([configured(), reconciled(surplus="5"), sold(1, "1")], []),
        ([configured(), reconciled(surplus="5"), placed(1, "1")], ["may become 6 at worst"]),
        ([configured(), placed(1, "1.1", price=D(10))], ["quantity 1.1 is over 1"]),
        ([configured(), placed(1, "1", price=D(1000))], []),
        ([configured(), placed(1, "1", price=D("1000.1"))], ["notional 1000.1 is over 1000"]),
        # Reducing orders pass every cap, as long as they do not pass zero.
        ([*FULL, sold(3, "2", 3_000, price=D(5000))], []),
        (
            [*FULL, sold(3, "2.1", 3_000, price=D(10))],
            ["quantity 2.1 is over 1 and does not only reduce"],
        ),
        ([configured(position_max="9"), *[placed(n, "1", n * 2_000) for n in (1, 2, 3)]], []),
        (
            [configured(position_max="9"), *[placed(n, "1", n * 2_000) for n in (1, 2, 3, 4)]],
            ["4 orders open, the limit is 3"],
        ),
    ],
)
def test_worst_case_caps_and_the_way_back(facts: list[Fact], says: list[str]) -> None:
    found = whats(Risk(), facts)
    assert len(found) == len(says), found
    assert all(part in what for part, what in zip(says, found, strict=True))


@pytest.mark.parametrize(("spacing_ms", "found"), [(300, 1), (340, 0)])
def test_the_order_rate_has_a_slack_of_one(spacing_ms: int, found: int) -> None:
    wide = configured(position_max="99", open_orders_max=99)
    facts = [wide, *[placed(n, "1", n * spacing_ms) for n in range(1, 5)]]
    assert len(whats(Risk(), facts)) == found


def test_the_rate_counts_decisions_and_not_what_a_slow_network_delivers_at_once() -> None:
    facts: list[Fact] = [configured(position_max="99", open_orders_max=99)]
    facts += [intended(n * 600, client_id=an_id(n)) for n in range(1, 6)]
    facts += [placed(n, "1", 5_000) for n in range(1, 6)]
    assert whats(Risk(), facts) == []


def test_a_fee_in_base_that_the_journal_did_not_know_is_allowed_for() -> None:
    # Short 1; 0.5 bought back costs a fee in base, and the desk still counts with 0.5 short.
    fee = {"fee": D("0.001"), "fee_asset": "BTC"}
    start: list[Fact] = [configured(), sold(1, "1"), fill(0, "1", order_id=1, side="SELL")]
    start += [sold(2, "1", 2_000), fill(2_000, "1", order_id=2, side="SELL")]
    start += [placed(3, "0.5", 4_000), fill(4_000, "0.5", order_id=3, **fee)]
    known = intended(4_500, client_id=an_id(4), side=Side.SELL, qty=D("0.5"))
    assert whats(Risk(), [*start, known, sold(4, "0.5", 5_000)]) == []
    (found,) = whats(Risk(), [*start, sold(4, "0.5", 5_000)])  # nobody decided this one
    assert "2.001" in found
    told = executed(4_200, **fee)
    (found,) = whats(Risk(), [*start, told, known, sold(4, "0.5", 5_000)])
    assert "2.001" in found


def test_a_closing_order_may_be_too_large_by_a_fee_that_nobody_knew_yet() -> None:
    long: list[Fact] = [configured(), placed(1, "1"), fill(0, fee=D("0.001"), fee_asset="BTC")]
    decided = intended(1_000, client_id=an_id(2), side=Side.SELL)
    assert whats(Risk(), [*long, decided, sold(2, "1", 2_000, price=D(5000))]) == []
    assert whats(Risk(), [*long, decided, sold(2, "1.001", 2_000, price=D(5000))]) != []


def test_a_decision_a_whole_second_ago_no_longer_counts() -> None:
    wide = configured(position_max="99", open_orders_max=99)
    for last_ms, found in ((1_000, 0), (999, 1)):
        facts = [
            wide,
            *[placed(n, "1", ms) for n, ms in enumerate((0, 400, 800, last_ms), start=1)],
        ]
        assert len(whats(Risk(), facts)) == found


def test_slack_and_given_limits_win() -> None:
    limits = {"BTCUSDT": InstrumentLimits(position_max=D("0.5"))}
    assert whats(Risk(limits=limits), [placed(1, "1")]) != []
    assert whats(Risk(limits=limits, slack={"BTCUSDT": D("0.5")}), [placed(1, "1")]) == []


def test_without_limits_or_orders_nothing_is_checked() -> None:
    for facts in (
        [placed(1, "9")],
        [configured()],
        [configured(), accept(client_order_id="web_x", qty="9")],
    ):
        law = Risk()
        assert whats(law, facts) == []
        assert not law.checked


@given(
    st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 3), st.booleans()), max_size=12
    )
)
def test_the_worst_case_is_found_when_an_order_takes_it_over_the_limit(
    orders: list[tuple[str, int, bool]],
) -> None:
    """Against a model that keeps position and open sides as plain numbers."""
    limits = {"BTCUSDT": InstrumentLimits(position_max=D(4))}
    held = buys = sells = 0
    worst, expected, facts = 0, 0, []
    for number, (side, qty, fills) in enumerate(orders, start=1):
        named: dict[str, Any] = {"order_id": number, "client_order_id": an_id(number), "side": side}
        facts.append(accept(number * 1_000, str(qty), **named))
        buys, sells = (buys + qty, sells) if side == "BUY" else (buys, sells + qty)
        now = max(abs(held + buys), abs(held - sells))
        expected += now > 4 and now > worst
        worst = now
        if fills:
            facts.append(fill(number * 1_000, str(qty), **named))
            held += qty if side == "BUY" else -qty
            buys, sells = (buys - qty, sells) if side == "BUY" else (buys, sells - qty)
            now = max(abs(held + buys), abs(held - sells))
            expected += now > 4 and now > worst
            worst = now
    assert len(whats(Risk(limits=limits), facts)) == expected


@pytest.mark.parametrize(
    ("side", "price", "found"),
    [
        (Side.BUY, "100.5", 0),
        (Side.BUY, "100.51", 1),
        (Side.BUY, "99.5", 0),
        (Side.BUY, "99.49", 1),
        (Side.SELL, "98.51", 0),
        (Side.SELL, "98.5", 1),
    ],
)
def test_a_price_too_far_from_what_the_decision_saw(side: Side, price: str, found: int) -> None:
    seen = inputs(bid="99", ask="100")
    decided = intended(client_id=an_id(), side=side, price=D(price), inputs=seen)
    law = Risk()
    told = whats(law, [configured(collar_bps="50"), decided])
    assert len(told) == found
    assert all("over 50 bps from" in what for what in told)
    assert law.checked


def test_a_price_of_the_way_out_is_not_held_to_the_collar() -> None:
    far = {"price": D(50), "inputs": inputs()}
    flattening = intended(client_id=an_id(9), origin=Origin.FLATTEN, **far)
    closing = intended(3_000, client_id=an_id(10), side=Side.SELL, **far)
    assert whats(Risk(), [configured(collar_bps="50"), flattening]) == []
    assert whats(Risk(), [configured(collar_bps="50"), *bought(0, "1", 1), closing]) == []


@pytest.mark.parametrize(
    ("before", "elsewhere", "found"),
    [
        ([], "900", 0),
        ([], "900.01", 1),
        ([], None, 0),  # no number was told: other rules judge that
        (bought(0, "1", 1), "800", 0),
        (bought(0, "1", 1), "800.01", 1),
        ([placed(1, "1")], "800.01", 1),  # what is open may fill
        ([sold(1, "1")], "900", 0),
        ([reconciled(surplus="9")], "900", 0),  # what an operator took over is nobody's doing
    ],
)
def test_all_instruments_together_at_the_prices_that_the_decision_saw(
    before: list[Fact], elsewhere: str | None, found: int
) -> None:
    seen = inputs(bid="99", ask="100")
    if elsewhere is not None:
        seen = msgspec.structs.replace(seen, gross_elsewhere=D(elsewhere))
    decided = intended(3_000, client_id=an_id(5), price=D("99.9"), inputs=seen)
    told = whats(Risk(), [configured(gross_max="1000", position_max="99"), *before, decided])
    assert len(told) == found, told
    assert all("all instruments may come to" in what for what in told)


def test_a_fee_that_nobody_knew_is_no_exposure() -> None:
    seen = msgspec.structs.replace(inputs(bid="99", ask="100"), gross_elsewhere=D(900))
    short = [sold(1, "1"), fill(0, "1", order_id=1, side="SELL", fee=D("0.5"), fee_asset="BTC")]
    decided = intended(3_000, client_id=an_id(5), side=Side.SELL, qty=D("0.0001"), inputs=seen)
    facts: list[Fact] = [configured(gross_max="1100"), *short, decided]
    assert whats(Risk(), facts) == []
