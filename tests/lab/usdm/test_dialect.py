"""A recorded perpetual market through the venue's streams and engine."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from lab.driver import SECOND, Driver
from lab.markets import ScriptedMarket
from lab.perps import ACCOUNT, RULES
from nightdesk.lab.replay import ReplayMarket
from nightdesk.lab.settings import LabSettings, default_symbol
from nightdesk.lab.usdm.settings import UsdmSettings
from nightdesk.recordings.files import open_lines


@pytest.mark.recorded
def test_a_recorded_market_comes_out_as_an_unbroken_chain() -> None:
    root = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).parents[4] / "shared"))
    path = root / "data/raw_ws/binance/usdm_btcusdt_20240808.txt.gz"
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    market = ReplayMarket([(path.name, open_lines(str(path)))])
    settings = LabSettings(
        accounts=(ACCOUNT,),
        symbols=(default_symbol("BTCUSDT"),),
        usdm=UsdmSettings(symbols=(RULES,)),
    )
    d = Driver(ScriptedMarket(), settings, market)
    conn = d.open("/public/ws/btcusdt@depth@0ms")
    marks = d.open("/market/ws/btcusdt@markPrice@1s")
    d.pass_time(10 * SECOND)
    frames = d.heard(conn)
    assert len(frames) > 100
    for before, after in pairwise(frames):
        assert after["pu"] == before["u"]
    assert all(61_000 < float(frame["p"]) < 62_000 for frame in d.heard(marks))
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "MARKET",
        "quantity": "0.01",
        "newOrderRespType": "RESULT",
    }
    assert d.call("POST", "/fapi/v1/order", order).json["status"] == "FILLED"
