"""Requests to the byte, and what may be believed of every answer."""

import hmac
import json
import re
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, NOW, D, an_id, an_instrument, an_intent, shared
from nightdesk.model.errors import BadInput
from nightdesk.model.order import OrderType, ReportSource, Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import RECV_WINDOW_MS_MAX, BinanceSpot
from nightdesk.venues.http import HttpAnswer, HttpFailure
from nightdesk.venues.protocol import Found, NoAnswer, NotFound

DOCS = "data/rest_fixtures/binance_spot_api_docs"
NAUTILUS = "data/rest_fixtures/nautilus/binance/spot/http_json"
SECRET = "secret"
CODEC = BinanceSpot("binance", HmacSigner("key", SECRET), {"BTCUSDT": BTCUSDT})
INTENT = an_intent()
PLACED = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": INTENT.client_id,
    "transactTime": 1507725176595,
    "price": "100.00000000",
    "origQty": "1.00000000",
    "executedQty": "0.00000000",
    "status": "NEW",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "fills": [],
}


def answer(body, status=200, headers=None, complete=True) -> HttpAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status=status, headers=headers or {}, body=raw, complete=complete)


def codec_for(symbol: str) -> tuple[BinanceSpot, str]:
    return BinanceSpot("binance", HmacSigner("key", SECRET), {symbol: f"binance:{symbol}"}), (
        f"binance:{symbol}"
    )


def signed(payload: str) -> str:
    """What the venue computes over the payload."""
    return hmac.new(SECRET.encode(), payload.encode(), "sha256").hexdigest()


def documented(heading: str, index: int = 0):
    """An example of rest-api.md, its comments removed."""
    text = shared(f"{DOCS}/rest-api.md").read_text(encoding="utf-8")
    section = text.partition(f"\n{heading}\n")[2]
    assert section, heading
    block = re.findall(r"```javascript\n(.*?)```", section, flags=re.DOTALL)[index]
    return json.loads(re.sub(r"\s//.*", "", block))


def fixture(name: str):
    return json.loads(shared(f"{NAUTILUS}/{name}.json").read_text())


# Requests


def test_an_order_is_exactly_these_bytes():
    request = CODEC.place(INTENT, NOW)
    payload = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100"
        f"&newClientOrderId={INTENT.client_id}&newOrderRespType=FULL"
        f"&recvWindow=2000&timestamp={NOW // MS_NS}"
    )
    assert (request.method, request.target) == ("POST", "/api/v3/order")
    assert request.body.decode() == f"{payload}&signature={signed(payload)}"
    assert dict(request.headers) == {
        "X-MBX-APIKEY": "key",
        "Content-Type": "application/x-www-form-urlencoded",
    }


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (OrderType.LIMIT, {"type": "LIMIT", "timeInForce": "GTC"}),
        (OrderType.IOC, {"type": "LIMIT", "timeInForce": "IOC"}),
        (OrderType.FOK, {"type": "LIMIT", "timeInForce": "FOK"}),
        (OrderType.POST_ONLY, {"type": "LIMIT_MAKER"}),
    ],
)
@pytest.mark.parametrize(("side", "word"), [(Side.BUY, "BUY"), (Side.SELL, "SELL")])
def test_each_kind_of_order_has_the_parameters_the_venue_wants(kind, parameters, side, word):
    intent = an_intent(type=kind, side=side, qty=D("0.00001000"), price=D("1E+5"))
    sent = dict(parse_qsl(CODEC.place(intent, NOW).body.decode(), strict_parsing=True))
    del sent["signature"]
    assert sent == parameters | {
        "symbol": "BTCUSDT",
        "side": word,
        "quantity": "0.00001",
        "price": "100000",
        "newClientOrderId": INTENT.client_id,
        "newOrderRespType": "FULL",
        "recvWindow": "2000",
        "timestamp": str(NOW // MS_NS),
    }


@given(st.integers(-5 * SECOND_NS, 120 * SECOND_NS), st.integers(0, 10 * MS_NS))
def test_the_venue_refuses_the_order_no_later_than_its_deadline(left, shift):
    now = Wall(NOW + shift)
    intent = an_intent(deadline=Wall(now + left))
    request = CODEC.place(intent, now)
    if request is None:
        assert left < MS_NS
        return
    sent = dict(parse_qsl(request.body.decode()))
    window, timestamp = int(sent["recvWindow"]), int(sent["timestamp"])
    assert timestamp == now // MS_NS
    assert 0 < window <= RECV_WINDOW_MS_MAX == 60_000
    assert (timestamp + window) * MS_NS <= intent.deadline
    if window < RECV_WINDOW_MS_MAX:
        assert intent.deadline - (timestamp + window) * MS_NS < MS_NS


@pytest.mark.parametrize("left", [0, -1, -SECOND_NS])
def test_past_its_deadline_an_order_has_no_request(left):
    assert CODEC.place(an_intent(deadline=Wall(NOW + left)), NOW) is None


@pytest.mark.parametrize(
    ("request_", "method", "path", "parameters"),
    [
        (
            CODEC.cancel(INTENT, NOW),
            "DELETE",
            "/api/v3/order",
            f"symbol=BTCUSDT&origClientOrderId={an_id()}&",
        ),
        (
            CODEC.query(INTENT, NOW),
            "GET",
            "/api/v3/order",
            f"symbol=BTCUSDT&origClientOrderId={an_id()}&",
        ),
        (
            CODEC.trades(INTENT, "28", NOW),
            "GET",
            "/api/v3/myTrades",
            "symbol=BTCUSDT&orderId=28&limit=1000&",
        ),
        (CODEC.open_orders(an_instrument(), NOW), "GET", "/api/v3/openOrders", "symbol=BTCUSDT&"),
        (CODEC.account(NOW), "GET", "/api/v3/account", ""),
    ],
    ids=["cancel", "query", "trades", "open_orders", "account"],
)
def test_a_signed_question_carries_all_in_its_query(request_, method, path, parameters):
    payload = f"{parameters}recvWindow=5000&timestamp={NOW // MS_NS}"
    assert request_.method == method
    assert request_.target == f"{path}?{payload}&signature={signed(payload)}"
    assert request_.headers == (("X-MBX-APIKEY", "key"),)
    assert request_.body == b""


def test_public_questions_are_not_signed():
    for request in (
        CODEC.time(),
        CODEC.rules(["BTCUSDT", "ETHUSDT"]),
        CODEC.price(an_instrument()),
    ):
        assert request.method == "GET"
        assert request.headers == ()
        assert "signature" not in request.target
    assert CODEC.time().target == "/api/v3/time"
    assert CODEC.price(an_instrument()).target == "/api/v3/ticker/bookTicker?symbol=BTCUSDT"
    rules = unquote(CODEC.rules(["BTCUSDT", "ETHUSDT"]).target)
    assert rules == '/api/v3/exchangeInfo?symbols=["BTCUSDT","ETHUSDT"]'


def test_a_symbol_of_other_letters_is_percent_encoded_before_it_is_signed():
    codec, instrument = codec_for(
        "\uff11\uff12\uff13\uff14\uff15\uff16"
    )  # the document's own example
    body = codec.place(an_intent(instrument=instrument), NOW).body
    assert body.startswith(b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side")


# What became of an order

REFUSED = HttpFailure(written=False, timed_out=False, cause="connect refused")
HUNG = HttpFailure(written=True, timed_out=True, cause="no answer in 5 s")
RESET = HttpFailure(written=True, timed_out=False, cause="reset by peer")
CLOSED = HttpFailure(written=True, timed_out=False, cause="closed without an answer")
NEVER_CONNECTED = HttpFailure(written=False, timed_out=True, cause="connect timed out")
HTML = b"<html><body>502 Bad Gateway</body></html>"


def refusal(status, code, message="text", **changed):
    return answer({"code": code, "msg": message}, status, **changed)


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


# Questions


def test_a_query_finds_the_order_by_our_id():
    found = CODEC.queried(
        INTENT, answer(PLACED | {"status": "CANCELED", "updateTime": 5, "transactTime": 0})
    )
    assert isinstance(found, Found)
    assert found.report.status is VenueStatus.CANCELLED
    assert found.report.source is ReportSource.QUERY
    assert found.report.venue_time == 5 * MS_NS


@pytest.mark.parametrize("code", [-2013, -2026])
def test_not_found_is_said_only_by_the_venue_itself(code):
    assert isinstance(CODEC.queried(INTENT, refusal(400, code)), NotFound)


@pytest.mark.parametrize(
    "result",
    [
        REFUSED,
        HUNG,
        answer(b"", 404),
        answer(HTML, 404),
        answer(b"", 200),
        answer({}, 200),
        refusal(400, -2011, "Unknown order sent."),
        refusal(429, -1003),
        refusal(503, -1000),
        refusal(400, -2013, complete=False),
        answer(PLACED | {"clientOrderId": "another"}),
    ],
)
def test_anything_else_is_no_answer_at_all(result):
    assert isinstance(CODEC.queried(INTENT, result), NoAnswer)


@pytest.mark.recorded
def test_the_documents_query_is_read():
    found = CODEC.queried(
        an_intent(client_id="myOrder1"), answer(fixture("order_response") | {"symbol": "BTCUSDT"})
    )
    assert isinstance(found, Found)
    assert found.report.status is VenueStatus.WORKING


@pytest.mark.recorded
def test_trades_of_one_order_are_read():
    [trade] = CODEC.traded(INTENT, answer(fixture("account_trades_response")))
    assert msgspec.to_builtins(trade) == {
        "client_id": INTENT.client_id,
        "instrument": BTCUSDT,
        "trade_id": "28457",
        "side": "buy",
        "price": "4.000001",
        "qty": "12",
        "fee": "10.1",
        "fee_asset": "BNB",
        "maker": False,
        "venue_time": 1499865549590 * MS_NS,
    }


def test_trades_without_an_answer_are_none_and_not_an_empty_list():
    assert isinstance(CODEC.traded(INTENT, HUNG), NoAnswer)
    assert CODEC.traded(INTENT, answer([])) == []


@pytest.mark.recorded
def test_open_orders_of_other_instruments_are_left_out():
    theirs = fixture("open_orders_response")
    ours = [theirs[0] | {"symbol": "BTCUSDT", "clientOrderId": "by hand"}]
    reports = CODEC.opened(answer(theirs + ours))
    assert [report.client_id for report in reports] == ["by hand"]
    assert isinstance(CODEC.opened(answer(b"", 502)), NoAnswer)


def test_free_and_locked_are_held_together():
    balances = [
        {"asset": "BTC", "free": "1.50000000", "locked": "0.25000000"},
        {"asset": "XYZ", "free": "0.00000000", "locked": "0.00000000"},
    ]
    assert CODEC.held(answer({"balances": balances})) == {"BTC": D("1.75"), "XYZ": D(0)}
    assert isinstance(CODEC.held(answer({})), NoAnswer)


@pytest.mark.recorded
def test_the_documents_account_is_read():
    assert CODEC.held(answer(fixture("account_response"))) == {
        "BTC": D("4723846.89208129"),
        "LTC": D("4763368.68006011"),
    }


def test_the_venues_clock_is_told_to_the_millisecond():
    assert CODEC.told_time(answer({"serverTime": 1499827319559})) == 1499827319559 * MS_NS
    assert isinstance(CODEC.told_time(answer(HTML)), NoAnswer)


FILTERS = [
    {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01",
        "maxPrice": "1000000",
        "tickSize": "0.01000000",
    },
    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001000"},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
]


def ruled(filters, symbol="BTCUSDT"):
    symbol_ = {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": filters,
    }
    return CODEC.ruled(answer({"symbols": [symbol_]}))


def test_the_venues_filters_become_the_instruments_grid():
    assert ruled(FILTERS) == {"BTCUSDT": an_instrument(qty_max=D(9000))}


def test_the_older_notional_filter_counts_too_and_none_means_zero():
    older = [*FILTERS[:2], {"filterType": "MIN_NOTIONAL", "minNotional": "10"}]
    assert ruled(older)["BTCUSDT"].notional_min == 10
    assert ruled(FILTERS[:2])["BTCUSDT"].notional_min == 0


@pytest.mark.parametrize("missing", [0, 1])
def test_an_instrument_without_tick_or_lot_is_refused_by_name(missing):
    with pytest.raises(BadInput, match=r"BTCUSDT.*no tick or lot size"):
        ruled([f for index, f in enumerate(FILTERS) if index != missing])


def test_symbols_nobody_trades_are_left_out():
    assert ruled([], symbol="ETHUSDT") == {}


def test_a_price_is_asked_where_the_stream_has_none():
    body = {"bidPrice": "4.00", "bidQty": "431", "askPrice": "4.02", "askQty": "9"}
    quote = CODEC.priced(an_instrument(), answer(body), 17)
    assert (quote.bid, quote.ask, quote.received, quote.instrument) == (4, D("4.02"), 17, BTCUSDT)
    assert isinstance(CODEC.priced(an_instrument(), HUNG, 17), NoAnswer)


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
    for read in (CODEC.opened, CODEC.held, CODEC.told_time, CODEC.ruled):
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
