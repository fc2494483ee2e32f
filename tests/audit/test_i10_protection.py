"""Positions with and without a stop, where that is asked for."""

import pytest

from audit.told import accept, bought, configured, fill, published, said, whats
from builders import an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.i10_protection import Protection
from nightdesk.model.time import SECOND_NS

LONG: list[Fact] = [configured(), *bought(0, "1", 1)]


def stop(ms: float, qty: str = "1", side: str = "SELL", kind: str = "STOP_LOSS_LIMIT") -> Fact:
    return accept(ms, qty, order_id=2, client_order_id=an_id(2), side=side, order_type=kind)


@pytest.mark.parametrize(
    ("facts", "rest_ms", "found"),
    [
        (LONG, 10_000, 0),
        (LONG, 10_001, 1),
        ([*LONG, stop(10_000)], 99_000, 0),
        ([*LONG, stop(10_001)], 99_000, 1),
        ([*LONG, stop(500, "0.9")], 99_000, 1),
        ([*LONG, stop(500, side="BUY")], 99_000, 1),
        ([*LONG, stop(500, kind="LIMIT")], 99_000, 1),
        ([*LONG, stop(500), said("cancel", 1_000, order_id=2)], 11_000, 0),
        ([*LONG, stop(500), said("cancel", 1_000, order_id=2)], 11_001, 1),
        ([*LONG, published(5_000, "1", mode="REDUCE_ONLY")], 99_000, 0),
        ([*LONG, published(5_000, "1")], 99_000, 1),
        ([configured(), accept(0, "0.04"), fill(0, "0.04")], 99_000, 0),
    ],
)
def test_a_position_is_protected_in_time(facts: list[Fact], rest_ms: int, found: int) -> None:
    law = Protection(within_ns=10 * SECOND_NS)
    assert len(whats(law, facts, rest_ms)) == found
    assert law.checked


def test_it_is_off_unless_it_is_asked_for() -> None:
    law = Protection()
    assert whats(law, LONG, rest_ms=10**9) == []
    assert not law.checked
