"""Every intent ends, in the journal as at the venue."""

import pytest

from audit.told import (
    accept,
    answered,
    cancel_asked,
    executed,
    fill,
    healed,
    intended,
    reported,
    resolved,
    said,
    whats,
)
from nightdesk.audit.facts import Fact
from nightdesk.audit.i05_resolved import Resolution
from nightdesk.model.order import Origin, VenueStatus
from nightdesk.model.outcome import Verdict

FILLED = reported(VenueStatus.FILLED, "1")
CANCELLED = reported(VenueStatus.CANCELLED)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([intended(), accept(), fill(), FILLED], []),
        ([intended(), accept(), fill(), executed()], []),
        ([intended(), accept(), said("cancel"), cancel_asked(), CANCELLED], []),
        (
            [
                intended(),
                accept(),
                fill(qty="0.4"),
                said("expire"),
                reported(VenueStatus.EXPIRED, "0.4"),
            ],
            [],
        ),
        ([intended(), answered(Verdict.REJECTED)], []),
        ([intended(), answered(Verdict.NOT_SENT)], []),
        ([intended(), answered(Verdict.UNKNOWN), resolved()], []),
        ([accept(), fill()], []),
        ([intended()], ["no terminal state"]),
        ([intended(), answered(Verdict.UNKNOWN)], ["no terminal state"]),
        ([intended(), answered(Verdict.ACKED)], ["no terminal state"]),
        ([intended(), accept(), answered(Verdict.ACKED)], ["no terminal state"]),
        (
            [intended(), accept(), fill(qty="0.5"), said("cancel"), CANCELLED],
            ["venue filled 0.5, journal knows 0"],
        ),
        ([intended(), accept(), said("cancel"), FILLED], ["venue filled 0, journal knows 1"]),
        ([intended(), accept(), CANCELLED], ["cancelled in the journal, open at the venue"]),
        ([intended(), accept(), said("expire"), resolved()], []),
        ([intended(), accept(), said("expire"), answered(Verdict.REJECTED)], []),
        (
            [said("market", -5, order_id=None), intended(), FILLED],
            ["the venue never had the order"],
        ),
        ([said("market", 0, order_id=None), intended(), FILLED], ["the venue never had the order"]),
        ([intended(), FILLED, said("market", 5, order_id=None)], []),
    ],
)
def test_an_end_is_an_end_when_both_tell_it(facts: list[Fact], found: list[str]) -> None:
    told = whats(Resolution(resolve_within_ns=0), facts, rest_ms=1_000)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([intended(), answered(Verdict.REJECTED), accept()], 1),
        ([intended(), accept(), answered(Verdict.REJECTED)], 1),
        ([intended(), accept(), answered(Verdict.NOT_SENT)], 1),
        ([intended(), accept(), answered(Verdict.UNKNOWN), resolved()], 1),
        ([intended(), answered(Verdict.REJECTED), accept(), accept(1, order_id=2)], 1),
        ([intended(), accept(), answered(Verdict.UNKNOWN)], 0),
        ([intended(), accept(), answered(Verdict.ACKED)], 0),
        ([intended(), accept(), fill(), said("expire"), resolved()], 1),
        ([intended(), accept(), said("fault_fired", what="order_vanishes"), resolved()], 0),
    ],
)
def test_that_an_order_never_lived_is_no_guess(facts: list[Fact], found: int) -> None:
    law = Resolution()
    told = [finding.what for fact in facts for finding in law.hear(fact)]
    assert len(told) == found, told


def test_an_order_that_both_know_to_rest_is_resolved_where_that_is_said() -> None:
    facts: list[Fact] = [intended(), accept(), answered(Verdict.ACKED)]
    assert whats(Resolution(resolve_within_ns=0, resting=True), facts, rest_ms=1) == []
    assert whats(Resolution(resolve_within_ns=0, resting=True), facts[:1], rest_ms=1) != []


@pytest.mark.parametrize(("origin", "found"), [(Origin.PROTECT, 0), (Origin.STRATEGY, 1)])
def test_an_order_that_protects_rests_also_while_no_desk_runs(origin: Origin, found: int) -> None:
    facts: list[Fact] = [intended(origin=origin), accept(), answered(Verdict.ACKED)]
    assert len(whats(Resolution(resolve_within_ns=0), facts, rest_ms=1)) == found


@pytest.mark.parametrize(("rest_ms", "found"), [(59_999, 0), (60_000, 1)])
def test_young_intents_are_left_alone(rest_ms: int, found: int) -> None:
    assert len(whats(Resolution(), [intended()], rest_ms=rest_ms)) == found


@pytest.mark.parametrize(("rest_ms", "found"), [(69_999, 0), (70_000, 1)])
def test_after_faults_there_is_time_again(rest_ms: int, found: int) -> None:
    assert len(whats(Resolution(), [intended(), healed(10_000)], rest_ms=rest_ms)) == found


def test_a_journal_without_intents_is_not_checked() -> None:
    law = Resolution()
    whats(law, [accept()])
    assert not law.checked
    law.hear(intended())
    assert law.checked
