"""What a run came to, of spot and contracts beside each other."""

from typing import Any

import pytest

from audit.contracts import PERP, both
from builders import BTCUSDT, NOW, D, an_instrument
from nightdesk.control.messages import PositionRow, Sample
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Configured, Record
from nightdesk.model.time import Wall
from nightdesk.node.result import Result, result_of

HELD = {"BTC": D(2), "USDT": D(9), PERP: D(-3)}


def a_sample(rows: list[tuple[str, str]], **balances: str) -> Sample:
    counted = dict.fromkeys(("orders_live", "orders_unknown", "fills", "uptime_ns"), 0)
    listed: dict[str, Any] = {
        name: []
        for name in ("causes", "instruments", "refusals", "limits", "latency", "counters", "events")
    }
    for name in ("refusals", "latency", "counters", "funnel", "fees", "journal"):
        listed[name] = {}
    zero = dict.fromkeys(("volume", "realised", "unrealised", "fees_quote"), D(0))
    positions = [
        PositionRow(
            strategy="s",
            instrument=instrument,
            qty=D(qty),
            average_price=None,
            realised=D(0),
            unrealised=D(0),
            fees=D(0),
            volume=D(0),
            trades=0,
            unpriced=D(0),
            target=None,
            suspended="",
        )
        for instrument, qty in rows
    ]
    return Sample(
        at_ns=NOW,
        desk="d",
        mode="NORMAL",
        trading=True,
        epoch=1,
        lease_left_ns=0,
        positions=positions,
        balances={name.replace("_", ":"): D(amount) for name, amount in balances.items()},
        flatten="",
        clock_offset_ns=0,
        **counted,
        **listed,
        **zero,
    )


def came_to(sample: Sample, record: Record) -> Result:
    history = [(Seq(1), Epoch(1), Wall(NOW), record)]
    run: dict[str, Any] = {"account_name": "practice", "speed": "1", "seed": 1, "feed": {}}
    return result_of(sample, [], HELD, history, **run)


def test_one_market_goes_by_symbol() -> None:
    only = Configured(hash="h", instruments=[an_instrument()], body="")
    rows = [(BTCUSDT, "1"), (BTCUSDT, "1")]
    result = came_to(a_sample(rows, BTC="2"), only)
    assert result.positions == {"BTCUSDT": D(2)}
    assert result.position_diff == {"BTCUSDT": D(0)}


@pytest.mark.parametrize(("perp", "differs"), [("-3", "0"), ("-2", "1")])
def test_two_markets_of_one_symbol_stand_beside_each_other(perp: str, differs: str) -> None:
    rows = [(BTCUSDT, "1"), (PERP, perp)]
    sample = a_sample(rows, BTC="2", usdm_BTCUSDT=perp)
    result = came_to(sample, both().record)
    assert result.positions == {BTCUSDT: D(1), PERP: D(perp)}
    assert result.position_diff == {BTCUSDT: D(0), PERP: D(differs), "ETHUSDT": D(0)}
    assert result.clean is (differs == "0")
