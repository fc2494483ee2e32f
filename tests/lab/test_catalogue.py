"""A fault is asked for by name; what cannot be is refused, and said why."""

from typing import Any

import pytest

from lab.driver import Driver
from nightdesk.lab.catalogue import OF_POSITIONS, FaultKind

# What each kind must be given.
NEEDS: dict[str, dict[str, Any]] = {
    kind: {"ms": 1}
    for kind in (
        *("delay", "late_response", "slow_body", "late_report", "read_lag", "clock_offset"),
        *("fill_after_cancel_ack", "stream_ending"),
    )
}
NEEDS["price_spike"] = {"bps": 50}
NEEDS["transfer"] = {"asset": "USDT", "amount": "1"}
NEEDS["rules_changed"] = {"rule": "notional_min"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"kind": "lightning"}, "unknown kind 'lightning'; known: lost_request"),
        ({"kind": "delay"}, "delay needs ms"),
        ({"kind": "delay", "ms": 1, "hov": "x", "aa": 1}, "delay has no aa, hov; it has: match"),
        ({"kind": "lost_request", "how": "softly"}, "Invalid enum value 'softly' - at `$.how`"),
        ({"kind": "-1008", "match": {"verb": "POST"}}, "unknown field `verb` - at `$.match`"),
        ({"kind": "-1008", "probability": 2}, "probability is above 0 and at most 1"),
        ({"kind": "-1008", "count": 0}, "count and duration_ms are at least 1"),
        ({"kind": "error_503", "text": "unavailable", "effect": True}, "effect is false"),
        ({"kind": "read_lag", "ms": 999_999_999}, "ms is at most 120000"),
        ([], "the fault is not a JSON object"),
        ({"kind": "-1008", "match": {"method": "post"}}, "no method 'post'; known: GET, POST"),
        ({"kind": "-1008", "match": {"path": "/api/v3/ordr"}}, "no endpoint '/api/v3/ordr'"),
        (
            {"kind": "late_report", "ms": 1, "match": {"path": "/api/v3/order"}},
            "late_report strikes no requests",
        ),
        ({"kind": "slow_body", "ms": 0}, "ms is at least 1 for slow_body"),
        ({"kind": "truncated_body", "bytes": -1}, "bytes is not negative"),
        ({"kind": "ban_418", "retry_after_s": 0}, "retry_after_s is at least 1"),
        ({"kind": "stream_drop", "code": 5}, "code is a websocket's close code, 1000 to 4999"),
        ({"kind": "stream_drop", "match": {}}, "stream_drop has no match; it has: count"),
        ({"kind": "stream_silence", "count": 1}, "has no count; it has: duration_ms, which"),
        ({"kind": "stream_silence", "symbol": "NOPE"}, "no symbol 'NOPE'; known: BTCUSDT"),
        (
            {"kind": "stream_silence", "symbol": "BTCUSDT", "which": "user"},
            "symbol silences market streams",
        ),
        ({"kind": "new_enum", "field": "colour"}, "Invalid enum value 'colour' - at `$.field`"),
        ({"kind": "duplicate_market", "times": 1}, "times is 2 to 1000"),
        ({"kind": "duplicate_market", "times": 1001}, "times is 2 to 1000"),
        ({"kind": "duplicate_market", "match": {}}, "duplicate_market has no match; it has: prob"),
        ({"kind": "price_spike"}, "price_spike needs bps"),
        ({"kind": "price_spike", "bps": 0}, "bps is above -10000, at most 1000000 and not 0"),
        ({"kind": "price_spike", "bps": -10_000}, "bps is above -10000"),
        (
            {"kind": "price_spike", "bps": 1, "stream": "depth"},
            "price_spike strikes bookTicker, trade, not depth",
        ),
        ({"kind": "crossed_book", "stream": "kline"}, "Invalid enum value 'kline' - at `$.stream`"),
        ({"kind": "frozen_market", "symbol": "NOPE"}, "no symbol 'NOPE'; known: BTCUSDT"),
        ({"kind": "stp_expire", "match": {"method": "POST"}}, "stp_expire strikes no requests"),
        ({"kind": "manual_order", "match": {}}, "manual_order has no match; it has: count"),
        ({"kind": "manual_order", "count": 2}, "manual_order happens once, when it is set"),
        ({"kind": "manual_order", "side": "HOLD"}, "Invalid enum value 'HOLD' - at `$.side`"),
        ({"kind": "manual_order", "fraction": 0}, "fraction is above 0 and at most 1"),
        ({"kind": "manual_order", "bps": 10_000}, "is 0 to 9999"),
        ({"kind": "manual_order", "account": "no"}, "no account 'no'; known: desk"),
        ({"kind": "transfer", "asset": "BTC"}, "transfer needs amount"),
        ({"kind": "transfer", "asset": "XYZ", "amount": 1}, "no asset 'XYZ'; known: BTC, USDT"),
        ({"kind": "transfer", "asset": "BTC", "amount": 0}, "amount is not zero"),
        ({"kind": "transfer", "asset": "BTC", "amount": "NaN"}, "amount is not zero"),
        ({"kind": "transfer", "asset": "BTC", "amount": "1E-9"}, "at most eight decimals"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_name(body: Any, text: str) -> None:
    answer = Driver().lab_call("POST", "faults", body)
    assert answer.status == 400
    assert text in answer.json["error"]


def test_every_kind_can_be_set_listed_and_deleted() -> None:
    d = Driver()
    d.place(price="101", quantity="0.1")  # a trade that can be taken back
    d.place(price="50")
    stop = {"type": "STOP_LOSS", "side": "SELL", "price": None, "timeInForce": None}
    d.place(**stop, stopPrice="50")
    kinds = [kind for kind in FaultKind if kind not in OF_POSITIONS]  # those want perpetuals
    ids = [d.fault(str(kind), **NEEDS.get(str(kind), {})) for kind in kinds]
    listed = d.lab_call("GET", "faults").json
    assert [f["id"] for f in listed] == ids
    assert [f["kind"] for f in listed] == kinds
    assert d.lab_call("DELETE", f"faults/{ids[0]}").json == {"deleted": [ids[0]]}
    assert d.lab_call("DELETE", "faults", query=f"id={ids[0]}").status == 404
    assert d.lab_call("DELETE", "faults").json == {"deleted": ids[1:]}
    assert d.place().status == 200


def test_what_is_refused_is_not_in_force() -> None:
    d = Driver()
    answer = d.lab_call("POST", "faults", {"kind": "manual_cancel"})
    assert (answer.status, answer.json["error"]) == (
        400,
        "the account has no open order to cancel",
    )
    assert d.lab_call("GET", "faults").json == []
    assert [e.kind for e in d.lab.log] == ["market"]
