"""How long orders stayed unknown, and how near the limits came."""

import pytest

from audit.contracts import algo, both, long
from audit.told import (
    accept,
    answered,
    bought,
    configured,
    executed,
    fill,
    intended,
    opened,
    reported,
    resolved,
    said,
)
from builders import an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.gauges import OPEN_ORDERS, POSITION, Gauges
from nightdesk.model.order import VenueStatus
from nightdesk.model.outcome import Verdict


def heard(*facts: Fact) -> Gauges:
    gauges = Gauges()
    for fact in facts:
        gauges.hear(fact)
    return gauges


def test_an_order_that_waits_is_open() -> None:
    assert heard(both(), *long()).worst[OPEN_ORDERS] == pytest.approx(1 / 3, abs=1e-3)
    waiting = heard(both(), *long(), algo(5, "NEW"), algo(6, "NEW", 3))
    assert waiting.worst[OPEN_ORDERS] == pytest.approx(2 / 3, abs=1e-3)
    assert waiting.worst[POSITION] == 0.5


UNKNOWN = [intended(), answered(Verdict.UNKNOWN, 100)]


@pytest.mark.parametrize(
    "resolution",
    [
        reported(VenueStatus.WORKING, ms=1_600),
        reported(VenueStatus.CANCELLED, ms=1_600),
        executed(1_600),
        resolved(1_600),
    ],
)
def test_an_order_is_unknown_until_the_journal_knows_better(resolution: Fact) -> None:
    assert heard(*UNKNOWN).resolved_s == []
    assert heard(*UNKNOWN, resolution, reported(VenueStatus.CANCELLED, ms=9_000)).resolved_s == [
        1.5
    ]


def test_an_order_that_was_heard_of_before_its_answer_was_lost_was_never_unknown() -> None:
    facts = [intended(), reported(VenueStatus.WORKING, ms=50), answered(Verdict.UNKNOWN, 100)]
    assert heard(*facts, reported(VenueStatus.CANCELLED, ms=900)).resolved_s == []


def test_what_one_commit_loses_and_finds_again_was_never_unknown() -> None:
    assert heard(*UNKNOWN, reported(VenueStatus.WORKING, ms=100)).resolved_s == []


@pytest.mark.parametrize("verdict", [Verdict.ACKED, Verdict.REJECTED, Verdict.NOT_SENT])
def test_an_order_that_was_answered_was_never_unknown(verdict: Verdict) -> None:
    facts = [intended(), answered(verdict, 100), opened(2, 500)]
    assert heard(*facts, reported(VenueStatus.CANCELLED, ms=900)).resolved_s == []


def test_what_a_dead_desk_had_not_heard_of_is_unknown_from_the_next_epoch_on() -> None:
    other = {"client_id": an_id(2)}
    facts = [
        intended(),
        intended(10, **other),
        answered(Verdict.ACKED, 20, an_id(2)),
        opened(2, 500),
    ]
    assert heard(*facts, opened(3, 700), resolved(2_500)).resolved_s == [2.0]


def test_the_largest_share_of_each_limit_is_kept() -> None:
    first = bought(10, "0.5", 1)
    gauges = heard(configured(gross_max="10000"), *first)
    assert gauges.worst == {"position": 0.25, "gross": 0.005, "open orders": 0.3333}
    gauges.hear(accept(20, "1", order_id=2, client_order_id=an_id(2)))
    assert gauges.worst["position"] == 0.75
    gauges.hear(said("cancel", 30, order_id=2, client_order_id=an_id(2)))
    gauges.hear(accept(40, "0.1", order_id=3, client_order_id=an_id(3), side="SELL"))
    assert gauges.worst == {"position": 0.75, "gross": 0.015, "open orders": 0.3333}


def test_orders_of_others_and_without_limits_are_not_measured() -> None:
    assert heard(accept(), fill()).worst == {}
    assert heard(configured(), accept(client_order_id="by-hand")).worst == {}


def test_no_limit_has_no_share() -> None:
    assert heard(configured(open_orders_max=None), *bought(1, "1", 1)).worst == {"position": 0.5}
