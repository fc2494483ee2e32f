from typing import Any

import msgspec
import pytest

from lab.driver import MS, SECOND, Answer
from lab.perps import ORDER, SETTINGS, Perps
from nightdesk.lab.settings import LabSettings
from nightdesk.lab.usdm.countdown import PATH


def count_down(p: Perps, length_ms: int, **more: str) -> Answer:
    return p.call("POST", PATH, {"symbol": "BTCUSDT", "countdownTime": str(length_ms)} | more)


def stop(p: Perps) -> None:
    asked = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "algoType": "CONDITIONAL"}
    terms = {"triggerPrice": "95", "quantity": "1", "reduceOnly": "true", "clientAlgoId": "stop-1"}
    assert p.call("POST", "/fapi/v1/algoOrder", asked | terms).status == 200


def shown(p: Perps) -> Any:
    return p.lab_call("GET", "account", query="name=desk").json["usdm"]


def told(p: Perps) -> list[tuple[str, int | None]]:
    return [(e.what or "", e.length_ms) for e in p.lab.log if e.kind == "countdown"]


def ending_algos() -> LabSettings:
    usdm = msgspec.structs.replace(SETTINGS.usdm, countdown_ends_algos=True)
    return msgspec.structs.replace(SETTINGS, usdm=usdm)


def test_it_is_answered_as_it_was_asked_and_weighs_ten() -> None:
    p = Perps()
    answer = count_down(p, 1_000)
    assert answer.json == {"symbol": "BTCUSDT", "countdownTime": "1000"}
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "10"


def test_it_cancels_unless_it_is_begun_anew() -> None:
    p = Perps()
    p.place()
    count_down(p, 1_000)
    p.pass_time(900 * MS)
    count_down(p, 1_000)
    p.pass_time(900 * MS)
    assert len(p.desk.open_orders()) == 1
    p.pass_time(200 * MS)
    assert p.desk.open_orders() == []
    assert told(p) == [("begun", 1_000), ("begun", 1_000), ("ran out", None)]


def test_nothing_stops_it_but_a_countdown_of_0() -> None:
    p = Perps()
    p.place()
    count_down(p, 500)
    count_down(p, 0)
    p.pass_time(SECOND)
    assert len(p.desk.open_orders()) == 1
    count_down(p, 0)  # one that does not run is stopped as well
    assert told(p) == [("begun", 500), ("stopped", 0), ("stopped", 0)]


def test_it_is_over_once_it_has_run_out() -> None:
    p = Perps()
    count_down(p, 500)
    p.pass_time(SECOND)
    p.place()
    p.pass_time(10 * SECOND)
    assert len(p.desk.open_orders()) == 1


def test_the_private_stream_tells_of_each_order_that_it_cancelled() -> None:
    p = Perps()
    conn = p.listen()
    p.place(newClientOrderId="one")
    p.place(price="98", newClientOrderId="two")
    count_down(p, 1_000)
    p.pass_time(1_100 * MS)
    ended = [e["o"] for e in p.events(conn, "ORDER_TRADE_UPDATE") if e["o"]["X"] == "CANCELED"]
    assert [(o["c"], o["x"]) for o in ended] == [("one", "CANCELED"), ("two", "CANCELED")]
    order = {"symbol": "BTCUSDT", "origClientOrderId": "one"}
    assert p.call("GET", ORDER, order).json["status"] == "CANCELED"


@pytest.mark.parametrize(("settings", "left"), [(SETTINGS, 1), (ending_algos(), 0)])
def test_orders_that_wait_for_a_price_end_with_it_where_the_lab_is_told_so(
    settings: LabSettings, left: int
) -> None:
    p = Perps(settings)
    p.market_order("BUY", "1")
    stop(p)
    count_down(p, 1_000)
    p.pass_time(1_100 * MS)
    assert shown(p)["open_algo_orders"] == left


def test_it_is_shown_with_its_account_while_it_runs() -> None:
    p = Perps()
    asked_ns = p.now_ns
    count_down(p, 30_000)
    [(symbol, until_ns)] = shown(p)["countdowns_until_ns"].items()
    assert symbol == "BTCUSDT"
    assert 0 <= until_ns - asked_ns - 30 * SECOND <= 20 * MS
    p.pass_time(31 * SECOND)
    assert shown(p)["countdowns_until_ns"] == {}


def test_the_log_says_who_began_it() -> None:
    p = Perps()
    count_down(p, 1_000)
    [entry] = [e for e in p.lab.log if e.kind == "countdown"]
    assert (entry.venue, entry.account, entry.symbol) == ("usdm", "desk", "BTCUSDT")
    assert entry.sender is not None
    assert entry.arrived_ns is not None


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"symbol": "NOSUCH"}, -1121),
        ({"symbol": ""}, -1105),
        ({"countdownTime": "-1"}, -1100),
        ({"countdownTime": "soon"}, -1100),
        ({"countdownTime": ""}, -1105),
        ({"underlying": "BTC"}, -1104),
    ],
)
def test_what_is_no_countdown_is_refused_and_stops_none(asked: dict[str, str], code: int) -> None:
    p = Perps()
    p.place()
    count_down(p, 1_000)
    assert count_down(p, 1_000, **asked).code == code
    p.pass_time(1_100 * MS)
    assert p.desk.open_orders() == []


def test_a_request_whose_answer_is_lost_counts_all_the_same() -> None:
    p = Perps()
    p.place()
    p.fault("lost_response", match={"path": PATH})
    asked = p.send("POST", PATH, {"symbol": "BTCUSDT", "countdownTime": "1000"})
    p.pass_time(5 * MS)
    assert p.answer(asked) is None
    p.pass_time(1_100 * MS)
    assert p.desk.open_orders() == []
