"""The venue at its doors: requests in, documented answers out, time and limits."""

import json
from decimal import Decimal as D

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lab.driver import LIMIT, MS, ORDER, SECOND, Answer, Driver, ed25519_signer, hmac_signer
from lab.markets import ScriptedMarket, trade
from lab.running import ACCOUNT, BALANCES
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.settings import AccountSettings, default_symbol

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEM = (
    PRIVATE.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
ED_ACCOUNT = AccountSettings(name="ed", api_key="ed-key", ed25519_public_key=PEM, balances=BALANCES)

REFUSALS = [
    ({"side": "HOLD"}, 400, -1117, "Invalid side."),
    ({"type": "SPECIAL"}, 400, -1116, "Invalid orderType."),
    ({"type": "STOP_LOSS"}, 400, -1106, "Parameter 'timeInForce' sent when not required."),
    ({"timeInForce": "GTX"}, 400, -1115, "Invalid timeInForce."),
    ({"symbol": "NOPE"}, 400, -1121, "Invalid symbol."),
    (
        {"symbol": "btc usdt"},
        400,
        -1100,
        "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
    ),
    (
        {"price": "1e2"},
        400,
        -1100,
        "Illegal characters found in parameter 'price'; "
        r"legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    ({"price": "100.123456789"}, 400, -1111, "Parameter 'price' has too much precision."),
    ({"quantity": ""}, 400, -1105, "Parameter 'quantity' was empty."),
    (
        {"price": None},
        400,
        -1102,
        "Mandatory parameter 'price' was not sent, was empty/null, or malformed.",
    ),
    ({"quoteOrderQty": "5"}, 400, -1106, "Parameter 'quoteOrderQty' sent when not required."),
    (
        {"colour": "red"},
        400,
        -1104,
        "Not all sent parameters were read; read '8' parameter(s) but was sent '9'.",
    ),
    ({"quantity": "0"}, 400, -1013, "Invalid quantity."),
    ({"price": "100.001"}, 400, -1013, "Filter failure: PRICE_FILTER"),
    ({"quantity": "0.000001"}, 400, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "0.00001"}, 400, -1013, "Filter failure: NOTIONAL"),
    ({"price": "501"}, 400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    (
        {"quantity": "1001"},
        400,
        -2010,
        "Account has insufficient balance for requested action.",
    ),
    (
        {"newClientOrderId": "with space"},
        400,
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; "
        "legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    (
        {"selfTradePreventionMode": "DECREMENT"},
        400,
        -1013,
        "This symbol does not allow the specified self-trade prevention mode.",
    ),
    ({"recvWindow": "60001"}, 400, -1131, "recvWindow must be less than 60000."),
    (
        {"timestamp": "soon"},
        400,
        -1102,
        "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
    ),
    ({"strategyType": "5"}, 400, -1134, "`strategyType` was less than 1000000."),
]


@pytest.mark.parametrize(("change", "status", "code", "text"), REFUSALS)
def test_a_wrong_order_is_refused_in_the_venues_words(
    change: dict[str, str | None], status: int, code: int, text: str
) -> None:
    assert Driver().place(**change).error == (status, code, text)


def test_keys_and_signatures_are_checked_as_documented() -> None:
    d = Driver()
    params = {"symbol": "BTCUSDT"}
    path = "/api/v3/openOrders"
    assert d.call("GET", path, params, key=None).error == (401, -2014, "API-key format invalid.")
    assert d.call("GET", path, params, key="nobody").error == (
        401,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
    )
    assert d.call("GET", path, params, sign=hmac_signer("wrong")).error == (
        400,
        -1022,
        "Signature for this request is not valid.",
    )
    upper = d.call("GET", path, params, sign=lambda text: hmac_signer()(text).upper())
    assert upper.status == 200
    unsigned = d.raw("GET", path, query="timestamp=1", headers={"x-mbx-apikey": "k" * 64})
    answer = d.answer(unsigned)
    assert answer is not None
    assert answer.code == -1102


def test_ed25519_keys_sign_query_and_body_alike() -> None:
    d = Driver(accounts=(ED_ACCOUNT,))
    order = LIMIT | {"price": "100", "quantity": "1"}
    for in_body in (False, True):
        placed = d.call(
            "POST", ORDER, order, key="ed-key", sign=ed25519_signer(PRIVATE), in_body=in_body
        )
        assert placed.status == 200
    wrong = d.call("POST", ORDER, order, key="ed-key", sign=lambda _: "AAAA")
    assert wrong.code == -1022


def test_parameters_may_be_split_between_query_and_body_and_the_query_wins() -> None:
    d = Driver()
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=90"
    body = f"price=80&timestamp={d.now_ns // MS}"
    body += f"&signature={hmac_signer()(query + body)}"
    number = d.raw(
        "POST", ORDER, query=query, body=body, headers={"x-mbx-apikey": "k" * 64}, source="1"
    )
    d.pass_time(2 * MS)
    answer = d.answer(number)
    assert answer is not None
    assert (answer.status, answer.json["price"]) == (200, "90.00000000")


def test_a_parameter_sent_twice_is_refused() -> None:
    d = Driver()
    answer = d.public("/api/v3/depth", "symbol=BTCUSDT&symbol=BTCUSDT")
    assert answer.error == (400, -1101, "Duplicate values for a parameter detected.")


def test_the_window_is_checked_on_receipt_in_milliseconds_and_microseconds() -> None:
    d = Driver()
    late = "Timestamp for this request is outside of the recvWindow."
    early = "Timestamp for this request was 1000ms ahead of the server's time."
    now_ms = d.now_ns // MS

    def read(**sent: object) -> Answer:
        number = d.send("GET", "/api/v3/openOrders", sent)
        answer = d.answer(number)
        assert answer is not None
        return answer

    assert read(timestamp=now_ms - 5000).status == 200
    assert read(timestamp=now_ms - 5001).error == (400, -1021, late)
    assert read(timestamp=(now_ms - 5001) * 1000).error == (400, -1021, late)
    assert read(timestamp=(now_ms - 5000) * 1000).status == 200
    assert read(timestamp=now_ms - 6000, recvWindow="5999.999").error[2] == late
    assert read(timestamp=now_ms - 6000, recvWindow="6000").status == 200
    assert read(timestamp=now_ms + 1000).error == (400, -1021, early)
    assert read(timestamp=now_ms + 999).status == 200


def test_the_window_is_checked_again_just_before_matching() -> None:
    d = Driver(processing_ns=50 * MS)
    number = d.send("POST", ORDER, LIMIT | {"price": "100", "quantity": "1", "recvWindow": 40})
    assert d.answer(number) is None
    d.pass_time(60 * MS)
    answer = d.answer(number)
    assert answer is not None
    assert answer.error == (
        400,
        -1021,
        "Timestamp for this request is outside of the recvWindow.",
    )
    assert [str(e.kind) for e in d.lab.log[1:]] == ["arrival", "refusal"]
    counts = d.call("GET", "/api/v3/rateLimit/order").json
    assert [c["count"] for c in counts] == [1, 1]


def test_an_order_is_answered_after_the_engine_took_its_time() -> None:
    d = Driver(processing_ns=7 * MS)
    sent_ns = d.now_ns
    number = d.send("POST", ORDER, LIMIT | {"price": "100", "quantity": "1"})
    d.pass_time(SECOND)
    answer = d.answer(number)
    assert answer is not None
    assert answer.raw.at_ns == sent_ns + 7 * MS
    assert answer.json["transactTime"] == (sent_ns + 7 * MS) // MS


def test_the_reply_follows_the_type_and_what_was_asked_for() -> None:
    d = Driver()
    ack = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert "fills" in d.place().json
    maker = {"type": "LIMIT_MAKER", "timeInForce": None}
    assert set(d.place(**maker).json) == ack
    assert set(d.place(newOrderRespType="ACK").json) == ack
    result = set(d.place(newOrderRespType="RESULT").json)
    assert "fills" not in result
    assert "workingTime" in result


def test_times_come_in_microseconds_when_asked_for() -> None:
    d = Driver()
    answer = d.public("/api/v3/time", headers={"x-mbx-time-unit": "MICROSECOND"})
    assert answer.json == {"serverTime": d.now_ns // 1000}


def test_every_answer_shows_used_weight_and_orders_show_their_counts() -> None:
    d = Driver()
    assert d.public("/api/v3/ping", source="1").headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert d.public("/api/v3/exchangeInfo", source="1").headers["X-MBX-USED-WEIGHT"] == "21"
    placed = d.place().headers
    assert (placed["X-MBX-ORDER-COUNT-10S"], placed["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")


def test_too_much_weight_is_429_and_going_on_is_418_for_longer_each_time() -> None:
    d = Driver(weight_per_minute_max=20, ignored_429_max=2)
    assert d.public("/api/v3/exchangeInfo").status == 200
    first = d.public("/api/v3/ping")
    assert (first.status, first.code) == (429, -1003)
    assert first.headers["Retry-After"] == "40"
    assert d.public("/api/v3/ping").status == 429
    banned = d.public("/api/v3/ping")
    assert (banned.status, banned.headers["Retry-After"]) == (418, "120")
    assert "IP banned until" in banned.json["msg"]
    assert d.public("/api/v3/ping", source="10.0.0.2").status == 200
    d.pass_time(121 * SECOND)
    assert d.public("/api/v3/ping").status == 200
    answers = [d.public("/api/v3/exchangeInfo") for _ in range(4)]
    assert [a.status for a in answers] == [429, 429, 418, 418]
    assert answers[2].headers["Retry-After"] == "240"


def test_too_many_unfilled_orders_are_refused_until_the_interval_ends() -> None:
    d = Driver(orders_per_10s_max=2)
    assert [d.place(price="50").status for _ in range(2)] == [200, 200]
    third = d.place(price="50")
    text = "Too many new orders; current limit is 2 orders per 10 SECOND."
    assert third.error == (429, -1015, text)
    assert third.headers["Retry-After"] == "10"
    d.pass_time(10 * SECOND)
    assert d.place(price="50").status == 200


def test_fills_give_orders_back_and_makers_more_than_takers() -> None:
    d = Driver()
    for _ in range(6):
        d.place(price="50")
    d.place(price="101", quantity="0.1")

    def count() -> int:
        return int(d.call("GET", "/api/v3/rateLimit/order").json[0]["count"])

    assert count() == 6
    d.place(price="100", quantity="0.1")
    d.happen(trade(1, "99.99", "1", buyer_is_maker=True))
    assert count() == 2


def test_a_refused_order_does_not_count() -> None:
    d = Driver()
    d.place(quantity="1001")
    counts = d.call("GET", "/api/v3/rateLimit/order").json
    assert [c["count"] for c in counts] == [0, 0]


def test_an_unknown_path_is_not_found() -> None:
    assert Driver().public("/api/v3/nothing").status == 404


def test_public_endpoints_refuse_parameters_they_do_not_read() -> None:
    answer = Driver().public("/api/v3/ping", "a=b")
    assert answer.error == (400, -1101, "Too many parameters; expected '0' and received '1'.")


def test_the_truth_tells_who_sent_what() -> None:
    d = Driver()
    d.call(
        "POST",
        ORDER,
        LIMIT | {"price": "100", "quantity": "1", "newClientOrderId": "a", "recvWindow": 900},
        headers={"x-nightdesk-node": "node-2"},
    )
    arrival, accept = d.lab.log[1:]
    assert (accept.sender, accept.arrived_ns) == (arrival.sender, arrival.at_ns)
    assert (arrival.kind, arrival.what, arrival.client_order_id) == (
        "arrival",
        "POST /api/v3/order",
        "a",
    )
    assert arrival.recv_window == "900"
    assert arrival.sender is not None
    assert (arrival.sender.node, arrival.sender.source) == ("node-2", "10.0.0.1")
    assert (accept.kind, accept.order_id, accept.account) == ("accept", 1, "desk")
    assert [e.seq for e in d.lab.log] == [1, 2, 3]


def test_the_venues_clock_may_be_off() -> None:
    d = Driver(clock_offset_ns=3 * SECOND)
    assert d.public("/api/v3/time").json["serverTime"] == d.now_ns // MS + 3000
    assert d.place(recvWindow=2000).code == -1021
    assert d.place(timestamp=d.now_ns // MS + 3000).status == 200


def test_the_same_seed_and_the_same_requests_give_the_same_world() -> None:
    def world() -> list[object]:
        d = Driver(ScriptedMarket(beating=True))
        d.user_stream()
        d.place()
        d.pass_time(SECOND)
        return [*d.outs]

    assert world() == world()


def test_a_market_that_waits_for_its_audience_starts_with_the_first_subscriber() -> None:
    d = Driver(ScriptedMarket(beating=True), start_on_subscriber=True)
    d.pass_time(SECOND)
    assert d.lab.next_due_ns() is None
    conn = d.open("/ws/btcusdt@trade")
    d.pass_time(SECOND)
    assert d.heard(conn)
    assert d.lab.log[0].what == "started"


def test_the_end_of_the_market_is_recorded() -> None:
    d = Driver(ScriptedMarket(script=[trade(1, "100", "1", buyer_is_maker=True, at_ns=1)]))
    d.pass_time(SECOND)
    assert [e.what for e in d.lab.log] == ["started", "ended"]


def test_shutting_down_tells_every_socket_and_closes_it() -> None:
    d = Driver()
    raw, combined, api = d.open("/ws/x@trade"), d.open("/stream?streams=x@trade"), d.user_stream()
    d.outs = d.lab.farewell(d.now_ns)
    assert d.heard(raw)[0]["e"] == "serverShutdown"
    assert d.heard(combined)[0]["stream"] == "!serverShutdown"
    assert d.heard(api)[0]["event"]["e"] == "serverShutdown"
    assert [d.closed(conn) for conn in (raw, combined, api)] == [1001] * 3


def test_ten_minutes_of_practice_on_a_generated_market_conserve_money() -> None:
    symbols = (default_symbol("BTCUSDT"),)
    account = msgspec.structs.replace(ACCOUNT, balances={"BTC": D(2), "USDT": D(200_000)})
    d = Driver(GeneratedMarket(symbols, 7), accounts=(account,), symbols=symbols)
    d.fault("fill_after_cancel_ack", ms=700, probability=0.3)
    for number in range(120):
        best = d.public("/api/v3/ticker/bookTicker", "symbol=BTCUSDT").json
        side, price = ("BUY", best["bidPrice"]) if number % 2 else ("SELL", best["askPrice"])
        d.place(price=price, quantity="0.01", side=side, newClientOrderId=f"c{number}")
        d.pass_time(5 * SECOND)
        d.call("DELETE", ORDER, {"symbol": "BTCUSDT", "origClientOrderId": f"c{number}"})
    d.pass_time(SECOND)
    exchange = d.lab.exchange
    purses = exchange.accounts["desk"].wallet.purses
    assert len(exchange.accounts["desk"].fills) > 50
    for asset, start in account.balances.items():
        gone = exchange.settlement.market_gain[asset] + exchange.settlement.fees[asset]
        assert purses[asset].free + gone == start
        assert purses[asset].locked == 0


words = st.text(alphabet="BTCUSDT0123456789.-e\u00b2 %&=", max_size=12)
params = st.dictionaries(
    st.sampled_from(
        [
            *("symbol", "side", "type", "timeInForce", "quantity", "price", "quoteOrderQty"),
            *("orderId", "origClientOrderId", "limit", "startTime", "endTime", "fromId"),
            *("recvWindow", "timestamp", "cancelReplaceMode", "cancelOrderId", "interval"),
        ]
    ),
    st.one_of(
        words,
        st.sampled_from(["BTCUSDT", "BUY", "SELL", "LIMIT", "MARKET", "GTC", "IOC", "FOK"]),
        st.integers(-2, 10**25).map(str),
        st.sampled_from(["STOP_ON_FAILURE", "ALLOW_FAILURE", "1m", "100.01", "0.5"]),
    ),
)
endpoints = st.sampled_from(
    [
        *(("POST", ORDER), ("DELETE", ORDER), ("GET", ORDER), ("POST", f"{ORDER}/cancelReplace")),
        *(("GET", f"/api/v3/{name}") for name in ("allOrders", "myTrades", "account", "depth")),
        *(("GET", f"/api/v3/{name}") for name in ("klines", "exchangeInfo", "ticker/24hr")),
        ("DELETE", "/api/v3/openOrders"),
        ("POST", "/lab/faults"),
        ("GET", "/lab/log"),
    ]
)


@given(st.lists(st.tuples(endpoints, params), max_size=6))
def test_no_call_whatever_breaks_the_venue(
    calls: list[tuple[tuple[str, str], dict[str, str]]],
) -> None:
    d = Driver()
    for (method, path), sent in calls:
        answer = d.call(method, path, sent)
        assert answer.status in (200, 400, 401, 404, 409, 418, 429)
        assert answer.json is not None


@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.builds(
                json.dumps,
                st.dictionaries(
                    st.sampled_from(["id", "method", "params"]),
                    st.one_of(
                        st.none(),
                        st.integers(),
                        st.sampled_from(["SUBSCRIBE", "order.place", "session.logon", "ping"]),
                        params,
                        st.lists(st.text(max_size=5), max_size=2),
                    ),
                ),
            ),
        ),
        max_size=5,
    )
)
def test_no_frame_whatever_breaks_the_venue(frames: list[str]) -> None:
    d = Driver()
    api, market = d.open("/ws-api/v3"), d.open("/ws")
    for frame in frames:
        d.say(api, frame)
        d.say(market, frame)
    d.pass_time(SECOND)
    assert len(d.heard(api)) == len(d.heard(market)) == len(frames)
