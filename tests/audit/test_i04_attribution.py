"""What a venue did by itself is booked once, and shared out among those who held the position."""

import pytest

from audit.contracts import (
    MINE,
    OTHER,
    PERP,
    both,
    flowed,
    force_traded,
    forced,
    opened_with,
    paid,
    wanted,
)
from audit.told import executed, opened, said, whats, written
from builders import D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.i04_convergence import Convergence
from nightdesk.model.account import Flow
from nightdesk.model.order import Side
from nightdesk.model.records import ModeSet

MIN = 60_000
BEFORE = said("refusal", -5 * MIN, order_id=None)  # the venue's log has begun
LATER = written(ModeSet(scope="desk", cause="c", mode="NORMAL", by="b", why="w"), 20 * MIN)


def has(strategy: str, qty: str, number: int) -> list[Fact]:
    """By the journal."""
    side = Side.SELL if qty.startswith("-") else Side.BUY
    made = {"side": side, "qty": abs(D(qty))}
    named = {"client_id": an_id(number), "instrument": PERP, "trade_id": str(number)}
    return [wanted(1, number, strategy=strategy, **made), executed(2, **named, **made)]


TWO = [*has(MINE, "3", 1), *has(OTHER, "-1", 2)]


def story(*facts: Fact) -> list[str]:
    known = [BEFORE, both(), opened_with()]
    return whats(Convergence(), [*known, *facts, LATER], rest_ms=21 * MIN)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([paid(2 * MIN, "-2"), flowed(2 * MIN, "-2", s="-3", t="1")], []),
        # It is told late, and stamped by a clock that is off.
        ([paid(2 * MIN, "-2"), flowed(2 * MIN + 900, "-2", s="-3", t="1")], []),
        ([paid(2 * MIN, "-2")], ["funding of -2 usdm/USDT at the venue was never booked"]),
        ([flowed(2 * MIN, "-2", s="-3", t="1")], ["was booked, the venue's log has none"]),
        (
            [paid(2 * MIN, "-2"), flowed(2 * MIN, "-1", s="-1.5", t="0.5")],
            ["funding of -2 usdm/USDT at the venue was never", "funding of -1 usdm/USDT was booked"],
        ),
        (
            [paid(2 * MIN, "-2"), flowed(2 * MIN, "-2", s="-3", t="1"),
             flowed(2 * MIN, "-2", s="-3", t="1")],
            ["funding 1 of usdm:BTCUSDT was booked twice", "was booked, the venue's log has none"],
        ),
        (
            [paid(2 * MIN, "-2"), flowed(2 * MIN, "-2", s="-3")],
            ["funding of usdm:BTCUSDT is -2, its shares come to -3"],
        ),
        (
            [paid(2 * MIN, "-2"), flowed(2 * MIN, "-2", s="-1", t="-1")],
            ["s got -1 of -2 funding, and holds 3 of 2", "t got -1 of -2 funding, and holds -1"],
        ),
        ([paid(2 * MIN, "-2"), flowed(2 * MIN, "-2", s="-3", t="1.00000001")], ["come to -1.99"]),
        # What was before the books were opened is in them.
        ([paid(-2 * MIN, "-2")], []),
        ([paid(2 * MIN, "5", "transfer"), flowed(2 * MIN, "5", Flow.TRANSFER)], []),
        ([paid(2 * MIN, "5", "transfer")], ["transfer of 5 usdm/USDT at the venue was never"]),
        (
            [paid(2 * MIN, "5", "transfer"), flowed(2 * MIN, "5", Flow.TRANSFER, s="5")],
            ["transfer of 5 usdm/USDT was shared out as if somebody had earned it"],
        ),
        ([paid(2 * MIN, "5", "transfer", venue=None)], []),  # spot's is found by comparing
        ([paid(2 * MIN, "5", "insurance"), flowed(2 * MIN, "5", Flow.INSURANCE)], []),
        ([paid(2 * MIN, "5", "insurance")], ["insurance of 5 usdm/USDT at the venue was never"]),
        ([flowed(2 * MIN, "5", Flow.INSURANCE)], ["was booked, the venue's log has none"]),
        ([flowed(2 * MIN, "-5", Flow.INSURANCE)], []),  # a liquidation's fee: its trade tells it
    ],
)  # fmt: skip
def test_moves_of_a_wallet(facts: list[Fact], found: list[str]) -> None:
    told = story(*TWO, *facts)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*forced(2 * MIN, "2"), force_traded(2 * MIN, "2", s="2")], []),
        ([*forced(2 * MIN, "4"), force_traded(2 * MIN, "4", s="3", operator="1")], []),
        ([*forced(2 * MIN, "2")], ["forced trade of -2 usdm:BTCUSDT at the venue was never"]),
        ([force_traded(2 * MIN, "2", s="2")], ["was booked, the venue's log has none"]),
        (
            [*forced(2 * MIN, "4"), force_traded(2 * MIN, "4", s="4")],
            ["liquidation closed 4 usdm:BTCUSDT of s, which held 3"],
        ),
        (
            [*forced(2 * MIN, "2"), force_traded(2 * MIN, "2", s="1", t="1")],
            ["liquidation closed 1 usdm:BTCUSDT of t, which held -1"],
        ),
        (
            [*forced(2 * MIN, "2"), force_traded(2 * MIN, "2", s="1")],
            ["liquidation of usdm:BTCUSDT is 2, its shares come to 1"],
        ),
    ],
)
def test_trades_of_the_venue(facts: list[Fact], found: list[str]) -> None:
    told = story(*TWO, *facts)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


def test_a_desk_that_was_not_up_for_long_enough_is_not_held_to_it() -> None:
    late = [paid(19 * MIN, "-2"), *forced(19 * MIN, "2")]
    assert story(*TWO, *late) == []
    starts = [paid(5 * MIN, "-2"), opened(2, 19 * MIN)]
    assert story(*TWO, *starts) == []
    assert len(story(*TWO, paid(5 * MIN, "-2"), opened(2, 10 * MIN))) == 1


def test_what_was_taken_over_by_comparing_is_not_asked_for() -> None:
    assert story(*TWO, paid(2 * MIN, "-2"), opened_with(9 * MIN, "998")) == []


def test_without_moves_nothing_is_checked() -> None:
    law = Convergence()
    whats(law, [both(), opened_with(), *TWO])
    assert not law.checked
    whats(law, [flowed(2 * MIN, "-2", s="-3", t="1")])
    assert law.checked
