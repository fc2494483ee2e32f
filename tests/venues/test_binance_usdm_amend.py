"""Other terms for an order that rests: the request to the byte, and what each answer lets a desk believe."""

import hmac
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, D, an_intent
from nightdesk.model.order import Amendment, OrderType, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from venues.spot import CODEC as SPOT
from venues.spot import HTML, HUNG, REFUSED, answer, refusal
from venues.usdm import CODEC, INTENT, PERP, PLACED, SECRET

NEW = Amendment(
    client_id=INTENT.client_id,
    number=1,
    qty=D("1.5"),
    price=D("1E+2"),
    deadline=Wall(NOW + 2 * SECOND_NS),
)
AMENDED = {**PLACED, "origQty": "1.500", "price": "100.00", "pair": "BTCUSDT"}


def outcome(told):
    return CODEC.amended(INTENT, NEW, told)


def test_a_request_names_the_order_and_tells_both_terms():
    intent = an_intent(instrument=PERP, side=Side.SELL, type=OrderType.POST_ONLY)
    request = CODEC.amend(intent, NEW, NOW)
    payload, _, signature = request.body.decode().rpartition("&signature=")
    assert signature == hmac.new(SECRET.encode(), payload.encode(), "sha256").hexdigest()
    assert (request.method, request.target) == ("PUT", "/fapi/v1/order")
    assert dict(parse_qsl(payload, strict_parsing=True)) == {
        "symbol": "BTCUSDT",
        "origClientOrderId": intent.client_id,
        "side": "SELL",
        "quantity": "1.5",
        "price": "100",
        "recvWindow": "2000",
        "timestamp": str(NOW // MS_NS),
    }


@given(left=st.integers(-5 * SECOND_NS, 120 * SECOND_NS), shift=st.integers(0, 10 * MS_NS))
def test_the_venue_refuses_it_no_later_than_its_own_deadline(left, shift):
    now = Wall(NOW + shift)
    new = msgspec.structs.replace(NEW, deadline=Wall(now + left))
    request = CODEC.amend(INTENT, new, now)
    if request is None:
        assert left < MS_NS
        return
    fields = dict(parse_qsl(request.body.decode()))
    last_ms = int(fields["timestamp"]) + int(fields["recvWindow"])
    assert last_ms * MS_NS <= new.deadline


def test_terms_that_were_taken_are_told():
    told = outcome(answer(AMENDED))
    assert told.verdict is Verdict.ACKED
    assert (told.report.qty, told.report.price) == (D("1.5"), D(100))
    assert told.report.status is VenueStatus.WORKING


@pytest.mark.parametrize(
    ("status", "end"), [("CANCELED", VenueStatus.CANCELLED), ("EXPIRED", VenueStatus.EXPIRED)]
)
def test_an_order_that_the_venue_ended_instead_tells_that(status, end):
    told = outcome(answer({**PLACED, "status": status}))
    assert (told.verdict, told.report.status) == (Verdict.ACKED, end)


@pytest.mark.parametrize(
    ("told", "verdict", "reason"),
    [
        (answer(PLACED), Verdict.UNKNOWN, Reason.UNREADABLE),  # it lives on the old terms
        (answer({**AMENDED, "clientOrderId": "x"}), Verdict.UNKNOWN, Reason.UNREADABLE),
        (answer(HTML), Verdict.UNKNOWN, Reason.UNREADABLE),
        (HUNG, Verdict.UNKNOWN, Reason.TIMEOUT),
        (REFUSED, Verdict.NOT_SENT, Reason.CONNECTION),
        (refusal(400, -5025, "Only limit order is supported."), Verdict.REJECTED, Reason.PERMANENT),
        (
            refusal(400, -5024, "Symbol is not in trading status."),
            Verdict.REJECTED,
            Reason.BY_STATE,
        ),
        (refusal(400, -5029, "MODIFICATION_MIN_NOTIONAL"), Verdict.REJECTED, Reason.PERMANENT),
        (refusal(400, -5026, "Exceed maximum modify"), Verdict.REJECTED, Reason.BY_STATE),
        # They may be in force already: a report tells.
        (refusal(400, -5027, "No need to modify the order."), Verdict.UNKNOWN, Reason.BY_STATE),
        (refusal(400, -5028, "recvWindow"), Verdict.NOT_SENT, Reason.CLOCK),
        (refusal(400, -2013, "Order does not exist."), Verdict.REJECTED, Reason.BY_STATE),
        (refusal(400, -1021, "Timestamp"), Verdict.NOT_SENT, Reason.CLOCK),
        (refusal(503, 0, "Unknown error"), Verdict.UNKNOWN, Reason.VENUE_ERROR),
        (refusal(400, -9999, "news"), Verdict.UNKNOWN, Reason.UNMAPPED),
    ],
)
def test_what_each_answer_lets_a_desk_believe(told, verdict, reason):
    found = outcome(told)
    assert (found.verdict, found.reason, found.report) == (verdict, reason, None)


def test_reports_of_orders_at_the_market_tell_no_terms():
    assert CODEC.queried(INTENT, answer({**PLACED, "type": "MARKET"})).report.qty is None
    assert CODEC.queried(INTENT, answer(PLACED)).report.price == D(100)


def test_spot_offers_no_such_thing():
    assert (CODEC.capabilities.amending, SPOT.capabilities.amending) == (True, False)
    with pytest.raises(AssertionError):
        SPOT.amend(an_intent(), NEW, NOW)
    with pytest.raises(AssertionError):
        SPOT.amended(an_intent(), NEW, REFUSED)
