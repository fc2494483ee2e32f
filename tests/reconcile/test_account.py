"""Desk against venue: whose order is it, and which balances differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import D, an_id, decimals
from nightdesk.model.ids import emergency_order_id
from nightdesk.reconcile.account import TOLERANCE, Owner, differences, owner_of

NONCES = {7: 1, 9: 2}  # nonce -> the epoch it was drawn for


@pytest.mark.parametrize(
    ("client_id", "owner"),
    [
        (an_id(desk=1, nonce=7, epoch=1), Owner.OURS),
        (an_id(desk=1, nonce=9, epoch=2), Owner.OURS),
        (an_id(desk=1, nonce=8, epoch=1), Owner.LOST),  # a nonce never drawn
        (an_id(desk=1, nonce=7, epoch=2), Owner.LOST),  # drawn, but for another epoch
        (an_id(desk=1, nonce=9, epoch=1), Owner.LOST),
        (an_id(desk=2, nonce=7, epoch=1), Owner.FOREIGN),
        (emergency_order_id(0, 0), Owner.EMERGENCY),
        (emergency_order_id(1, 77), Owner.EMERGENCY),
        ("x-R4BD3S82abc", Owner.FOREIGN),
        ("", Owner.FOREIGN),
        ("WEB_0123456789ABCD", Owner.FOREIGN),
    ],
)
def test_an_id_alone_says_whose_order_it_is(client_id, owner):
    assert owner_of(client_id, 1, NONCES) is owner


@given(st.text())
def test_no_text_at_all_makes_the_question_fail(text):
    assert owner_of(text, 1, {}) in (Owner.FOREIGN, Owner.LOST)


def test_nothing_is_ours_before_an_epoch_was_opened():
    assert owner_of(an_id(desk=1, nonce=0, epoch=0), 1, {}) is Owner.LOST


AMOUNTS = st.dictionaries(st.sampled_from("ABCD"), decimals(-5, 5, 8))


@given(AMOUNTS, AMOUNTS)
def test_applying_the_differences_makes_both_agree(desk, venue):
    found = differences(desk, venue, "ABCD")
    for asset in "ABCD":
        there, here = venue.get(asset, D(0)), desk.get(asset, D(0))
        assert abs(there - here - found.get(asset, D(0))) <= TOLERANCE
        assert asset not in found or abs(found[asset]) > TOLERANCE


@pytest.mark.parametrize(
    ("desk", "venue", "found"),
    [
        ({"A": D(1)}, {"A": D("1.00000001")}, {}),
        ({"A": D(1)}, {"A": D("1.00000002")}, {"A": D("0.00000002")}),
        ({"A": D(1)}, {"A": D("0.99999998")}, {"A": D("-0.00000002")}),
        ({"A": D(1)}, {}, {"A": D(-1)}),
        ({}, {"A": D(1)}, {"A": D(1)}),
        ({}, {"Z": D(1)}, {}),  # nobody trades it
    ],
)
def test_a_difference_is_venue_minus_desk_beyond_the_last_digit(desk, venue, found):
    assert differences(desk, venue, ["A", "A"]) == found


def test_differences_are_canonical_and_in_a_fixed_order():
    found = differences({}, {"B": D("1.50"), "A": D("2.0")}, ["B", "A"])
    assert list(found) == ["A", "B"]
    assert [str(amount) for amount in found.values()] == ["2", "1.5"]
