"""What a node says of itself, by what the venue holds."""

import pytest

from audit.told import (
    ID,
    accept,
    bought,
    configured,
    executed,
    fill,
    healed,
    published,
    reconciled,
    whats,
)
from builders import D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.i04_convergence import Convergence


def every_second(since_s: int, until_s: int, qty: str, **rest: object) -> list[Fact]:
    return [published(s * 1_000, qty, **rest) for s in range(since_s, until_s + 1)]


LONG: list[Fact] = [configured(), *bought(0, "1", 1)]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*LONG, *every_second(1, 60, "1")], 0),
        ([*LONG, *every_second(1, 15, "0"), published(16_000, "1")], 0),
        ([*LONG, *every_second(1, 20, "0")], 0),
        ([*LONG, *every_second(1, 22, "0")], 1),
        ([*LONG, *every_second(1, 5, "7")], 0),
        ([*LONG, *every_second(1, 6, "7")], 0),
        ([*LONG, *every_second(1, 7, "7")], 1),
        ([*LONG, *every_second(1, 60, "7")], 1),
        ([*LONG, *every_second(1, 60, "7", mode="CAUTIOUS")], 0),
        ([*LONG, *every_second(1, 60, "7", trading=False)], 0),
        ([*LONG, *every_second(1, 60, "7", unknown=1)], 0),
        ([*LONG, *every_second(1, 4, "7"), published(5_000, "1"), *every_second(6, 10, "7")], 0),
        ([*LONG, *every_second(1, 60, "0", positions={})], 1),
        # Silent for longer than it may tell so: it begins anew, and is held to it from there.
        ([*LONG, published(1_000, "7"), *every_second(30, 34, "7")], 0),
        ([*LONG, published(1_000, "7"), *every_second(30, 36, "7")], 1),
        ([*LONG, published(1_000, "7"), published(6_000, "7"), published(7_000, "7")], 1),
        (every_second(1, 60, "0"), 0),
        (every_second(1, 60, "1"), 1),
    ],
)
def test_a_confident_lie_is_found_when_it_lasts(facts: list[Fact], found: int) -> None:
    assert len(whats(Convergence(), facts)) == found


def test_a_fee_in_base_may_be_unknown_for_a_while_but_only_that_much() -> None:
    fee = {"fee": D("0.001"), "fee_asset": "BTC"}
    facts = [configured(), accept(0), fill(0, **fee)]
    assert whats(Convergence(), [*facts, *every_second(20, 60, "1")]) == []
    assert whats(Convergence(), [*facts, *every_second(20, 60, "0.999")]) == []
    known = executed(10_000, **fee)
    assert whats(Convergence(), [*facts, known, *every_second(20, 60, "1")]) != []


AFTER = 100_000


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (published(70_000, "1"), []),
        (published(70_000, "0.5"), ["BTCUSDT: 0.5 published, 1 at the venue"]),
        (published(70_000, "1", open_orders=(ID,)), ["is published as open"]),
        (published(70_000, "1", positions={}), ["0 published, 1 at"]),
        (published(70_000, "1", balances={"BTC": D(3), "USDT": D(900)}), []),
        (published(70_000, "1", balances={"BTC": D(3), "USDT": D("900.00000001")}), []),
        (published(70_000, "1", balances={"BTC": D(3), "USDT": D("900.00000002")}), ["USDT"]),
        (published(-10, "1"), ["nothing was published"]),
        (None, []),
    ],
)
def test_at_rest_everything_is_equal(said: Fact | None, found: list[str]) -> None:
    facts = [configured(), reconciled(BTC="2", USDT="1000"), *bought(0, "1", 1), healed(1)]
    told = whats(Convergence(), [*facts, *([] if said is None else [said])], rest_ms=AFTER)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


def test_an_open_order_that_is_not_published_is_found() -> None:
    facts = [accept(order_id=4, client_order_id=an_id(4)), healed(), published(1)]
    (found,) = whats(Convergence(), facts, rest_ms=AFTER)
    assert "not published" in found


def test_the_newest_epochs_last_word_counts() -> None:
    facts = [*LONG, healed(0), published(1, "5", epoch=2), published(2, "1", epoch=2)]
    assert whats(Convergence(), [*facts, published(3, "9", epoch=1)], rest_ms=AFTER) == []
    assert whats(Convergence(), [*facts, published(3, "9", epoch=2)], rest_ms=AFTER) != []


def test_rest_says_nothing_before_its_time() -> None:
    facts = [*LONG, healed(0), published(1, "5")]
    assert whats(Convergence(), facts, rest_ms=59_999) == []
    assert whats(Convergence(), facts, rest_ms=60_000) != []
    assert whats(Convergence(), facts[:-2], rest_ms=AFTER) == []


def test_it_is_checked_when_a_node_spoke() -> None:
    law = Convergence()
    whats(law, LONG)
    assert not law.checked
    law.hear(published())
    assert law.checked
