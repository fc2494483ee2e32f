"""The market behind what adds risk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.told import FLATTEN, accept, bought, configured, fill, inputs, intended, resolved, whats
from builders import D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.i11_data import Data
from nightdesk.model.order import Inputs, Origin, Side


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (inputs(age_ms=100), []),
        (inputs(age_ms=100.001), ["100.001 ms old, 100 ms are allowed"]),
        (inputs(age_ms=-1), ["1.000 ms ahead"]),
        (inputs("100", "100"), []),
        (inputs("100.01", "100"), ["crossed market: 100.01 bid, 100 asked"]),
        (inputs("0", "100"), ["a market of 0 to 100"]),
        (inputs("100.01", "100", age_ms=200), ["crossed", "old"]),
        (None, ["decided on no market"]),
    ],
)
@pytest.mark.parametrize("origin", [Origin.STRATEGY, Origin.TARGET])
def test_an_entry_is_decided_on_a_fresh_market(
    seen: Inputs | None, found: list[str], origin: Origin
) -> None:
    told = whats(Data(), [configured(), intended(inputs=seen, origin=origin)])
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


def closing(qty: str, **changed: object) -> Fact:
    made = {"client_id": an_id(2), "side": Side.SELL, "qty": D(qty), "inputs": None, **changed}
    return intended(5, **made)


LONG: list[Fact] = [configured(), *bought(0, "1", 1)]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*LONG, closing("1")], 0),
        ([*LONG, closing("1.1")], 1),
        (
            [
                *LONG,
                accept(1, "0.5", order_id=3, client_order_id=an_id(3), side="SELL"),
                closing("0.6"),
            ],
            1,
        ),
        ([configured(), closing("1", **FLATTEN)], 0),
    ],
)
def test_what_only_reduces_needs_no_market(facts: list[Fact], found: int) -> None:
    assert len(whats(Data(), facts)) == found


def test_an_order_that_the_venue_denied_everywhere_does_not_make_an_exit_an_entry() -> None:
    third = {"client_id": an_id(3), "side": Side.SELL}
    resting = accept(1, "1", order_id=3, client_order_id=an_id(3), side="SELL")
    facts = [*LONG, intended(1, **third, inputs=inputs()), resting]
    assert whats(Data(), [*facts, closing("1")]) != []
    assert whats(Data(), [*facts, resolved(2, an_id(3)), closing("1")]) == []


def test_a_fee_in_base_that_nobody_knew_yet_does_not_make_an_exit_an_entry() -> None:
    facts = [configured(), accept(0), fill(0, fee=D("0.001"), fee_asset="BTC")]
    assert whats(Data(), [*facts, closing("1")]) == []
    assert whats(Data(), [*facts, closing("1.001")]) != []


def test_what_is_stale_comes_from_the_settings_unless_it_is_given() -> None:
    old = intended(inputs=inputs(age_ms=50_000))
    assert whats(Data(), [old]) == []
    assert whats(Data(stale_after_ns=1), [configured(), old]) != []
    law = Data()
    assert not law.checked
    whats(law, [closing("1", **FLATTEN)])
    assert not law.checked
    whats(law, [old])
    assert law.checked


@given(st.integers(0, 300), st.integers(-5, 5))
def test_old_or_crossed_is_exactly_what_is_found(age_ms: int, spread: int) -> None:
    seen = inputs("100", str(100 + spread), age_ms=age_ms)
    found = whats(Data(), [configured(), intended(inputs=seen)])
    assert len(found) == (age_ms > 100) + (spread < 0)
