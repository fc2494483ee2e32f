"""What is told of an order that was amended: every record of it, and each request as it left."""

from builders import NOW, D, an_instrument, an_intent
from nightdesk.cli.explain import _client_id, about_of, requests_of
from nightdesk.journal.frame import Frame
from nightdesk.model.ids import Epoch
from nightdesk.model.instrument import Kind
from nightdesk.model.order import Amendment
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.records import AmendAnswered, AmendAsked, Answered, Intended, Record, Spooled
from nightdesk.model.time import SECOND_NS, Wall

PERP = "usdm:BTCUSDT"
RULES = an_instrument(id=PERP, venue="usdm", kind=Kind.PERPETUAL, margin="USDT")
INTENT = an_intent(instrument=PERP)
ENDED = {"reason": Reason.NONE, "code": 0, "text": "", "answered_at": NOW}
PLACED = Answered(client_id=INTENT.client_id, verdict=Verdict.ACKED, sent_at=NOW, **ENDED)


def asked(number: int) -> AmendAsked:
    new = Amendment(
        client_id=INTENT.client_id,
        number=number,
        qty=D(2),
        price=D(100 + number),
        deadline=Wall(NOW + 60 * SECOND_NS),
    )
    return AmendAsked(amendment=new, why="target")


def answered(number: int, sent_at: int) -> AmendAnswered:
    ended = {"verdict": Verdict.ACKED, "sent_at": Wall(sent_at), **ENDED}
    return AmendAnswered(client_id=INTENT.client_id, number=number, **ended)


def story(*records: Record) -> list[tuple[Frame, Record]]:
    frame = Frame(seq=1, epoch=1, at=NOW, previous=b"", body=b"", digest=b"")
    return [(frame, record) for record in records]


def test_every_record_of_an_amendment_is_about_its_order() -> None:
    about = {about_of(record) for record in (Intended(intent=INTENT), asked(1), answered(1, NOW))}
    assert about == {INTENT.client_id}


def test_each_request_is_told_as_it_left_and_none_that_did_not() -> None:
    told = story(
        Intended(intent=INTENT), PLACED, asked(1), answered(1, 0), asked(2), answered(2, NOW)
    )
    sent = requests_of(told, {PERP: RULES})
    assert sent is not None
    assert list(sent) == ["request", "body", "amendment 2"]
    assert sent["request"] == "POST /fapi/v1/order HTTP/1.1"
    assert sent["amendment 2"].startswith("PUT /fapi/v1/order HTTP/1.1 ")
    assert "price=102" in sent["amendment 2"]


def test_one_that_was_spooled_is_found_by_the_decision_that_its_id_names() -> None:
    kept = Spooled(intent=INTENT, epoch=Epoch(1), at=NOW)
    told = story(kept, PLACED)
    assert about_of(kept) == INTENT.client_id
    assert _client_id("1.1", iter(told)) == INTENT.client_id
    assert _client_id("1.2", iter(told)) == "1.2"
    assert requests_of(told, {PERP: RULES}) is not None


def test_an_order_that_never_left_has_no_request() -> None:
    assert requests_of(story(Intended(intent=INTENT)), {PERP: RULES}) is None


def test_an_amendment_that_left_is_told_where_the_order_was_never_answered() -> None:
    told = story(Intended(intent=INTENT), asked(1), answered(1, NOW))
    assert list(requests_of(told, {PERP: RULES}) or ()) == ["amendment 1"]
