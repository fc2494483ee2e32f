"""A venue that changes its rules: told when asked, in force at once, kept by what rests."""

from decimal import Decimal

import pytest

from lab.driver import ORDER, Driver
from lab.perps import Perps


def rule(d: Driver, kind: str, name: str) -> Decimal:
    listed = d.public("/api/v3/exchangeInfo").json["symbols"][0]
    return Decimal({each["filterType"]: each for each in listed["filters"]}[kind][name])


@pytest.mark.parametrize(
    ("changed", "kind", "name"),
    [
        ("tick", "PRICE_FILTER", "tickSize"),
        ("step", "LOT_SIZE", "stepSize"),
        ("notional_min", "NOTIONAL", "minNotional"),
    ],
)
def test_a_changed_rule_is_told_and_the_next_fault_takes_it_back(
    changed: str, kind: str, name: str
) -> None:
    d = Driver()
    before = rule(d, kind, name)
    d.fault("rules_changed", rule=changed, times=7)
    assert rule(d, kind, name) == before * 7
    d.fault("rules_changed", rule=changed, times=3)
    assert rule(d, kind, name) == before


def test_an_order_off_the_new_tick_is_refused_and_one_that_rests_stays() -> None:
    d = Driver()
    resting = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    resting |= {"quantity": "1", "price": "90.01", "newClientOrderId": "resting"}
    assert d.call("POST", ORDER, resting).status == 200
    d.fault("rules_changed", rule="tick", symbol="BTCUSDT", times=10)
    refused = d.call("POST", ORDER, resting | {"newClientOrderId": "next"})
    assert (refused.status, refused.json["code"]) == (400, -1013)
    assert "PRICE_FILTER" in refused.json["msg"]
    assert d.order("resting")["status"] == "NEW"
    assert [e.what for e in d.lab.log if e.kind == "fault_fired"], "the truth says so"


def test_a_symbol_that_nobody_lists_is_refused_by_name() -> None:
    d = Driver()
    told = {"kind": "rules_changed", "rule": "tick", "symbol": "NOSUCH"}
    answer = d.lab_call("POST", "faults", told)
    assert answer.status == 400
    assert "NOSUCH" in answer.json["error"]


def test_what_is_held_in_finer_steps_than_are_taken_now_is_shown_whole() -> None:
    p = Perps()
    p.market_order("BUY", "0.103")
    p.fault("rules_changed", rule="step", venue="usdm", times=10)
    (held,) = p.call("GET", "/fapi/v3/positionRisk", {}).json
    assert Decimal(held["positionAmt"]) == Decimal("0.103")
