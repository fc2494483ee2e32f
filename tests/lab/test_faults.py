"""Every fault does what its name says, and the truth knows."""

import msgspec
import pytest

from lab.driver import LIMIT, MS, ORDER, SECOND, Driver
from lab.markets import ASKS, BIDS, ScriptedMarket, snapshot, trade
from nightdesk.lab.settings import default_symbol

PLACE = {"method": "POST", "path": ORDER}
SENT = LIMIT | {"price": "100", "quantity": "1", "newClientOrderId": "a"}
GONE = {"code": -2013, "msg": "Order does not exist."}


def send(d: Driver) -> int:
    number = d.send("POST", ORDER, SENT)
    d.pass_time(5 * MS)
    return number


def test_a_lost_request_never_arrives() -> None:
    for how, hung_up in (("close", True), ("hang", False)):
        d = Driver()
        d.fault("lost_request", match=PLACE, how=how)
        number = send(d)
        assert d.answer(number) is None
        assert d.hung_up(number) is hung_up
        assert d.order("a") == GONE
        assert "arrival" not in [e.kind for e in d.lab.log if e.what == "POST /api/v3/order"]


def test_a_lost_response_takes_effect() -> None:
    for how, hung_up in (("close", True), ("hang", False)):
        d = Driver()
        d.fault("lost_response", match=PLACE, how=how)
        number = send(d)
        assert d.answer(number) is None
        assert d.hung_up(number) is hung_up
        assert d.order("a")["status"] == "NEW"


def test_a_delay_comes_before_matching_so_the_window_may_end() -> None:
    d = Driver()
    d.fault("delay", match=PLACE, ms=300)
    number = d.send("POST", ORDER, SENT | {"recvWindow": 200})
    d.pass_time(250 * MS)
    assert d.answer(number) is None
    d.pass_time(60 * MS)
    answer = d.answer(number)
    assert answer is not None
    assert answer.code == -1021
    assert d.order("a") == GONE


def test_a_late_response_comes_after_matching() -> None:
    d = Driver()
    d.fault("late_response", match=PLACE, ms=300)
    number = send(d)
    assert d.answer(number) is None
    assert d.order("a")["status"] == "NEW"
    d.pass_time(300 * MS)
    assert d.answer(number) is not None


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("error_500", 500, -1001),
        ("error_502", 502, None),
        ("error_503", 503, -1000),
        ("error_504", 504, None),
        ("-1007", 504, -1007),
        ("unmapped_code", 400, -9417),
    ],
)
def test_an_error_answer_may_hide_an_effect_or_not(
    kind: str, status: int, code: int | None
) -> None:
    for effect in (True, False):
        d = Driver()
        d.fault(kind, match=PLACE, effect=effect)
        answer = d.answer(send(d))
        assert answer is not None
        assert answer.status == status
        if code is None:
            assert answer.raw.body.startswith(b"<html>")
        else:
            assert answer.code == code
        assert (d.order("a") == GONE) is not effect


def test_the_two_texts_of_503_mean_different_things() -> None:
    d = Driver()
    d.fault("error_503", match=PLACE, text="unavailable", count=1)
    failed = d.answer(send(d))
    assert failed is not None
    assert (failed.json["msg"], d.order("a")) == ("Service Unavailable.", GONE)
    d.fault("error_503", match=PLACE, count=1)
    unknown = d.answer(send(d))
    assert unknown is not None
    assert "Unknown error, please check your request" in unknown.json["msg"]
    assert d.order("a")["status"] == "NEW"


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after"),
    [
        ("-1008", 503, -1008, None),
        ("region_451", 451, 0, None),
        ("unauthorized", 401, -2015, None),
        ("rate_limit_429", 429, -1003, "7"),
        ("ban_418", 418, -1003, "7"),
    ],
)
def test_refusals_take_no_effect(
    kind: str, status: int, code: int, retry_after: str | None
) -> None:
    d = Driver()
    d.fault(kind, match=PLACE, **({"retry_after_s": 7} if retry_after else {}))
    answer = d.answer(send(d))
    assert answer is not None
    assert answer.error[:2] == (status, code)
    assert answer.headers.get("Retry-After") == retry_after
    assert d.order("a") == GONE


def test_bodies_can_be_broken_with_or_without_effect() -> None:
    for kind, body, cut in (
        ("truncated_body", None, 20),
        ("empty_body", b"", None),
        ("html_body", b"<html>", None),
    ):
        for effect in (True, False):
            d = Driver()
            d.fault(kind, match=PLACE, effect=effect)
            answer = d.answer(send(d))
            assert answer is not None
            assert (answer.status, answer.raw.cut) == (200, cut)
            assert len(answer.raw.body) > 20 or body == b""
            if body is not None:
                assert answer.raw.body.startswith(body)
            assert (d.order("a") == GONE) is not effect


def test_reports_can_be_doubled_late_and_out_of_order() -> None:
    d = Driver()
    stream = d.user_stream()
    d.fault("duplicate_report", count=1)
    d.place(newClientOrderId="a")
    assert [r["c"] for r in d.reports(stream)] == ["a", "a"]
    d.fault("late_report", ms=400, count=1)
    d.place(newClientOrderId="b")
    d.place(newClientOrderId="c")
    assert [r["c"] for r in d.reports(stream)][2:] == ["c"]
    d.pass_time(400 * MS)
    assert [r["c"] for r in d.reports(stream)][2:] == ["c", "b"]
    d.fault("reordered_reports", match={"param": {"x": "NEW"}}, count=1)
    d.place(newClientOrderId="d", price="101", quantity="0.5")
    assert [(r["c"], r["x"]) for r in d.reports(stream)][4:] == [("d", "TRADE"), ("d", "NEW")]


def test_a_report_held_back_is_told_even_if_no_other_follows() -> None:
    d = Driver()
    stream = d.user_stream()
    d.fault("reordered_reports", count=1)
    d.place()
    assert d.reports(stream) == []
    d.pass_time(SECOND)
    assert len(d.reports(stream)) == 1


def test_a_fill_may_come_after_the_cancel_was_acknowledged() -> None:
    d = Driver()
    stream = d.user_stream()
    d.fault("fill_after_cancel_ack", ms=100, count=1)
    d.place(newClientOrderId="a", price="100", quantity="1")
    cancel = {"symbol": "BTCUSDT", "origClientOrderId": "a"}
    canceled = d.call("DELETE", ORDER, cancel).json
    assert (canceled["status"], canceled["executedQty"]) == ("CANCELED", "0.00000000")
    assert d.order("a")["executedQty"] == "0.00000000"
    fills = [e for e in d.lab.log if e.kind == "fill"]
    assert [str(f.last_quantity) for f in fills] == ["0.50000"]
    d.pass_time(100 * MS)
    late = d.reports(stream)[-1]
    assert (late["x"], late["X"], late["z"]) == ("TRADE", "PARTIALLY_FILLED", "0.50000000")
    assert (d.order("a")["status"], d.order("a")["executedQty"]) == ("CANCELED", "0.50000000")
    assert d.balances()["USDT"] == ("99950.00000000", "0.00000000")


def test_a_stream_can_be_dropped_and_silenced() -> None:
    d = Driver(ScriptedMarket(beating=True))
    market, user = d.open("/ws/btcusdt@trade"), d.user_stream()
    d.fault("stream_silence", which="market", duration_ms=1000)
    before = len(d.heard(market))
    d.pass_time(900 * MS)
    assert len(d.heard(market)) == before
    d.pass_time(200 * MS)
    assert len(d.heard(market)) > before
    d.fault("stream_drop", which="user", code=1012)
    assert (d.closed(user), d.closed(market)) == (1012, None)
    d.fault("stream_drop", which="market", duration_ms=1000)
    assert d.closed(market) == 1006
    assert d.closed(d.open("/ws/btcusdt@trade")) == 1006


def test_maintenance_closes_private_requests_only() -> None:
    d = Driver()
    d.fault("maintenance", duration_ms=1000)
    assert d.place().error == (503, -1016, "This service is no longer available.")
    assert d.call("GET", "/api/v3/account").status == 503
    assert d.public("/api/v3/ping").status == 200
    d.pass_time(SECOND)
    assert d.place().status == 200


def test_the_venues_clock_can_jump() -> None:
    d = Driver()
    d.fault("clock_offset", ms=-2500)
    assert d.public("/api/v3/time").json["serverTime"] == d.now_ns // MS - 2500
    assert "1000ms ahead" in d.place().json["msg"]


def test_faults_strike_only_what_they_match_and_only_so_often() -> None:
    d = Driver()
    d.fault("-1008", match=PLACE | {"param": {"side": "SELL"}}, count=2)
    assert d.place().status == 200
    statuses = [d.place(side="SELL", price="110").status for _ in range(3)]
    assert statuses == [503, 503, 200]
    d.fault("-1008", match={"path": "/api/v3/open*"})
    assert d.call("GET", "/api/v3/openOrders").status == 503
    assert d.call("GET", "/api/v3/account").status == 200


def test_chance_comes_from_the_seed() -> None:
    def statuses(seed: int) -> list[int]:
        d = Driver(seed=seed)
        d.fault("-1008", probability=0.5)
        return [d.call("GET", "/api/v3/openOrders").status for _ in range(30)]

    assert statuses(1) == statuses(1)
    assert statuses(1) != statuses(2)
    assert {200, 503} == set(statuses(1))


def test_requests_over_the_websocket_api_meet_the_same_faults() -> None:
    d = Driver()
    d.fault("lost_response", match=PLACE, how="close", count=1)
    conn = d.open("/ws-api/v3")
    d.say(conn, {"id": 1, "method": "order.place", "params": d.signed(SENT)})
    d.pass_time(5 * MS)
    assert (d.closed(conn), d.heard(conn)) == (1006, [])
    assert d.order("a")["status"] == "NEW"
    d.fault("-1007", match={"path": "order.place"}, effect=False, count=1)
    conn = d.open("/ws-api/v3")
    answer = d.ask(conn, "order.place", d.signed(SENT | {"newClientOrderId": "b"}))
    assert (answer["status"], answer["error"]["code"]) == (504, -1007)
    assert d.order("b") == GONE


def test_what_struck_is_in_the_truth() -> None:
    d = Driver()
    number = d.fault("-1008", match=PLACE)
    d.place()
    fired = [e for e in d.lab.log if e.kind == "fault_fired"]
    assert [(e.fault, e.what) for e in fired] == [(number, "-1008")]
    d.happen(trade(1, "100", "1", buyer_is_maker=True))


def struck(d: Driver) -> list[tuple[str | None, str | None]]:
    """What the truth says that faults did, and to what."""
    return [(e.what, e.reason) for e in d.lab.log if e.kind == "fault_fired"]


def test_a_firewall_in_front_of_the_venue_answers_in_html() -> None:
    d = Driver()
    d.fault("forbidden_403", match=PLACE)
    answer = d.answer(send(d))
    assert answer is not None
    assert (answer.status, answer.headers["Content-Type"]) == (403, "text/html")
    assert b"Request blocked" in answer.raw.body
    assert d.order("a") == GONE
    conn = d.open("/ws-api/v3")
    assert d.ask(conn, "order.place", d.signed(SENT))["status"] == 403
    assert struck(d) == [("forbidden_403", "POST /api/v3/order")] * 2


def test_a_key_that_is_revoked_fails_wherever_it_signs_and_nowhere_else() -> None:
    d = Driver()
    before = d.user_stream()
    d.fault("unauthorized")
    text = "Invalid API-key, IP, or permissions for action."
    assert d.place().error == (401, -2015, text)
    assert d.call("GET", "/api/v3/account").error == (401, -2015, text)
    assert d.public("/api/v3/time").status == 200
    conn = d.open("/ws-api/v3")
    refused = d.ask(conn, "userDataStream.subscribe.signature", d.signed())
    assert (refused["status"], refused["error"]["code"]) == (401, -2015)
    assert d.closed(before) is None
    assert [what for what, _ in struck(d)] == ["unauthorized"] * 3


def test_an_answer_may_have_a_word_that_no_document_knows() -> None:
    d = Driver()
    d.fault("new_enum", match={"method": "GET"})
    placed = d.place(newClientOrderId="a", price="50").json
    assert placed["status"] == "NEW"
    assert d.order("a")["status"] == "UNHEARD_OF"
    rows = d.call("GET", "/api/v3/openOrders").json
    assert [row["status"] for row in rows] == ["UNHEARD_OF"]
    assert d.call("GET", "/api/v3/account").json["accountType"] == "SPOT"
    assert d.order("nothing") == GONE
    assert len(struck(d)) == 2
    d.lab_call("DELETE", "faults")
    d.fault("new_enum", match=PLACE, field="type")
    assert d.place(newOrderRespType="ACK").status == 200
    assert d.place(price="50").json["type"] == "UNHEARD_OF"
    assert len(struck(d)) == 3
    assert d.order("a")["status"] == "NEW"


def test_a_report_may_have_a_word_that_no_document_knows() -> None:
    d = Driver()
    stream = d.user_stream()
    d.fault("new_enum", match={"param": {"x": "NEW"}})
    assert d.place(newClientOrderId="a", price="101", quantity="0.5").json["status"] == "FILLED"
    assert [(r["x"], r["X"]) for r in d.reports(stream)] == [
        ("NEW", "UNHEARD_OF"),
        ("TRADE", "FILLED"),
    ]
    assert struck(d) == [("new_enum", "execution report")]


def test_an_account_may_be_told_as_it_was_while_trades_are_told_as_they_are() -> None:
    d = Driver()
    old = d.call("GET", "/api/v3/account").json
    d.fault("read_lag", ms=60_000, match={"path": "/api/v3/account"})
    d.pass_time(SECOND)
    d.place(price="101", quantity="0.5")
    told = d.call("GET", "/api/v3/account").json
    assert (told["balances"], told["updateTime"]) == (old["balances"], old["updateTime"])
    trades = d.call("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT"}).json
    assert [t["qty"] for t in trades] == ["0.50000000"]
    d.lab_call("DELETE", "faults")
    now = d.call("GET", "/api/v3/account").json
    assert now["balances"] != old["balances"]
    assert now["updateTime"] == trades[0]["time"]


def test_maintenance_may_be_of_one_endpoint() -> None:
    d = Driver()
    d.fault("maintenance", match=PLACE)
    assert d.place().status == 503
    assert d.call("GET", "/api/v3/account").status == 200


def test_what_lasts_is_in_the_truth_once_from_when_it_is_felt() -> None:
    d = Driver(ScriptedMarket(beating=True))
    d.fault("clock_offset", ms=100)
    assert struck(d) == [("clock_offset", None)]
    d.fault("stream_silence", which="user")
    d.place(price="50")
    user = d.user_stream()
    assert len(struck(d)) == 1
    d.place()
    d.place()
    assert d.reports(user) == []
    assert struck(d)[1:] == [("stream_silence", None)]
    listed = d.lab_call("GET", "faults").json
    assert [(f["fired"], f["active"]) for f in listed] == [(1, True)] * 2


def test_the_streams_of_one_symbol_can_be_silenced() -> None:
    symbols = (default_symbol("BTCUSDT"), default_symbol("ETHUSDT"))
    opening = [snapshot(BIDS, ASKS, symbol=s.symbol) for s in symbols]
    d = Driver(ScriptedMarket(opening), symbols=symbols)
    btc, user = d.open("/ws/btcusdt@trade"), d.user_stream()
    eth = d.open("/ws/ethusdt@trade")
    d.fault("stream_silence", symbol="BTCUSDT")
    ether = msgspec.structs.replace(trade(1, "100", "1", buyer_is_maker=True), symbol="ETHUSDT")
    d.happen(ether)
    assert struck(d) == []
    d.happen(trade(1, "100", "1", buyer_is_maker=True))
    d.place()
    assert (len(d.heard(btc)), len(d.heard(eth)), len(d.reports(user))) == (0, 1, 1)
    assert [(e.what, e.symbol) for e in d.lab.log if e.kind == "fault_fired"] == [
        ("stream_silence", "BTCUSDT")
    ]


def test_a_slow_body_is_the_same_body_and_no_frame_is_slow() -> None:
    d = Driver()
    d.fault("slow_body", ms=700)
    good = d.order("a")
    answer = d.answer(send(d))
    assert answer is not None
    assert (answer.status, answer.json["status"], answer.raw.spread_ns) == (200, "NEW", 700 * MS)
    assert good == GONE
    conn = d.open("/ws-api/v3")
    assert (
        d.ask(conn, "order.status", d.signed({"symbol": "BTCUSDT", "orderId": 1}))["status"] == 200
    )
    assert struck(d) == [
        ("slow_body", "GET /api/v3/order"),
        ("slow_body", "POST /api/v3/order"),
    ]
