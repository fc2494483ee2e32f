from typing import Any

import pytest

from lab.perps import Perps

V1 = "/fapi/v1/"


def post(p: Perps, path: str, **params: Any) -> Any:
    return p.call("POST", V1 + path, params)


def test_leverage_sets_what_a_position_binds_and_tells_of_it() -> None:
    p = Perps()
    conn = p.listen()
    p.market_order("BUY", "1")
    shown = post(p, "leverage", symbol="BTCUSDT", leverage=50).json
    assert shown == {"leverage": 50, "maxNotionalValue": "12000000", "symbol": "BTCUSDT"}
    assert p.events(conn, "ACCOUNT_CONFIG_UPDATE")[-1]["ac"] == {"s": "BTCUSDT", "l": 50}
    [row] = p.call("GET", "/fapi/v3/positionRisk").json
    assert row["initialMargin"] == "2.00000000"
    assert post(p, "leverage", symbol="BTCUSDT", leverage=126).code == -4028


def test_leverage_cannot_fall_below_what_the_account_bears() -> None:
    p = Perps()
    p.market_order("BUY", "60")
    assert post(p, "leverage", symbol="BTCUSDT", leverage=2).code == -2028
    assert p.desk.position("BTCUSDT").leverage == 20


def test_the_margin_type_stays_while_anything_is_open() -> None:
    p = Perps()
    conn = p.listen()
    margin = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    p.place()
    assert post(p, "marginType", **margin).code == -4047
    p.call("DELETE", V1 + "allOpenOrders", {"symbol": "BTCUSDT"})
    assert post(p, "marginType", **margin).json == {"code": 200, "msg": "success"}
    assert post(p, "marginType", **margin).code == -4046
    p.market_order("BUY", "1")
    assert post(p, "marginType", symbol="BTCUSDT", marginType="CROSSED").code == -4048
    reasons = [event["a"]["m"] for event in p.events(conn, "ACCOUNT_UPDATE")]
    assert reasons == ["MARGIN_TYPE_CHANGE", "ORDER"]


def test_isolated_margin_moves_between_wallets() -> None:
    p = Perps()
    assert post(p, "positionMargin", symbol="BTCUSDT", amount=5, type=1).code == -4049
    post(p, "marginType", symbol="BTCUSDT", marginType="ISOLATED")
    assert post(p, "positionMargin", symbol="BTCUSDT", amount=5, type=1).code == -4054
    p.market_order("BUY", "1")
    before = p.desk.position("BTCUSDT").isolated_wallet
    assert post(p, "positionMargin", symbol="BTCUSDT", amount=50, type=1).status == 200
    assert p.desk.position("BTCUSDT").isolated_wallet == before + 50
    assert post(p, "positionMargin", symbol="BTCUSDT", amount=54, type=2).code == -4051
    assert post(p, "positionMargin", symbol="BTCUSDT", amount=5000, type=1).code == -4050


def test_hedge_mode_can_be_switched_while_flat_and_then_no_order_fits() -> None:
    p = Perps()
    assert p.call("GET", V1 + "positionSide/dual").json == {"dualSidePosition": False}
    p.place()
    assert post(p, "positionSide/dual", dualSidePosition="true").code == -4067
    p.call("DELETE", V1 + "allOpenOrders", {"symbol": "BTCUSDT"})
    assert post(p, "positionSide/dual", dualSidePosition="true").status == 200
    assert p.place().code == -4061
    assert p.place(positionSide="LONG").code == -4084
    assert post(p, "positionSide/dual", dualSidePosition="true").code == -4059


@pytest.mark.parametrize("mode", ["hedge", "multi_assets", "isolated"])
def test_a_mode_switched_by_hand_shows_and_is_told_in_the_truth(mode: str) -> None:
    p = Perps()
    p.fault("mode_switched", mode=mode)
    account = p.call("GET", V1 + "accountConfig").json
    [symbol] = p.call("GET", V1 + "symbolConfig").json
    found = (account["dualSidePosition"], account["multiAssetsMargin"], symbol["marginType"])
    assert found == (
        mode == "hedge",
        mode == "multi_assets",
        "ISOLATED" if mode == "isolated" else "CROSSED",
    )
    [entry] = [e for e in p.lab_call("GET", "log").json["entries"] if e["kind"] == "setting"]
    assert entry["sender"]["source"] == "web"


def test_brackets_go_on_where_the_last_one_ends() -> None:
    p = Perps()
    [row] = p.call("GET", V1 + "leverageBracket").json
    for lower, upper in zip(row["brackets"], row["brackets"][1:], strict=False):
        assert upper["notionalFloor"] == lower["notionalCap"]
        cap = lower["notionalCap"]
        below = cap * lower["maintMarginRatio"] - lower["cum"]
        assert below == pytest.approx(cap * upper["maintMarginRatio"] - upper["cum"])
