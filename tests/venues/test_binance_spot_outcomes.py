"""What may be believed of an order after a send or a cancel, whatever arrives."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, D, an_id, an_intent, shared
from nightdesk.model.order import OrderType, ReportSource, Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.venues.http import HttpFailure
from nightdesk.venues.protocol import NoAnswer, NotFound
from venues.spot import CODEC, HTML, HUNG, INTENT, PLACED, REFUSED, answer, refusal

DOCS = "data/rest_fixtures/binance_spot_api_docs"
RESET = HttpFailure(written=True, timed_out=False, cause="reset by peer")
CLOSED = HttpFailure(written=True, timed_out=False, cause="closed without an answer")
NEVER_CONNECTED = HttpFailure(written=False, timed_out=True, cause="connect timed out")


def documented(heading: str, index: int = 0):
    """An example of rest-api.md, its comments removed."""
    text = shared(f"{DOCS}/rest-api.md").read_text(encoding="utf-8")
    section = text.partition(f"\n{heading}\n")[2]
    assert section, heading
    block = re.findall(r"```javascript\n(.*?)```", section, flags=re.DOTALL)[index]
    return json.loads(re.sub(r"(^|\s)//.*", "", block))


# The table of wire events in the design (venues.md 1.2): what each truly means for the order.
OUTCOMES = [
    ("connect refused", REFUSED, Verdict.NOT_SENT, Reason.CONNECTION),
    ("connect timed out", NEVER_CONNECTED, Verdict.NOT_SENT, Reason.CONNECTION),
    ("hang", HUNG, Verdict.UNKNOWN, Reason.TIMEOUT),
    ("reset after write", RESET, Verdict.UNKNOWN, Reason.CONNECTION),
    ("closed without reply", CLOSED, Verdict.UNKNOWN, Reason.CONNECTION),
    ("200", answer(PLACED), Verdict.ACKED, Reason.NONE),
    ("200 cut", answer(b'{"symbol":"BTCU', complete=False), Verdict.UNKNOWN, Reason.UNREADABLE),
    (
        "200 cut where it is still JSON",
        answer(PLACED, complete=False),
        Verdict.UNKNOWN,
        Reason.UNREADABLE,
    ),
    ("200 cut unnoticed", answer(b'{"symbol":"BTCU'), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("200 empty", answer(b""), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("200 {}", answer({}), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("200 []", answer([]), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("200 null", answer(b"null"), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("200 html", answer(HTML), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("200 with an error's body", refusal(200, -2010), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("200 not UTF-8", answer(b'{"symbol":"\xff"}'), Verdict.UNKNOWN, Reason.UNREADABLE),
    (
        "200 of another order",
        answer(PLACED | {"clientOrderId": "another"}),
        Verdict.UNKNOWN,
        Reason.UNREADABLE,
    ),
    ("301", answer(b"", 301), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("400 html", answer(HTML, 400), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("400 cut", refusal(400, -2010, complete=False), Verdict.UNKNOWN, Reason.UNREADABLE),
    (
        "400 filter",
        refusal(400, -1013, "Filter failure: LOT_SIZE"),
        Verdict.REJECTED,
        Reason.PERMANENT,
    ),
    ("400 clock", refusal(400, -1021), Verdict.NOT_SENT, Reason.CLOCK),
    (
        "400 balance",
        refusal(400, -2010, "Account has insufficient balance for requested action."),
        Verdict.REJECTED,
        Reason.BY_BALANCE,
    ),
    (
        "400 would match",
        refusal(400, -2010, "Order would immediately match and take."),
        Verdict.REJECTED,
        Reason.BY_STATE,
    ),
    (
        "400 duplicate: the order already exists",
        refusal(400, -2010, "Duplicate order sent."),
        Verdict.UNKNOWN,
        Reason.BY_STATE,
    ),
    ("400 timeout inside", refusal(400, -1007), Verdict.UNKNOWN, Reason.VENUE_ERROR),
    ("400 unmapped", refusal(400, -7777), Verdict.UNKNOWN, Reason.UNMAPPED),
    ("401 key", refusal(401, -2015), Verdict.REJECTED, Reason.AUTH),
    ("403 firewall", answer(HTML, 403), Verdict.NOT_SENT, Reason.BANNED),
    ("408", answer(b"", 408), Verdict.UNKNOWN, Reason.TIMEOUT),
    ("418", refusal(418, -1003), Verdict.NOT_SENT, Reason.BANNED),
    ("418 empty", answer(b"", 418), Verdict.NOT_SENT, Reason.BANNED),
    ("429", refusal(429, -1003), Verdict.NOT_SENT, Reason.THROTTLED),
    ("429 orders", refusal(429, -1015), Verdict.NOT_SENT, Reason.THROTTLED),
    ("429 html", answer(HTML, 429), Verdict.NOT_SENT, Reason.THROTTLED),
    ("500", answer(b"", 500), Verdict.UNKNOWN, Reason.VENUE_ERROR),
    ("502 html", answer(HTML, 502), Verdict.UNKNOWN, Reason.VENUE_ERROR),
    ("503 unknown error", refusal(503, -1000), Verdict.UNKNOWN, Reason.VENUE_ERROR),
    ("503 disconnected", refusal(503, -1001), Verdict.UNKNOWN, Reason.VENUE_ERROR),
    ("503 unexpected", refusal(503, -1006), Verdict.UNKNOWN, Reason.VENUE_ERROR),
    ("503 overloaded", refusal(503, -1008), Verdict.NOT_SENT, Reason.THROTTLED),
    ("503 html", answer(HTML, 503), Verdict.UNKNOWN, Reason.VENUE_ERROR),
    ("504", answer(HTML, 504), Verdict.UNKNOWN, Reason.VENUE_ERROR),
]


@pytest.mark.parametrize(
    ("result", "verdict", "reason"), [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES]
)
def test_what_may_be_believed_after_a_send(result, verdict, reason):
    outcome = CODEC.placed(INTENT, result)
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    if verdict is not Verdict.ACKED:
        assert outcome.text
        assert outcome.report is None
        assert outcome.executions == ()


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("7", 7), ("120", 120), ("0", 0), ("", 0), ("soon", 0), ("-1", 0), ("1.5", 0)],
)
@pytest.mark.parametrize("status", [418, 429])
def test_the_venues_own_wait_is_told(status, header, wait_s):
    outcome = CODEC.placed(INTENT, refusal(status, -1003, headers={"retry-after": header}))
    assert outcome.wait_ns == wait_s * SECOND_NS
    assert outcome.code == -1003


def test_the_code_and_text_of_a_refusal_are_told():
    outcome = CODEC.placed(INTENT, refusal(400, -1013, "Filter failure: LOT_SIZE"))
    assert (outcome.code, outcome.text) == (-1013, "Filter failure: LOT_SIZE")


def test_an_accepted_order_tells_its_report():
    outcome = CODEC.placed(
        INTENT, answer(PLACED | {"status": "PARTIALLY_FILLED", "executedQty": "0.50"})
    )
    report = outcome.report
    assert report.client_id == INTENT.client_id
    assert report.venue_order_id == "28"
    assert report.instrument == BTCUSDT
    assert report.status is VenueStatus.WORKING
    assert str(report.filled) == "0.5"
    assert report.venue_time == 1507725176595 * MS_NS
    assert report.source is ReportSource.ANSWER


@pytest.mark.recorded
def test_the_documents_full_answer_tells_every_fill():
    example = documented("### New order (TRADE)", 2)
    intent = an_intent(client_id=example["clientOrderId"], side=Side.SELL, qty=D(10))
    outcome = CODEC.placed(intent, answer(example))
    assert len(outcome.executions) == len(example["fills"]) == 5
    assert outcome.verdict is Verdict.ACKED
    assert outcome.report.status is VenueStatus.FILLED
    assert outcome.report.filled == 10
    assert [
        (e.trade_id, e.price, e.qty, e.fee, e.fee_asset, e.side, e.client_id)
        for e in outcome.executions
    ] == [
        (
            str(fill["tradeId"]),
            D(fill["price"]),
            D(fill["qty"]),
            D(fill["commission"]),
            "USDT",
            Side.SELL,
            intent.client_id,
        )
        for fill in example["fills"]
    ]
    assert sum(e.qty for e in outcome.executions) == outcome.report.filled


@pytest.mark.recorded
def test_a_bare_ack_without_a_status_is_not_taken_for_more_than_it_says():
    example = documented("### New order (TRADE)", 0)
    outcome = CODEC.placed(an_intent(client_id=example["clientOrderId"]), answer(example))
    assert outcome.verdict is Verdict.UNKNOWN


@pytest.mark.recorded
def test_the_documents_cancel_answer_is_about_the_original_order():
    example = documented("### Cancel order (TRADE)") | {"symbol": "BTCUSDT"}
    intent = an_intent(client_id="myOrder1")
    outcome = CODEC.cancelled(intent, answer(example))
    assert outcome.verdict is Verdict.ACKED
    assert outcome.report.client_id == "myOrder1"
    assert outcome.report.status is VenueStatus.CANCELLED
    other = CODEC.cancelled(an_intent(client_id="another"), answer(example))
    assert (other.verdict, other.reason) == (Verdict.UNKNOWN, Reason.UNREADABLE)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (refusal(400, -2011, "Unknown order sent."), Verdict.REJECTED),
        (HUNG, Verdict.UNKNOWN),
        (REFUSED, Verdict.NOT_SENT),
        (refusal(429, -1003), Verdict.NOT_SENT),
        (answer(b"", 502), Verdict.UNKNOWN),
    ],
)
def test_what_may_be_believed_after_a_cancel(result, verdict):
    assert CODEC.cancelled(INTENT, result).verdict is verdict


# Whatever arrives

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31),
    st.sampled_from(["", "-1", "0", "1e5", "x"]),
    st.just([]),
    st.just({}),
    st.just([{}]),
)
STATUSES = st.sampled_from([200, 200, 200, 400, 401, 403, 404, 409, 418, 429, 500, 503])


@given(st.binary(max_size=200), STATUSES, st.booleans(), st.text(max_size=5))
def test_no_bytes_at_all_make_anything_but_an_outcome(body, status, complete, wait):
    if any(char.isdigit() and not char.isdecimal() for char in wait):
        return  # a defect of its own, below
    result = answer(body, status, {"retry-after": wait}, complete)
    assert isinstance(CODEC.placed(INTENT, result), Outcome)
    assert isinstance(CODEC.cancelled(INTENT, result), Outcome)
    assert isinstance(CODEC.queried(INTENT, result), (NotFound, NoAnswer))
    opened = CODEC.opened([result])
    assert isinstance(opened, NoAnswer) or body.strip() in (b"[]",)
    for read in (CODEC.held, CODEC.told_time, CODEC.ruled):
        assert isinstance(read(result), NoAnswer) or body.strip() in (b"[]",)


@given(st.sampled_from(sorted(PLACED.keys() - {"symbol"})), JUNK, STATUSES)
def test_an_answer_with_one_field_spoilt_is_still_an_outcome(field, junk, status):
    for body in (PLACED | {field: junk}, {k: v for k, v in PLACED.items() if k != field}):
        outcome = CODEC.placed(INTENT, answer(body, status))
        assert isinstance(outcome, Outcome)
        assert (outcome.verdict is Verdict.ACKED) <= (status == 200)


POISON = [
    ("BinanceSpot._report: NaN reaches canonical's assert", PLACED | {"executedQty": "NaN"}),
    (
        "BinanceSpot._report: infinity reaches canonical's assert",
        PLACED | {"executedQty": "Infinity"},
    ),
    ("BinanceSpot._report: InvalidOperation", PLACED | {"executedQty": "1e40"}),
    ("BinanceSpot._report: Inexact", PLACED | {"executedQty": "1." + "1" * 40}),
    ("BinanceSpot._report: KeyError of a symbol nobody trades", PLACED | {"symbol": "ETHUSDT"}),
    ("binance_spot._read: RecursionError", b'{"x":' + b"[" * 100_000),
]


@pytest.mark.parametrize(
    "body",
    [pytest.param(body, id=reason) for reason, body in POISON],
)
def test_a_poisoned_answer_leaves_the_order_in_doubt_and_never_raises(body):
    for read in (CODEC.placed, CODEC.cancelled):
        outcome = read(INTENT, answer(body))
        assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason.UNREADABLE)


@pytest.mark.parametrize("header", ["\u00b2", "9" * 5_000])
def test_a_wait_that_is_no_number_is_no_wait(header):
    outcome = CODEC.placed(INTENT, refusal(429, -1003, headers={"retry-after": header}))
    assert outcome.verdict is Verdict.NOT_SENT


LEGS = (
    an_intent(client_id=an_id(seq=7), side=Side.SELL, type=OrderType.STOP, trigger=D(90)),
    an_intent(client_id=an_id(seq=8), side=Side.SELL, type=OrderType.TAKE_PROFIT, trigger=D(110)),
)


def listed(*ids: str):
    """The document's own example of an order list, about our orders."""
    example = documented("#### New Order list - OCO (TRADE)", index=0)
    for report, client_id in zip(example["orderReports"], ids, strict=True):
        report |= {"symbol": "BTCUSDT", "clientOrderId": client_id}
    return answer(example)


@pytest.mark.parametrize("turned", [False, True])
def test_a_pairs_answer_is_told_for_each_of_its_orders(turned):
    ids = [leg.client_id for leg in LEGS]
    outcomes = CODEC.placed_pair(*LEGS, listed(*(reversed(ids) if turned else ids)))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACKED, Verdict.ACKED]
    assert [outcome.report.client_id for outcome in outcomes] == ids
    assert {outcome.report.status for outcome in outcomes} == {VenueStatus.WORKING}


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (REFUSED, Verdict.NOT_SENT),
        (HUNG, Verdict.UNKNOWN),
        (answer({"orderReports": []}), Verdict.UNKNOWN),
        (answer(b"{}"), Verdict.UNKNOWN),
        (refusal(400, -2010, "Stop price would trigger immediately."), Verdict.REJECTED),
    ],
)
def test_without_an_answer_of_both_a_pair_is_as_one(result, verdict):
    first, second = CODEC.placed_pair(*LEGS, result)
    assert (first.verdict, second.verdict) == (verdict, verdict)


def test_a_pairs_answer_about_another_order_says_nothing():
    first, second = CODEC.placed_pair(*LEGS, listed(LEGS[0].client_id, "another"))
    assert {first.verdict, second.verdict} == {Verdict.UNKNOWN}


def cancelled_list(*ids: str):
    """The document's example of a cancelled list, about our orders."""
    example = documented("#### Cancel Order list (TRADE)")
    for report, client_id in zip(example["orderReports"], ids, strict=True):
        report |= {"symbol": "BTCUSDT", "origClientOrderId": client_id}
    return answer(example)


@pytest.mark.parametrize("leg", LEGS)
def test_one_of_a_pair_is_cancelled_whichever_shape_the_answer_has(leg):
    leg = msgspec.structs.replace(leg, other=an_id(seq=9))
    of_both = cancelled_list(*(each.client_id for each in LEGS))
    alone = answer(PLACED | {"origClientOrderId": leg.client_id, "status": "CANCELED"})
    for told in (of_both, alone):
        outcome = CODEC.cancelled(leg, told)
        assert outcome.verdict is Verdict.ACKED
        assert outcome.report.client_id == leg.client_id
        assert outcome.report.status is VenueStatus.CANCELLED
    other = cancelled_list("another", "one more")
    assert CODEC.cancelled(leg, other).verdict is Verdict.UNKNOWN
