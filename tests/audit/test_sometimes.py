"""What was met is counted, and what was never met is listed."""

import pytest

from audit.contracts import algo
from audit.told import (
    accept,
    amend_answered,
    amend_asked,
    answered,
    cancel_asked,
    commanded,
    executed,
    fill,
    intended,
    leased,
    opened,
    reported,
    resolved,
    said,
    sent,
)
from builders import D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.sometimes import FAULTS, Sometimes
from nightdesk.lab.catalogue import OF_POSITIONS, FaultKind
from nightdesk.model.order import ReportSource, VenueStatus
from nightdesk.model.outcome import Verdict

UNKNOWN = [intended(), answered(Verdict.UNKNOWN)]
FIRED = said("fault_fired", what="delay", order_id=None)
DENIED = said("refusal", code=-2013, order_id=None)
CANCELLED = reported(VenueStatus.CANCELLED)
NEW = an_id(2)
REPLACING = [intended(), intended(client_id=NEW, replaces=an_id())]


AMENDING = [intended(), answered(Verdict.ACKED), amend_asked()]
AMEND_LOST = [amend_answered(Verdict.UNKNOWN)]


@pytest.mark.parametrize(
    ("facts", "met"),
    [
        ([*UNKNOWN, accept()], ["order accepted, answer lost"]),
        ([*UNKNOWN, algo(5, "NEW", 1)], ["order accepted, answer lost"]),
        ([intended(), accept(), answered(Verdict.UNKNOWN)], ["order accepted, answer lost"]),
        ([intended(), CANCELLED, executed(qty=D("0.5"))], ["fill after cancel ack"]),
        (
            [intended(), CANCELLED, reported(VenueStatus.CANCELLED, "0.5")],
            ["fill after cancel ack", "order partly filled, then cancelled"],
        ),
        ([intended(), CANCELLED, CANCELLED], []),
        (
            [
                intended(),
                accept(),
                DENIED,
                reported(VenueStatus.WORKING, source=ReportSource.QUERY),
            ],
            ["not found then found"],
        ),
        (
            [
                intended(),
                DENIED,
                accept(),
                reported(VenueStatus.WORKING, source=ReportSource.QUERY),
            ],
            [],
        ),
        ([sent(0, client_id="x"), intended(), opened(2)], ["crash between intent and send"]),
        ([intended(), opened(2)], []),
        ([intended(), sent(), opened(2)], ["crash between send and answer"]),
        ([intended(), sent(), answered(Verdict.ACKED), opened(2)], []),
        (
            [intended(), sent(), opened(2), reported(VenueStatus.FILLED, "1")],
            ["crash between send and answer", "unknown resolved as filled"],
        ),
        ([*UNKNOWN, opened(2)], ["new epoch while an order is unknown"]),
        ([*UNKNOWN, executed()], ["unknown resolved as filled"]),
        ([*UNKNOWN, executed(qty=D("0.5"))], ["unknown resolved as open"]),
        ([*UNKNOWN, reported(VenueStatus.WORKING)], ["unknown resolved as open"]),
        ([*UNKNOWN, reported(VenueStatus.EXPIRED)], ["unknown resolved as ended at the venue"]),
        ([*UNKNOWN, resolved(), resolved()], ["unknown resolved as never accepted"]),
        ([*UNKNOWN, commanded("flatten")], ["flatten while an order is unknown"]),
        ([commanded("flatten")], []),
        (
            [leased(), leased(), leased(holder=""), leased(holder="b")],
            ["lease moved to another holder"],
        ),
        ([FIRED], ["fault delay"]),
        ([intended(), FIRED], ["fault delay", "fault delay, order in flight"]),
        ([intended(), answered(Verdict.ACKED), FIRED], ["fault delay"]),
        (
            [intended(), answered(Verdict.ACKED), cancel_asked(), FIRED],
            ["fault delay", "fault delay, order in flight"],
        ),
        ([accept(), fill()], []),
        ([*AMENDING, amend_answered(Verdict.ACKED)], ["order amended in its place"]),
        (
            [*AMENDING, amend_answered(Verdict.REJECTED), FIRED],
            ["amending refused, the old terms stand", "fault delay"],
        ),
        (
            [*AMENDING, FIRED, *AMEND_LOST],
            ["fault delay", "fault delay, order in flight", "amending without an answer"],
        ),
        (
            [*AMENDING, *AMEND_LOST, amend_answered(Verdict.ACKED)],
            ["amending without an answer", "terms without an answer found in force"],
        ),
        (
            [*AMENDING, *AMEND_LOST, reported(VenueStatus.WORKING, qty=D(2), price=D(101))],
            ["amending without an answer", "terms without an answer found in force"],
        ),
        (
            [*AMENDING, *AMEND_LOST, amend_answered(Verdict.NOT_SENT)],
            ["amending without an answer", "terms without an answer never came"],
        ),
        ([*REPLACING, answered(Verdict.ACKED, 1, NEW)], ["order replaced in one request"]),
        ([*REPLACING, answered(Verdict.UNKNOWN, 1, NEW)], ["replacing without an answer"]),
        (
            [*REPLACING, answered(Verdict.NOT_SENT, 1, NEW)],
            ["replacing refused, the old order stays"],
        ),
        (
            [*REPLACING, CANCELLED, answered(Verdict.REJECTED, 1, NEW)],
            ["replacing ended the old order alone"],
        ),
    ],
)
def test_what_facts_show_is_counted(facts: list[Fact], met: list[str]) -> None:
    sometimes = Sometimes()
    for fact in facts:
        sometimes.hear(fact)
    assert {name: n for name, n in sometimes.counts().items() if n} == dict.fromkeys(met, 1)
    assert not set(met) & set(sometimes.never())


def test_what_was_declared_and_never_met_is_listed() -> None:
    sometimes = Sometimes(also=["torn tail replayed"])
    assert "torn tail replayed" in sometimes.never()
    assert set(sometimes.never()) == set(sometimes.counts())
    sometimes.note("torn tail replayed")
    sometimes.note("something else")
    assert "torn tail replayed" not in sometimes.never()
    assert sometimes.counts()["something else"] == 1


def test_every_fault_of_the_lab_is_declared() -> None:
    # No desk follows a depth stream yet: nothing that comes over one can be missed.
    # No world has a venue of positions yet either.
    assert sorted(FAULTS) == sorted(set(FaultKind) - {FaultKind.DEPTH_GAP} - OF_POSITIONS)
