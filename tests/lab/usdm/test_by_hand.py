import pytest

from lab.driver import Driver
from lab.perps import D, Perps


def test_an_order_by_hand_is_marked_as_such() -> None:
    p = Perps()
    conn = p.listen()
    p.fault("manual_order", venue="usdm", side="SELL", fraction=0.1)
    [order] = [record.now for record in p.desk.orders.values()]
    assert order.client_order_id.startswith("web_")
    assert p.desk.position("BTCUSDT").amount == -20
    [entry] = [e for e in p.lab_call("GET", "log").json["entries"] if e["kind"] == "accept"]
    assert (entry["venue"], entry["sender"]["source"]) == ("usdm", "web")
    assert len(p.events(conn, "ACCOUNT_UPDATE")) == 2  # ten at either of two prices


def test_a_resting_order_by_hand_can_be_cancelled_by_hand() -> None:
    p = Perps()
    p.fault("manual_order", venue="usdm", bps=100)
    [record] = p.desk.open_orders()
    assert record.now.price == D("98.9")
    p.fault("manual_cancel", venue="usdm")
    assert p.desk.open_orders() == []


def test_a_transfer_moves_the_wallet_and_is_income() -> None:
    p = Perps()
    conn = p.listen()
    p.fault("transfer", venue="usdm", asset="USDT", amount="-100")
    assert p.wallet() == 900
    event = p.events(conn, "ACCOUNT_UPDATE")[-1]["a"]
    assert (event["m"], event["B"][0]["bc"]) == ("WITHDRAW", "-100.00000000")
    shown = p.lab_call("GET", "account", query="name=desk").json["usdm"]["balances"]["USDT"]
    assert (shown["initial"], shown["transferred"]) == ("1000", "-100")
    answer = p.lab_call(
        "POST",
        "faults",
        {"kind": "transfer", "venue": "usdm", "asset": "USDT", "amount": "-901"},
    )
    assert answer.status == 400


def test_a_dropped_stop_is_gone_and_nobody_is_told() -> None:
    p = Perps()
    conn = p.listen()
    p.market_order("BUY", "1")
    p.call(
        "POST",
        "/fapi/v1/algoOrder",
        {
            "algoType": "CONDITIONAL",
            "symbol": "BTCUSDT",
            "side": "SELL",
            "type": "STOP_MARKET",
            "closePosition": "true",
            "triggerPrice": "95",
        },
    )
    p.fault("stop_dropped", venue="usdm")
    assert [e["o"]["X"] for e in p.events(conn, "ALGO_UPDATE")] == ["NEW"]
    assert p.call("GET", "/fapi/v1/openAlgoOrders").json == []


def test_a_position_can_be_liquidated_at_once() -> None:
    p = Perps()
    p.market_order("BUY", "10")
    p.fault("liquidate", symbol="BTCUSDT")
    assert p.desk.position("BTCUSDT").amount == 0
    fee = D(10) * 100 * D("0.0125")
    assert p.desk.incomes[-1].amount == -fee


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "liquidate"},
        {"kind": "adl", "symbol": "BTCUSDT"},
        {"kind": "stop_dropped", "venue": "usdm"},
        {"kind": "manual_cancel", "venue": "usdm"},
        {"kind": "mode_switched", "mode": "one_way"},
        {"kind": "mode_switched", "mode": "leverage", "leverage": 500},
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_no_fault(fault: dict[str, object]) -> None:
    p = Perps()
    answer = p.lab_call("POST", "faults", fault)
    assert answer.status == 400
    assert answer.json["error"]
    assert p.lab_call("GET", "faults").json == []


def test_a_lab_without_the_venue_says_how_to_get_one() -> None:
    d = Driver()
    answer = d.lab_call("POST", "faults", {"kind": "liquidate"})
    assert "--usdm" in answer.json["error"]


def test_a_contracts_trade_is_undone_at_its_own_price() -> None:
    p = Perps()
    p.market_order("BUY", "1")
    wallet = p.wallet()
    p.fault("fill_taken_back", venue="usdm")
    assert p.desk.position("BTCUSDT").amount == 0
    assert p.wallet() == wallet, "no profit, no second fee"
    assert p.call("GET", "/fapi/v1/forceOrders", {}).json == []
    answer = p.lab_call("POST", "faults", {"kind": "fill_taken_back", "venue": "usdm"})
    assert "no trade to take back" in answer.json["error"]
