from typing import Any

import pytest

from lab.markets import trade
from lab.perps import Perps

ALGO = "/fapi/v1/algoOrder"


def algo(p: Perps, **more: Any) -> Any:
    """A stop that closes a long at 95, unless `more` says otherwise. None drops a parameter."""
    params = {
        "algoType": "CONDITIONAL",
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "STOP_MARKET",
        "quantity": "1",
        "triggerPrice": "95",
        "reduceOnly": "true",
        "clientAlgoId": "stop-1",
    } | more
    return p.call("POST", ALGO, {k: v for k, v in params.items() if v is not None})


def shown(p: Perps, client_id: str = "stop-1") -> Any:
    return p.call("GET", ALGO, {"clientAlgoId": client_id}).json


def prints(p: Perps, price: str) -> None:
    """Others trade at a price; the quote does not move."""
    p.happen(trade(len(p.outs) + 1, price, "0.001", buyer_is_maker=False))


def steps(p: Perps, conn: int) -> list[str]:
    return [event["o"]["X"] for event in p.events(conn, "ALGO_UPDATE")]


def long(**more: Any) -> tuple[Perps, int]:
    p = Perps(**more)
    conn = p.listen()
    p.market_order("BUY", "1")
    return p, conn


def test_a_stop_waits_triggers_and_closes_the_position() -> None:
    p, conn = long()
    placed = algo(p).json
    assert (placed["algoStatus"], placed["orderType"]) == ("NEW", "STOP_MARKET")
    assert [o["algoId"] for o in p.call("GET", "/fapi/v1/openAlgoOrders").json] == [
        placed["algoId"]
    ]
    prints(p, "95.1")
    assert shown(p)["algoStatus"] == "NEW"
    prints(p, "95.0")
    found = shown(p)
    assert (found["algoStatus"], found["actualQty"]) == ("FINISHED", "1.000")
    assert p.desk.position("BTCUSDT").amount == 0
    assert steps(p, conn) == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
    child = p.call(
        "GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": found["actualOrderId"]}
    ).json
    assert (child["type"], child["origType"], child["clientOrderId"]) == (
        "MARKET",
        "STOP_MARKET",
        "stop-1",
    )
    assert p.call("GET", "/fapi/v1/openAlgoOrders").json == []


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "before", "at"),
    [
        ("SELL", "STOP_MARKET", "95", "95.1", "95"),
        ("BUY", "STOP_MARKET", "105", "104.9", "105"),
        ("SELL", "TAKE_PROFIT_MARKET", "105", "104.9", "105"),
        ("BUY", "TAKE_PROFIT_MARKET", "95", "95.1", "95"),
    ],
)
def test_each_kind_waits_on_its_own_side(
    side: str, kind: str, trigger: str, before: str, at: str
) -> None:
    p = Perps()
    algo(p, side=side, type=kind, triggerPrice=trigger, reduceOnly=None)
    prints(p, before)
    assert shown(p)["algoStatus"] == "NEW"
    prints(p, at)
    assert shown(p)["algoStatus"] == "FINISHED"


def test_the_mark_price_triggers_only_what_watches_it() -> None:
    p, _ = long()
    algo(p, workingType="MARK_PRICE")
    prints(p, "90")
    assert shown(p)["algoStatus"] == "NEW"
    p.move("94.8", "95.0")
    assert shown(p)["algoStatus"] == "FINISHED"


def test_a_stop_limit_rests_at_its_price() -> None:
    p, conn = long()
    algo(p, type="STOP", price="101", timeInForce="GTC")
    prints(p, "95")
    assert shown(p)["algoStatus"] == "TRIGGERED"
    [child] = [record.now for record in p.desk.open_orders()]
    assert (child.price, child.reduce_only) == (101, True)
    p.move("101.2", "101.4")
    assert (shown(p)["algoStatus"], shown(p)["actualPrice"]) == ("FINISHED", "101.00000")
    assert steps(p, conn)[-1] == "FINISHED"


def test_a_trailing_stop_follows_the_best_price() -> None:
    p, _ = long()
    trail = {"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "callbackRate": "2"}
    algo(p, **trail, activatePrice="102")
    for price in ("98", "102", "110", "107.9"):
        prints(p, price)
        assert shown(p)["algoStatus"] == "NEW"
    prints(p, "107.8")
    assert shown(p)["algoStatus"] == "FINISHED"


def test_close_position_closes_whatever_is_held_then() -> None:
    p, _ = long()
    algo(p, closePosition="true", quantity=None, reduceOnly=None)
    p.market_order("BUY", "2")
    prints(p, "95")
    assert p.desk.position("BTCUSDT").amount == 0
    algo(p, closePosition="true", quantity=None, reduceOnly=None, clientAlgoId="stop-2")
    prints(p, "100")
    prints(p, "95")
    assert shown(p, "stop-2")["algoStatus"] == "EXPIRED"


def test_what_the_engine_does_not_take_is_rejected_with_its_reason() -> None:
    p, conn = long()
    p.call("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "1"})
    algo(p, side="BUY", triggerPrice="105", quantity="20", reduceOnly=None)
    prints(p, "105")
    last = p.events(conn, "ALGO_UPDATE")[-1]["o"]
    assert (last["X"], last["rm"], last["ai"]) == ("REJECTED", "Margin is insufficient.", "")


def test_an_order_that_lasts_as_long_as_the_position_ends_with_it() -> None:
    p, conn = long()
    algo(p, timeInForce="GTE_GTC")
    p.market_order("SELL", "1")
    assert shown(p)["algoStatus"] == "EXPIRED"
    assert steps(p, conn) == ["NEW", "EXPIRED"]


def test_an_order_that_only_reduces_waits_on_without_a_position() -> None:
    # The venue ends it when it is triggered: dev.binance.vision/t/802, 4 and 6, read 2026-11-22.
    p, _ = long()
    algo(p)
    p.market_order("SELL", "1")
    assert shown(p)["algoStatus"] == "NEW"
    prints(p, "90")
    assert shown(p)["algoStatus"] == "REJECTED"
    assert p.desk.position("BTCUSDT").amount == 0


def test_it_can_be_cancelled_while_it_waits_and_not_after() -> None:
    p, conn = long()
    algo(p)
    assert algo(p).code == -4116
    ids = {"clientAlgoId": "stop-1"}
    assert p.call("DELETE", ALGO, ids).json["msg"] == "success"
    assert p.call("DELETE", ALGO, ids).code == -2011
    assert shown(p)["algoStatus"] == "CANCELED"
    assert p.call("GET", ALGO, {"algoId": "1"}).code == -2013
    algo(p, clientAlgoId="stop-2")
    assert p.call("DELETE", "/fapi/v1/allOpenOrders", {"symbol": "BTCUSDT"}).status == 200
    assert len(p.call("GET", "/fapi/v1/openAlgoOrders").json) == 1
    p.call("DELETE", "/fapi/v1/algoOpenOrders", {"symbol": "BTCUSDT"})
    assert steps(p, conn) == ["NEW", "CANCELED", "NEW", "CANCELED"]
    everything = p.call("GET", "/fapi/v1/allAlgoOrders", {"symbol": "BTCUSDT"}).json
    assert [row["algoStatus"] for row in everything] == ["CANCELED", "CANCELED"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"algoType": "VP"}, -1130),
        ({"type": "LIMIT"}, -1116),
        ({"triggerPrice": None}, -1102),
        ({"triggerPrice": "100.5"}, -2021),
        ({"triggerPrice": "95.05"}, -4014),
        ({"quantity": None}, -1102),
        ({"type": "STOP"}, -1102),
        ({"price": "95"}, -1106),
        ({"closePosition": "true"}, -4137),
        ({"closePosition": "true", "quantity": None}, -1106),
        ({"workingType": "INDEX"}, -4031),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "11"}, -2007),
        ({"positionSide": "SHORT"}, -4061),
    ],
)
def test_a_conditional_order_that_is_none_is_refused(changes: dict[str, Any], code: int) -> None:
    p, _ = long()
    assert algo(p, **changes).code == code


def test_the_truth_knows_the_order_behind_an_order() -> None:
    p, _ = long()
    number = algo(p).json["algoId"]
    prints(p, "95")
    entries = [e for e in p.lab_call("GET", "log").json["entries"] if e.get("algo_id") == number]
    assert [(e["kind"], e.get("what")) for e in entries] == [
        ("algo", "NEW"),
        ("algo", "TRIGGERING"),
        ("accept", None),
        ("algo", "TRIGGERED"),
        ("algo", "FINISHED"),
    ]
