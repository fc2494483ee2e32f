"""One request for two orders: what may be believed of either, whatever arrives."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, D, an_id, an_intent
from nightdesk.model.order import OrderType, Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import Wall
from nightdesk.venues.binance_replace import PATH
from venues.spot import CODEC, HTML, HUNG, PLACED, REFUSED, answer, refusal
from venues.test_binance_spot_outcomes import JUNK, STATUSES, documented

OLD = an_id(seq=8)
STOP = an_intent(
    client_id=an_id(seq=9),
    side=Side.SELL,
    type=OrderType.STOP,
    trigger=D(95),
    price=D(95),
    replaces=OLD,
)
SECTION = "### Cancel an Existing Order and Send a New Order (TRADE)"
ENDED = PLACED | {"clientOrderId": "x", "origClientOrderId": OLD, "status": "CANCELED"}
NEW = PLACED | {"clientOrderId": STOP.client_id, "type": "STOP_LOSS", "side": "SELL"}
NO_SUCH = {"code": -2011, "msg": "Unknown order sent."}
AT_ONCE = {"code": -2010, "msg": "Stop price would trigger immediately."}
Belief = tuple[Verdict, Reason]
ACKED: Belief = (Verdict.ACKED, Reason.NONE)
UNSURE: Belief = (Verdict.UNKNOWN, Reason.UNREADABLE)
ERROR: Belief = (Verdict.UNKNOWN, Reason.VENUE_ERROR)
GONE: Belief = (Verdict.REJECTED, Reason.BY_STATE)
NOT_TRIED: Belief = (Verdict.NOT_SENT, Reason.BY_STATE)


def told(cancel, new, cancel_body, new_body, **changed):
    """The four fields of an answer in halves."""
    made = {"cancelResult": cancel, "newOrderResult": new}
    return made | {"cancelResponse": cancel_body, "newOrderResponse": new_body} | changed


BOTH = told("SUCCESS", "SUCCESS", ENDED, NEW)
NEITHER = told("FAILURE", "NOT_ATTEMPTED", NO_SUCH, None)
ONLY_ENDED = told("SUCCESS", "FAILURE", ENDED, AT_ONCE)


def failed(status, code, data, **changed):
    return answer({"code": code, "msg": "text", "data": data}, status, **changed)


# what arrives, what may be believed of the new order, and of the old one's cancel
OUTCOMES = [
    ("200 both", answer(BOTH), ACKED, ACKED),
    ("400 neither", failed(400, -2022, NEITHER), NOT_TRIED, GONE),
    ("409 only the cancel", failed(409, -2021, ONLY_ENDED), GONE, ACKED),
    (
        "409 new without balance",
        failed(
            409,
            -2021,
            ONLY_ENDED
            | {"newOrderResponse": {"code": -2010, "msg": "Account has insufficient balance"}},
        ),
        (Verdict.REJECTED, Reason.BY_BALANCE),
        ACKED,
    ),
    (
        "409 new unsure",
        failed(409, -2021, ONLY_ENDED | {"newOrderResponse": {"code": -1007, "msg": "Timeout"}}),
        ERROR,
        ACKED,
    ),
    (
        "400 cancel unsure",
        failed(400, -2022, NEITHER | {"cancelResponse": {"code": -1006, "msg": "Unexpected"}}),
        NOT_TRIED,
        ERROR,
    ),
    ("409 cut", failed(409, -2021, ONLY_ENDED, complete=False), UNSURE, UNSURE),
    ("400 without its halves", refusal(400, -2022), ERROR, ERROR),
    ("409 without its halves", refusal(409, -2021), ERROR, ERROR),
    ("400 saying that both went well", failed(400, -2022, BOTH), ERROR, ERROR),
    (
        "409 as if failures were allowed",
        failed(409, -2021, told("FAILURE", "SUCCESS", NO_SUCH, NEW)),
        ERROR,
        ERROR,
    ),
    ("200 saying that one failed", answer(ONLY_ENDED), UNSURE, UNSURE),
    ("200 with a word nobody knows", answer(BOTH | {"newOrderResult": "MAYBE"}), UNSURE, UNSURE),
    (
        "200 about another new order",
        answer(BOTH | {"newOrderResponse": NEW | {"clientOrderId": "another"}}),
        UNSURE,
        ACKED,
    ),
    (
        "200 about another old order",
        answer(BOTH | {"cancelResponse": ENDED | {"origClientOrderId": "another"}}),
        ACKED,
        UNSURE,
    ),
    ("200 with an empty half", answer(BOTH | {"newOrderResponse": None}), UNSURE, ACKED),
    ("200 of a plain order", answer(NEW), UNSURE, UNSURE),
    ("200 cut", answer(BOTH, complete=False), UNSURE, UNSURE),
    ("200 {}", answer({}), UNSURE, UNSURE),
    ("200 html", answer(HTML), UNSURE, UNSURE),
    ("502 html", answer(HTML, 502), ERROR, ERROR),
    ("503 with halves", failed(503, -2021, ONLY_ENDED), ERROR, ERROR),
    ("504 -1007", refusal(504, -1007), ERROR, ERROR),
    (
        "400 filter",
        refusal(400, -1013, "Filter failure: LOT_SIZE"),
        (Verdict.REJECTED, Reason.PERMANENT),
        (Verdict.NOT_SENT, Reason.PERMANENT),
    ),
    (
        "400 clock",
        refusal(400, -1021),
        (Verdict.NOT_SENT, Reason.CLOCK),
        (Verdict.NOT_SENT, Reason.CLOCK),
    ),
    (
        "429 too many orders",
        refusal(429, -1015),
        (Verdict.NOT_SENT, Reason.THROTTLED),
        (Verdict.NOT_SENT, Reason.THROTTLED),
    ),
    (
        "connect refused",
        REFUSED,
        (Verdict.NOT_SENT, Reason.CONNECTION),
        (Verdict.NOT_SENT, Reason.CONNECTION),
    ),
    ("hang", HUNG, (Verdict.UNKNOWN, Reason.TIMEOUT), (Verdict.UNKNOWN, Reason.TIMEOUT)),
]


@pytest.mark.parametrize(
    ("result", "new", "cancel"), [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES]
)
def test_what_may_be_believed_of_either(result, new: Belief, cancel: Belief) -> None:
    of_new, of_cancel = CODEC.replaced(STOP, result)
    assert (of_new.verdict, of_new.reason) == new
    assert (of_cancel.verdict, of_cancel.reason) == cancel
    for outcome, client_id in ((of_new, STOP.client_id), (of_cancel, OLD)):
        acked = outcome.verdict is Verdict.ACKED
        assert acked == (outcome.report is not None)
        assert not acked or outcome.report.client_id == client_id


def test_what_ended_tells_what_it_had_filled() -> None:
    ended = answer(BOTH | {"cancelResponse": ENDED | {"executedQty": "0.40"}})
    new, cancel = CODEC.replaced(STOP, ended)
    assert (cancel.report.status, cancel.report.filled) == (VenueStatus.CANCELLED, D("0.4"))
    assert (new.report.status, new.report.filled) == (VenueStatus.WORKING, 0)


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("index", "status", "new", "cancel"),
    [(0, 200, ACKED, ACKED), (1, 400, NOT_TRIED, GONE), (2, 409, GONE, ACKED)],
)
def test_the_documents_own_answers(index, status, new: Belief, cancel: Belief) -> None:
    example = documented(SECTION, index)
    halves = example.get("data", example)
    placed, ended = halves["newOrderResponse"] or {}, halves["cancelResponse"]
    intent = msgspec.structs.replace(
        STOP,
        client_id=placed.get("clientOrderId", STOP.client_id),
        replaces=ended.get("origClientOrderId", OLD),
    )
    of_new, of_cancel = CODEC.replaced(intent, answer(example, status))
    assert (of_new.verdict, of_new.reason) == new
    assert (of_cancel.verdict, of_cancel.reason) == cancel


def test_the_request_names_both_and_stops_where_the_old_one_cannot_end() -> None:
    request = CODEC.place(STOP, Wall(STOP.deadline - 1_500_000_000))
    assert request is not None
    fields = dict(field.split("=") for field in request.body.decode().split("&"))
    assert (request.method, request.target) == ("POST", PATH)
    assert (
        fields.items()
        >= {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "type": "STOP_LOSS",
            "quantity": "1",
            "stopPrice": "95",
            "newClientOrderId": STOP.client_id,
            "cancelOrigClientOrderId": OLD,
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "recvWindow": "1500",
        }.items()
    )
    assert CODEC.place(STOP, STOP.deadline) is None
    assert STOP.instrument == BTCUSDT


@given(st.binary(max_size=200), STATUSES, st.booleans())
def test_no_bytes_make_anything_but_two_outcomes(body, status, complete) -> None:
    for outcome in CODEC.replaced(STOP, answer(body, status, {}, complete)):
        assert isinstance(outcome, Outcome)
        assert outcome.verdict is not Verdict.ACKED


@given(st.sampled_from([BOTH, NEITHER, ONLY_ENDED]), st.sampled_from(sorted(BOTH)), JUNK, STATUSES)
def test_an_answer_with_one_field_spoilt_never_vouches_for_that_half(
    whole, field, junk, status
) -> None:
    spoilt = whole | {field: junk}
    body = spoilt if status == 200 else {"code": -2021, "msg": "", "data": spoilt}
    new, cancel = CODEC.replaced(STOP, answer(json.dumps(body).encode(), status))
    assert (new.verdict is Verdict.ACKED) <= (field == "cancelResponse")
    assert (cancel.verdict is Verdict.ACKED) <= (field == "newOrderResponse")
