"""USD-M orders: requests to the byte, and what answers say of orders in either of the two books."""

import hmac
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, D, an_intent
from nightdesk.model.errors import BadInput
from nightdesk.model.order import OrderType, ReportSource, Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.venues.protocol import Became, Found, NoAnswer, NotFound
from venues.spot import HTML, HUNG, REFUSED, answer, refusal
from venues.usdm import CODEC, CONTRACT, INTENT, PERP, PLACED, SECRET, STOP, TRADE, WAITING


def sent(intent, now=NOW):
    """The parameters of a placing, their signature checked."""
    request = CODEC.place(intent, now)
    payload, _, signature = request.body.decode().rpartition("&signature=")
    assert signature == hmac.new(SECRET.encode(), payload.encode(), "sha256").hexdigest()
    assert dict(request.headers)["X-MBX-APIKEY"] == "key"
    return (request.method, request.target), dict(parse_qsl(payload, strict_parsing=True))


@pytest.mark.parametrize(
    ("kind", "tif"),
    [
        (OrderType.LIMIT, "GTC"),
        (OrderType.IOC, "IOC"),
        (OrderType.FOK, "FOK"),
        (OrderType.POST_ONLY, "GTX"),
    ],
)
@pytest.mark.parametrize("reduce_only", [False, True])
def test_an_order_has_the_parameters_the_venue_wants(kind, tif, reduce_only):
    place, parameters = sent(
        an_intent(
            instrument=PERP, type=kind, qty=D("0.0010"), price=D("1E+5"), reduce_only=reduce_only
        )
    )
    assert place == ("POST", "/fapi/v1/order")
    reducing = {"reduceOnly": "true"} if reduce_only else {}
    assert parameters == reducing | {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": tif,
        "quantity": "0.001",
        "price": "100000",
        "newClientOrderId": INTENT.client_id,
        "newOrderRespType": "RESULT",
        "recvWindow": "2000",
        "timestamp": str(NOW // MS_NS),
    }


WAITS = [
    (OrderType.STOP, D("95.50"), 0, {"type": "STOP_MARKET", "triggerPrice": "95.5"}),
    (OrderType.TAKE_PROFIT, D(120), 0, {"type": "TAKE_PROFIT_MARKET", "triggerPrice": "120"}),
    (OrderType.TRAILING_STOP, None, 50, {"type": "TRAILING_STOP_MARKET", "callbackRate": "0.5"}),
    (
        OrderType.TRAILING_STOP,
        D(101),
        120,
        {"type": "TRAILING_STOP_MARKET", "callbackRate": "1.2", "activatePrice": "101"},
    ),
]


@pytest.mark.parametrize(("kind", "trigger", "trail_bps", "expected"), WAITS)
def test_an_order_that_waits_for_a_price_goes_to_its_own_book(kind, trigger, trail_bps, expected):
    place, parameters = sent(
        an_intent(
            instrument=PERP,
            side=Side.SELL,
            type=kind,
            trigger=trigger,
            trail_bps=trail_bps,
            reduce_only=True,
        )
    )
    assert place == ("POST", "/fapi/v1/algoOrder")
    assert parameters == expected | {
        "algoType": "CONDITIONAL",
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "1",
        "workingType": "CONTRACT_PRICE",
        "reduceOnly": "true",
        "clientAlgoId": INTENT.client_id,
        "recvWindow": "2000",
        "timestamp": str(NOW // MS_NS),
    }


@pytest.mark.parametrize("intent", [INTENT, STOP])
@given(left=st.integers(-5 * SECOND_NS, 120 * SECOND_NS), shift=st.integers(0, 10 * MS_NS))
def test_the_venue_refuses_the_order_no_later_than_its_deadline(intent, left, shift):
    now = Wall(NOW + shift)
    intent = msgspec.structs.replace(intent, deadline=Wall(now + left))
    if CODEC.place(intent, now) is None:
        assert left < MS_NS
        return
    _, parameters = sent(intent, now)
    last_ms = int(parameters["timestamp"]) + int(parameters["recvWindow"])
    assert last_ms * MS_NS <= intent.deadline


@pytest.mark.parametrize(
    ("request_", "method", "path", "parameters"),
    [
        (
            CODEC.cancel(INTENT, NOW),
            "DELETE",
            "/fapi/v1/order",
            f"symbol=BTCUSDT&origClientOrderId={INTENT.client_id}",
        ),
        (CODEC.cancel(STOP, NOW), "DELETE", "/fapi/v1/algoOrder", f"clientAlgoId={STOP.client_id}"),
        (
            CODEC.query(INTENT, NOW),
            "GET",
            "/fapi/v1/order",
            f"symbol=BTCUSDT&origClientOrderId={INTENT.client_id}",
        ),
        (CODEC.query(STOP, NOW), "GET", "/fapi/v1/algoOrder", f"clientAlgoId={STOP.client_id}"),
        (CODEC.identify(PERP, "7", NOW), "GET", "/fapi/v1/order", "symbol=BTCUSDT&orderId=7"),
        (
            CODEC.trades(INTENT, "7", NOW),
            "GET",
            "/fapi/v1/userTrades",
            "symbol=BTCUSDT&orderId=7&limit=1000",
        ),
        (
            CODEC.trades_between(PERP, Wall(5 * MS_NS), Wall(9 * MS_NS), NOW),
            "GET",
            "/fapi/v1/userTrades",
            "symbol=BTCUSDT&startTime=5&endTime=9&limit=1000",
        ),
        (CODEC.open_orders(PERP)[0](NOW), "GET", "/fapi/v1/openOrders", "symbol=BTCUSDT"),
        (CODEC.open_orders(PERP)[1](NOW), "GET", "/fapi/v1/openAlgoOrders", "symbol=BTCUSDT"),
    ],
)
def test_questions_and_cancels_are_signed_queries(request_, method, path, parameters):
    target, _, query = request_.target.partition("?")
    payload, _, signature = query.rpartition("&signature=")
    assert (request_.method, target) == (method, path)
    assert payload == f"{parameters}&recvWindow=5000&timestamp={NOW // MS_NS}"
    assert signature == hmac.new(SECRET.encode(), payload.encode(), "sha256").hexdigest()


def test_an_accepted_order_is_acked_with_what_the_venue_told_of_it():
    outcome = CODEC.placed(INTENT, answer(PLACED | {"status": "FILLED", "executedQty": "1.000"}))
    assert outcome.verdict is Verdict.ACKED
    assert outcome.executions == ()  # told by the stream, or asked for
    assert msgspec.to_builtins(outcome.report) == {
        "client_id": INTENT.client_id,
        "venue_order_id": "22542179",
        "instrument": PERP,
        "status": "filled",
        "filled": "1",
        "venue_time": 1566818724722 * MS_NS,
        "source": "answer",
        "qty": "1",
        "price": "100",
    }


def test_an_order_that_waits_is_acked_under_an_id_that_no_trade_can_have():
    outcome = CODEC.placed(STOP, answer(WAITING))
    assert outcome.verdict is Verdict.ACKED
    assert outcome.report.venue_order_id == "algo:2146760"
    assert (outcome.report.status, outcome.report.filled) == (VenueStatus.WORKING, 0)


def test_a_cancelled_order_of_either_book_is_told_as_cancelled():
    usual = CODEC.cancelled(INTENT, answer(PLACED | {"status": "CANCELED", "executedQty": "0.4"}))
    assert (usual.report.status, usual.report.filled) == (VenueStatus.CANCELLED, D("0.4"))
    gone = {"algoId": 2146760, "clientAlgoId": STOP.client_id, "code": "200", "msg": "success"}
    waiting = CODEC.cancelled(STOP, answer(gone))
    assert (waiting.report.status, waiting.report.filled) == (VenueStatus.CANCELLED, 0)
    assert CODEC.cancelled(STOP, answer(gone | {"code": "-1"})).verdict is Verdict.UNKNOWN


BAD = [
    ("refused", REFUSED, Verdict.NOT_SENT, Reason.CONNECTION),
    ("hung", HUNG, Verdict.UNKNOWN, Reason.TIMEOUT),
    ("html", answer(HTML), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("empty", answer(b""), Verdict.UNKNOWN, Reason.UNREADABLE),
    ("cut", answer(PLACED, complete=False), Verdict.UNKNOWN, Reason.UNREADABLE),
    (
        "another",
        answer(PLACED | WAITING | {"clientOrderId": "x", "clientAlgoId": "x"}),
        Verdict.UNKNOWN,
        Reason.UNREADABLE,
    ),
    ("margin", refusal(400, -2019, "Margin is insufficient."), Verdict.REJECTED, Reason.BY_BALANCE),
    ("duplicate", refusal(400, -4116), Verdict.UNKNOWN, Reason.BY_STATE),
]


@pytest.mark.parametrize("intent", [INTENT, STOP])
@pytest.mark.parametrize(("name", "result", "verdict", "reason"), BAD)
def test_anything_else_is_believed_no_further_than_the_documents_go(
    intent, name, result, verdict, reason
):
    outcome = CODEC.placed(intent, result)
    assert (outcome.verdict, outcome.reason) == (verdict, reason), name


@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*PLACED, *WAITING]), inner, max_size=5)
        ),
    ).map(msgspec.json.encode),
    status=st.sampled_from([200, 400, 403, 408, 418, 429, 500, 503]),
    complete=st.booleans(),
)
def test_no_bytes_at_all_make_anything_but_an_outcome(body, status, complete):
    result = answer(body, status, {}, complete)
    for intent in (INTENT, STOP):
        assert isinstance(CODEC.placed(intent, result), Outcome)
        assert isinstance(CODEC.cancelled(intent, result), Outcome)
        assert isinstance(CODEC.queried(intent, result), (NotFound, NoAnswer))
        traded = CODEC.traded(intent, result)
        assert isinstance(traded, NoAnswer) or traded == []
    opened = CODEC.opened([result, result])
    assert isinstance(opened, NoAnswer) or opened == []


def test_a_query_finds_the_order_by_our_id_or_says_that_there_is_none():
    found = CODEC.queried(INTENT, answer(PLACED))
    assert (found.report.status, found.report.source) == (VenueStatus.WORKING, ReportSource.QUERY)
    assert isinstance(CODEC.queried(INTENT, refusal(400, -2013)), NotFound)
    assert isinstance(CODEC.queried(STOP, refusal(400, -2013)), NotFound)
    assert isinstance(CODEC.queried(STOP, refusal(503, -1000)), NoAnswer)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("NEW", VenueStatus.WORKING),
        ("TRIGGERING", VenueStatus.WORKING),
        ("CANCELED", VenueStatus.CANCELLED),
        ("REJECTED", VenueStatus.REJECTED),
        ("EXPIRED", VenueStatus.EXPIRED),
        ("A_STATUS_OF_NEXT_YEAR", VenueStatus.WORKING),
    ],
)
def test_an_order_that_never_became_another_tells_of_itself_and_has_traded_nothing(
    status, expected
):
    found = CODEC.queried(STOP, answer(WAITING | {"algoStatus": status}))
    assert isinstance(found, Found)
    assert (found.report.status, found.report.filled) == (expected, 0)


@pytest.mark.parametrize("status", ["TRIGGERED", "FINISHED", "CANCELED"])
@pytest.mark.parametrize("became", ["88937381063", 88937381063])
def test_once_triggered_only_the_order_it_became_tells_what_traded(status, became):
    body = WAITING | {"algoStatus": status, "actualOrderId": became}
    assert CODEC.queried(STOP, answer(body)) == Became(venue_order_id="88937381063")


def test_an_order_is_identified_whoever_placed_it():
    found = CODEC.identified(answer(PLACED | {"clientOrderId": "web_x"}))
    assert (found.report.client_id, found.report.venue_order_id) == ("web_x", "22542179")


def test_the_documents_trade_is_read_with_its_profit():
    [trade] = CODEC.traded(INTENT, answer([TRADE]))
    assert msgspec.to_builtins(trade) == {
        "client_id": INTENT.client_id,
        "instrument": PERP,
        "trade_id": "698759",
        "side": "sell",
        "price": "7819.01",
        "qty": "0.002",
        "fee": "0.0781901",
        "fee_asset": "USDT",
        "maker": False,
        "venue_time": 1569514978020 * MS_NS,
        "realised": "-0.91539999",
    }
    page = CODEC.traded_between(answer([TRADE, TRADE]))
    assert (page.venue_order_ids, page.full) == (("25851813",), False)


def test_a_rebate_is_a_negative_fee():
    [trade] = CODEC.traded(INTENT, answer([TRADE | {"commission": "-0.5"}]))
    assert trade.fee == D("-0.5")


def test_both_books_are_listed_and_one_that_is_silent_makes_no_list():
    others = [PLACED | {"symbol": "XRPUSDT"}], [WAITING | {"symbol": "XRPUSDT"}]
    both = [answer([PLACED, *others[0]]), answer([WAITING, *others[1]])]
    assert [r.venue_order_id for r in CODEC.opened(both)] == ["22542179", "algo:2146760"]
    assert isinstance(CODEC.opened([both[0], HUNG]), NoAnswer)
    assert isinstance(CODEC.opened([HUNG, both[1]]), NoAnswer)


SYMBOL = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "filters": [
        {
            "filterType": "PRICE_FILTER",
            "maxPrice": "1000000",
            "minPrice": "556.8",
            "tickSize": "0.10",
        },
        {"filterType": "LOT_SIZE", "maxQty": "100", "minQty": "0.00001", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "maxQty": "120", "minQty": "0.001", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}


def test_the_venues_rules_become_a_contract():
    assert CODEC.rules(["BTCUSDT"]).target == "/fapi/v1/exchangeInfo"
    ruled = msgspec.structs.replace(CONTRACT, market_qty_max=D(120))
    assert CODEC.ruled(answer({"symbols": [SYMBOL]})) == {"BTCUSDT": ruled}


def test_a_contract_that_ends_is_refused_by_name():
    ending = SYMBOL | {"contractType": "CURRENT_QUARTER"}
    with pytest.raises(BadInput, match=r"usdm:BTCUSDT.*CURRENT_QUARTER"):
        CODEC.ruled(answer({"symbols": [ending]}))


def test_clock_and_price_are_asked_without_a_key():
    assert (CODEC.time().target, CODEC.time().headers) == ("/fapi/v1/time", ())
    assert CODEC.told_time(answer({"serverTime": 1499827319559})) == 1499827319559 * MS_NS
    request = CODEC.price(CONTRACT)
    assert (request.target, request.headers) == ("/fapi/v1/ticker/bookTicker?symbol=BTCUSDT", ())
    body = {"bidPrice": "4.00", "bidQty": "431", "askPrice": "4.02", "askQty": "9", "time": 1}
    quote = CODEC.priced(CONTRACT, answer(body), 17)
    assert (quote.bid, quote.ask, quote.instrument) == (4, D("4.02"), PERP)
