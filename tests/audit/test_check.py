"""Planted journals and venue logs: every violation is found, and what is in order is not."""

from decimal import Decimal

import pytest

from builders import NOW, D, a_report, an_execution, an_id, an_intent
from nightdesk.audit.check import JournalView, check, duplicates
from nightdesk.audit.venue_log import Entry, VenueLog, decode_log
from nightdesk.model.order import VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.records import Answered, Executed, Intended, Record, Reported, Resolved
from nightdesk.model.time import Wall

ID = an_id()


def fact(kind: str, seq: int = 1, **rest: object) -> Entry:
    made = {
        "seq": seq,
        "at_ns": NOW + seq * 1_000_000,
        "kind": kind,
        "account": "practice",
        "client_order_id": ID,
        "order_id": 1,
        "symbol": "BTCUSDT",
        "side": "BUY",
        **rest,
    }
    return Entry(**made)  # type: ignore[arg-type]


def accept(order_id: int = 1, qty: str = "1", client_id: str = ID) -> Entry:
    return fact("accept", order_id=order_id, quantity=D(qty), client_order_id=client_id)


def fill(qty: str = "1", order_id: int = 1) -> Entry:
    return fact("fill", order_id=order_id, last_quantity=D(qty), last_price=D(100))


def answered(verdict: Verdict) -> Answered:
    return Answered(
        client_id=ID,
        verdict=verdict,
        reason=Reason.NONE,
        code=0,
        text="",
        sent_at=NOW,
        answered_at=NOW,
    )


INTENT = Intended(intent=an_intent())
FILLED = Reported(report=a_report(status=VenueStatus.FILLED, filled=D(1)))
CANCELLED = Reported(report=a_report(status=VenueStatus.CANCELLED))


def laws(records: list[Record], entries: list[Entry]) -> list[str]:
    view = JournalView((Wall(NOW), r) for r in records)
    return [f.law for f in check(view, VenueLog(entries, "practice"))]


@pytest.mark.parametrize(
    ("records", "entries"),
    [
        ([INTENT, FILLED], [accept(), fill()]),
        ([INTENT, Executed(execution=an_execution())], [accept(), fill()]),
        ([INTENT, CANCELLED], [accept(), fact("cancel")]),
        ([INTENT, answered(Verdict.REJECTED)], []),
        ([INTENT, answered(Verdict.NOT_SENT)], []),
        ([INTENT, Resolved(client_id=ID, evidence="x")], []),
        ([], [accept(client_id="web_somebody-else")]),
        ([], [fact("accept", quantity=D(1), account="another")]),
        ([], []),
    ],
    ids=[
        "filled",
        "by trades",
        "cancelled",
        "rejected",
        "unsent",
        "resolved",
        "foreign",
        "other",
        "",
    ],
)
def test_what_is_in_order_is_not_found(records: list[Record], entries: list[Entry]) -> None:
    assert laws(records, entries) == []


def test_an_order_at_the_venue_without_an_intent_breaks_write_ahead() -> None:
    assert laws([], [accept(), fill()]) == ["write-ahead"]


def test_an_intent_accepted_twice_is_doubled() -> None:
    entries = [accept(1), fill(order_id=1), accept(2), fill(order_id=2)]
    records = [INTENT, Reported(report=a_report(status=VenueStatus.FILLED, filled=D(2)))]
    findings = check(JournalView((Wall(NOW), r) for r in records), VenueLog(entries, "practice"))
    assert "no duplicate" in [f.law for f in findings]
    assert duplicates(findings) == 1


def test_an_intent_open_twice_is_doubled_before_anything_fills() -> None:
    assert "no duplicate" in laws([INTENT, CANCELLED], [accept(1), accept(2)])


def test_accepted_again_after_a_cancel_with_nothing_filled_is_not_more_than_was_intended() -> None:
    entries = [accept(1), fact("cancel", order_id=1), accept(2), fill(order_id=2)]
    assert laws([INTENT, FILLED], entries) == []


@pytest.mark.parametrize("known", ["0", "0.4"])
def test_a_fill_the_journal_does_not_know_is_found(known: str) -> None:
    record = Reported(report=a_report(status=VenueStatus.CANCELLED, filled=D(known)))
    assert laws([INTENT, record], [accept(), fill("0.5"), fact("cancel")]) == ["venue is truth"]


def test_a_fill_the_venue_does_not_know_is_found() -> None:
    assert laws([INTENT, FILLED], [accept(), fact("cancel")]) == ["venue is truth"]


@pytest.mark.parametrize(
    "records", [[INTENT], [INTENT, answered(Verdict.UNKNOWN)], [INTENT, answered(Verdict.ACKED)]]
)
def test_an_intent_without_an_end_is_found(records: list[Record]) -> None:
    assert laws(records, []) == ["every intent resolved"]


def test_several_violations_are_all_found() -> None:
    other = an_id(2)
    records = [INTENT, Intended(intent=an_intent(client_id=other))]
    found = laws(records, [accept(1), fill(order_id=1), accept(2), accept(3, client_id=an_id(9))])
    assert sorted(found) == [
        "every intent resolved",
        "every intent resolved",
        "no duplicate",
        "venue is truth",
        "write-ahead",
    ]


def test_an_order_that_arrived_before_its_intent_was_durable_breaks_write_ahead() -> None:
    view = JournalView([(Wall(NOW + 10**9), INTENT), (Wall(NOW + 10**9), FILLED)])
    entries = [fact("arrival", order_id=None), accept(), fill()]
    assert "write-ahead" in [f.law for f in check(view, VenueLog(entries, "practice"))]


def test_a_log_is_read_from_json_lines() -> None:
    lines = [
        b'{"seq":1,"at_ns":1,"kind":"accept","account":"practice","client_order_id":"a","order_id":1,'
        b'"quantity":"2","symbol":"BTCUSDT","side":"BUY","unknown_to_us":true}\n',
        b"\n",
        b'{"seq":2,"at_ns":2,"kind":"fill","account":"practice","order_id":1,"last_quantity":"0.5",'
        b'"last_price":"100"}\n',
    ]
    log = VenueLog(decode_log(lines), "practice")
    assert (log.fills, log.partial_fills, log.volume) == (1, 1, Decimal(50))
