"""A desk that is killed again and again doubles nothing, forgets nothing, and the proof can fail."""

import pytest
from rich.console import Console
from tests.crash.harness import crash

pytestmark = pytest.mark.process

ORDER = {"method": "POST", "path": "/api/v3/order"}


def test_twenty_kills_leave_no_duplicate_and_no_unknown() -> None:
    report = crash(20, seed=7, rounds=None, console=Console(quiet=True))
    assert report["findings"] == []
    assert report["unknown"] == 0
    assert set(report["position_diff"].values()) == {"0"}
    assert report["with_order_in_flight"] * 2 >= report["kills"]
    assert report["fills"] > 0
    assert report["protective"]["orders"] > 0
    assert {name.partition(":")[0] for name in report["traded"]} == {"binance", "usdm"}


def test_a_desk_that_sends_before_its_intent_is_durable_is_found() -> None:
    report = crash(
        4,
        seed=3,
        rounds=None,
        console=Console(quiet=True),
        plant="send before durable",
        only=("before the commit",),
    )
    assert "I6 write-ahead" in {finding["law"] for finding in report["findings"]}


def test_a_desk_that_resends_an_unanswered_order_is_found() -> None:
    report = crash(
        3,
        seed=5,
        rounds=None,
        console=Console(quiet=True),
        plant="resend when unanswered",
        only=("after the answer is decided",),
        faults=({"kind": "lost_response", "match": ORDER, "probability": 0.7, "how": "close"},),
        passages=(15, 25),
        makers=False,
    )
    assert "I1 no duplicate exposure" in {finding["law"] for finding in report["findings"]}
