"""Flat, in time, and not beyond."""

from typing import Any

import pytest

from audit.contracts import both, long, opened_with, taken, traded
from audit.told import (
    FLATTEN,
    accept,
    bought,
    commanded,
    configured,
    fill,
    healed,
    intended,
    published,
    reconciled,
    said,
    whats,
)
from builders import D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.i07_way_out import WayOut

LONG: list[Fact] = [configured(), *bought(0, "1", 1), commanded("flatten", 1_000), healed(2_000)]
SELLS: dict[str, Any] = {"order_id": 2, "client_order_id": an_id(2), "side": "SELL"}


def sells(ms: float, qty: str) -> list[Fact]:
    decided = intended(ms, client_id=an_id(2), **FLATTEN)
    return [decided, accept(ms, qty, **SELLS), fill(ms, qty, **SELLS)]


def sent_away(amount: str) -> list[Fact]:
    """Of one that the account began with and one that was bought."""
    moved = {"asset": "BTC", "amount": D(amount), "order_id": None}
    return [configured(), reconciled(BTC="1"), *bought(0, "1", 1), said("transfer", 500, **moved)]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*LONG, *sells(62_000, "1")], []),
        ([*LONG, *sells(62_001, "1")], ["BTCUSDT is still 1 60 s after a flatten"]),
        (LONG, ["BTCUSDT is still 1"]),
        ([*LONG, *sells(3_000, "0.6")], ["BTCUSDT is still 0.4"]),
        ([*LONG, *sells(3_000, "0.96")], []),  # four quote's worth: the venue takes five
        ([*LONG, commanded("resume", 50_000)], []),
        ([*LONG, commanded("pause", 50_000)], ["is still 1"]),
        ([*LONG, commanded("flatten", 50_000)], ["is still 1"]),
        ([*LONG, *sells(3_000, "1"), accept(4_000, order_id=3)], ["is still open"]),
        ([*LONG[:-1], commanded("x")], []),
        (
            [configured(), commanded("flatten"), healed(), reconciled(5, surplus="1")],
            ["is still 1"],
        ),
        ([*sent_away("-1.5"), commanded("flatten", 1_000), healed(2_000)], ["is still 1"]),
        ([*sent_away("-2"), commanded("flatten", 1_000), healed(2_000)], []),
        ([configured(), reconciled(BTC="1"), *LONG[1:]], ["is still 1"]),
    ],
)
def test_after_a_flatten_nothing_is_left_in_time(facts: list[Fact], found: list[str]) -> None:
    told = whats(WayOut(), facts, rest_ms=100_000)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize(("away", "found"), [("0.4", ["is still"]), ("1", []), ("1.5", [])])
def test_nothing_is_left_of_a_contract_that_the_account_does_not_have(
    side: str, away: str, found: list[str]
) -> None:
    """A trade of it was taken back, or somebody closed it by hand."""
    back = {"side": "SELL" if side == "BUY" else "BUY", "client_order_id": "web"}
    facts = [both(), opened_with(), *long("1", side=side), taken(5, away, 9, **back)]
    facts += [traded(5, away, 9, **back), commanded("flatten", 1_000), healed(2_000)]
    told = whats(WayOut(), facts, rest_ms=100_000)
    assert len(told) == len(found), told


@pytest.mark.parametrize(("left", "crossed"), [("0", False), ("-0.1", True)])
def test_of_what_can_only_reduce_the_venue_s_own_position_is_the_measure(
    left: str, crossed: bool
) -> None:
    """The venue took a sale back: what is sold again was no order's of this desk."""
    sold = intended(4_000, client_id=an_id(3), reduce_only=True, **FLATTEN)
    again = SELLS | {"order_id": 3, "client_order_id": an_id(3)}
    facts = [*LONG, *sells(3_000, "1"), sold, accept(4_000, "1", **again)]
    told = whats(WayOut(), [*facts, fill(4_000, "1", position=D(left), **again)])
    assert bool(told) == crossed


@pytest.mark.parametrize(
    ("qty", "crossed"),
    [("1", False), ("1.04", False), ("1.06", True)],
    ids=["flat", "dust", "short"],
)
def test_a_flattening_fill_does_not_pass_zero(qty: str, crossed: bool) -> None:
    told = whats(WayOut(), [*LONG, *sells(3_000, qty)])
    assert bool(told) == crossed


def test_other_orders_that_were_under_way_may_pass_zero() -> None:
    decided = intended(500, client_id=an_id(2), side=FLATTEN["side"], qty=D(2))
    facts = [*LONG[:3], decided, commanded("flatten", 1_000)]
    facts += [accept(1_100, "2", **SELLS), fill(1_100, "2", **SELLS)]
    assert whats(WayOut(), facts) == []


def test_an_end_before_the_time_is_not_judged() -> None:
    law = WayOut()
    assert whats(law, LONG, rest_ms=62_000) == []
    assert not law.checked
    assert whats(law, [published(62_001)]) != []
    assert law.checked
    assert law.rest(10**19) == []
