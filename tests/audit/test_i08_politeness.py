"""Weights and waits."""

import pytest

from audit.told import KEY, arrival, at, bought, intended, said, sent, whats
from builders import NOW, an_id
from nightdesk.audit.facts import Fact, ToldToWait
from nightdesk.audit.i08_politeness import Politeness
from nightdesk.audit.venue_log import Sender
from nightdesk.model.order import Origin, Side
from nightdesk.model.time import MS_NS, SECOND_NS

MINUTE_NS = 60 * SECOND_NS
TO_NEXT_MS = (MINUTE_NS - NOW % MINUTE_NS) // MS_NS  # 45 s
OURS, FOREIGN = Sender(api_key=KEY), Sender(api_key="another")


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([sent(0, weight=3), sent(1, "query", weight=7)], 0),
        ([sent(0, weight=3), sent(1, "query", weight=8)], 1),
        ([sent(n, weight=6) for n in range(9)], 1),
        ([sent(0, weight=10), sent(TO_NEXT_MS, weight=10)], 0),
        ([sent(0, weight=10), sent(TO_NEXT_MS - 1, weight=1)], 1),
    ],
)
def test_the_weight_of_a_minute_is_capped(facts: list[Fact], found: int) -> None:
    assert len(whats(Politeness(weight_max=10), facts)) == found


def refused(code: int, reason: str = "", **rest: object) -> Fact:
    return said("refusal", 0, code=code, reason=reason, order_id=None, **rest)


BAN = f"Way too much request weight used; IP banned until {at(120_000) // MS_NS}. Please"


@pytest.mark.parametrize(
    ("refusal", "sent_ms", "found"),
    [
        (refused(-1003, "Too much"), 1_999, 0),
        (refused(-1003, "Too much"), 2_000, 1),
        (refused(-1003, "Too much"), TO_NEXT_MS - 1, 1),
        (refused(-1003, "Too much"), TO_NEXT_MS, 0),
        (refused(-1003, BAN), 119_999, 1),
        (refused(-1003, BAN), 120_000, 0),
        (refused(-1015), 4_999, 1),
        (refused(-1015), 5_000, 0),
        (refused(-2010), 3_000, 0),
        (said("fault_fired", what="rate_limit_429"), 6_999, 1),
        (said("fault_fired", what="rate_limit_429"), 7_000, 0),
        (said("fault_fired", what="delay"), 3_000, 0),
    ],
)
def test_nothing_is_placed_until_the_wait_is_over(refusal: Fact, sent_ms: int, found: int) -> None:
    def law() -> Politeness:
        return Politeness(fault_wait_ns=7 * SECOND_NS)

    assert len(whats(law(), [refusal, sent(sent_ms)])) == found
    assert len(whats(law(), [refusal, arrival(sent_ms)])) == found
    assert whats(law(), [refusal, sent(sent_ms, "cancel"), sent(sent_ms, "query")]) == []
    assert whats(law(), [refusal, sent(sent_ms, after_wait=True)]) == []


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (refused(-1003, "Too much"), 1),
        (refused(-1003, BAN), 1),
        (refused(-1015), 1),
        (refused(-2010), 0),
        (said("fault_fired", what="rate_limit_429"), 0),
    ],
)
def test_a_desk_that_is_alone_is_never_refused_for_too_much(told: Fact, found: int) -> None:
    assert len(whats(Politeness(alone=True), [told])) == found
    assert not whats(Politeness(), [told])


def test_what_another_key_was_refused_is_not_ours() -> None:
    before = arrival(-10, sender=OURS)
    late = arrival(3_000, client_order_id=an_id(2), sender=OURS)
    for sender, found in ((OURS, 1), (FOREIGN, 0)):
        facts = [before, refused(-1003, "Too much", account=None, sender=sender), late]
        assert len(whats(Politeness(), facts)) == found


def test_orders_of_others_may_come_as_they_like() -> None:
    foreign = arrival(3_000, client_order_id="web_x")
    assert whats(Politeness(), [refused(-1003, "Too much"), foreign]) == []


def test_a_faults_wait_nobody_logged_is_not_judged() -> None:
    law = Politeness()
    assert whats(law, [said("fault_fired", what="ban_418"), arrival(3_000)]) == []
    assert not law.checked


@pytest.mark.parametrize(
    ("node", "sent_ms", "side", "origin", "found"),
    [
        ("a", 2_994, Side.BUY, Origin.STRATEGY, 1),
        ("a", 2_994, Side.BUY, Origin.TARGET, 1),
        ("a", 2_996, Side.BUY, Origin.STRATEGY, 0),  # its clock is a little fast
        ("a", 3_000, Side.BUY, Origin.STRATEGY, 0),
        ("a", 2_994, Side.SELL, Origin.STRATEGY, 0),  # may reduce: the way out
        ("a", 2_994, Side.BUY, Origin.FLATTEN, 0),
        ("b", 2_994, Side.BUY, Origin.STRATEGY, 0),  # has not heard of it
    ],
)
def test_no_entry_leaves_a_node_that_has_heard_the_wait(
    node: str, sent_ms: int, side: Side, origin: Origin, found: int
) -> None:
    told = ToldToWait(at_ns=at(0), node="a", until_ns=at(3_000))
    sooner = ToldToWait(at_ns=at(1), node="a", until_ns=at(1_000))
    entry = intended(side=side, origin=origin)
    facts = [*bought(-50, "2", 7), told, sooner, entry, sent(sent_ms, node=node)]
    assert len(whats(Politeness(), facts)) == found
