"""Streams that tell the market wrongly, while the venue itself knows better."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lab.driver import MS, SECOND, Driver
from lab.markets import ASKS, BIDS, ScriptedMarket, depth, quote, snapshot, trade
from nightdesk.lab.market import MarketEvent
from nightdesk.lab.settings import default_symbol

STREAMS = "btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@trade"
Happening = Callable[[int], MarketEvent]
HAPPENINGS: dict[str, Happening] = {
    "bookTicker": lambda n: quote(10 + n, ("99.00", f"{n}"), ("101.00", "1")),
    "depth": lambda n: depth(10 + n, bids=[("90.00", f"{n}")]),
    "trade": lambda n: trade(n, "101.00", "0.001", buyer_is_maker=False),
}


class Watched(Driver):
    """A lab with somebody at its market streams."""

    def __init__(self, streams: str = STREAMS, **more: Any) -> None:
        super().__init__(**more)
        self.conn = self.open(f"/ws/{streams}")

    def told(self) -> list[Any]:
        """What was told since the last time."""
        frames = self.heard(self.conn)
        self.outs.clear()
        return frames

    def fired(self) -> list[tuple[Any, ...]]:
        return [(e.what, e.symbol, e.reason) for e in self.lab.log if e.kind == "fault_fired"]


def number(frame: Any) -> int:
    """Which of the happenings a frame tells of."""
    if "t" in frame:
        return int(frame["t"])
    return int(float(frame["B"] if "B" in frame else frame["b"][0][1]))


@pytest.mark.parametrize("stream", list(HAPPENINGS))
def test_a_message_may_come_several_times(stream: str) -> None:
    d = Watched()
    d.fault("duplicate_market", stream=stream, count=2, times=3)
    for name, happening in HAPPENINGS.items():
        d.happen(*(happening(n) for n in (1, 2, 3)))
        counts = [number(frame) for frame in d.told()]
        assert counts == ([1, 1, 1, 2, 2, 2, 3] if name == stream else [1, 2, 3])
    assert d.fired() == [("duplicate_market", "BTCUSDT", f"BTCUSDT {stream}")] * 2


@pytest.mark.parametrize("stream", list(HAPPENINGS))
def test_a_message_may_be_overtaken_by_the_next_of_its_kind(stream: str) -> None:
    d = Watched()
    d.fault("reordered_market", stream=stream, count=2)
    d.happen(*(HAPPENINGS[stream](n) for n in (1, 2, 3, 4, 5)))
    assert [number(frame) for frame in d.told()] == [2, 1, 4, 3, 5]
    assert len(d.fired()) == 2


def test_a_message_held_back_is_told_even_if_no_other_follows() -> None:
    d = Watched()
    d.fault("reordered_market", count=1)
    d.happen(HAPPENINGS["trade"](1))
    d.lab_call("DELETE", "faults")
    assert d.told() == []
    d.pass_time(SECOND)
    assert [number(frame) for frame in d.told()] == [1]


def test_a_depth_change_may_be_left_out_so_that_its_ids_have_a_gap() -> None:
    d = Watched("btcusdt@depth@100ms/btcusdt@depth")
    d.pass_time(1050 * MS)
    d.told()
    d.happen(HAPPENINGS["depth"](1))
    d.fault("depth_gap", count=1)
    d.happen(*(HAPPENINGS["depth"](n) for n in (2, 3)))
    assert [(f["U"], f["u"]) for f in d.told()] == [(11, 11), (13, 13)]
    assert d.fired() == [("depth_gap", "BTCUSDT", "BTCUSDT depth")]
    d.pass_time(SECOND)
    assert [(f["U"], f["u"]) for f in d.told()] == [(13, 13)], "the slower stream has it as well"
    book = d.public("/api/v3/depth", "symbol=BTCUSDT").json
    assert book["lastUpdateId"] == 13


def test_the_slower_depth_stream_stays_whole_when_single_changes_are_reordered() -> None:
    d = Watched("btcusdt@depth")
    d.fault("reordered_market", probability=1)
    d.happen(*(HAPPENINGS["depth"](n) for n in (1, 2, 3)))
    d.pass_time(SECOND)
    (frame,) = d.told()
    assert (frame["U"], frame["u"], frame["b"]) == (11, 13, [["90.00000000", "3.00000000"]])


def test_a_frozen_market_tells_the_same_quote_under_new_ids() -> None:
    d = Watched()
    d.fault("frozen_market", duration_ms=1000)
    d.happen(*(HAPPENINGS["bookTicker"](n) for n in (1, 2, 3)))
    d.happen(HAPPENINGS["depth"](5), HAPPENINGS["trade"](1))
    frames = d.told()
    assert [f["u"] for f in frames] == [11, 12, 13]
    assert {(f["b"], f["B"], f["a"]) for f in frames} == {
        ("99.00000000", "1.00000000", "101.00000000")
    }
    assert d.fired() == [("frozen_market", "BTCUSDT", "BTCUSDT bookTicker")]
    best = d.public("/api/v3/ticker/bookTicker", "symbol=BTCUSDT").json
    assert best["bidQty"] == "3.00000000"
    d.pass_time(SECOND)
    d.happen(HAPPENINGS["bookTicker"](7))
    assert d.told()[0]["B"] == "7.00000000"


def test_a_crossed_book_has_its_best_bid_above_its_best_ask() -> None:
    d = Watched()
    d.fault("crossed_book", duration_ms=1000)
    d.happen(HAPPENINGS["bookTicker"](1))
    (frame,) = d.told()
    assert (frame["b"], frame["a"]) == ("101.00000000", "99.00000000")
    d.happen(HAPPENINGS["depth"](2), HAPPENINGS["depth"](3))
    bids = [f["b"] for f in d.told()]
    assert [b[-1] for b in bids] == [["101.10000000", "0.00001000"]] * 2
    assert len(bids[1]) == 2, "a level is there once"
    assert d.fired() == [("crossed_book", "BTCUSDT", "BTCUSDT bookTicker")]
    assert d.place(price="101.05", quantity="0.1").json["fills"][0]["price"] == "101.00000000"
    d.pass_time(SECOND)
    d.told()
    d.happen(HAPPENINGS["depth"](4))
    assert d.told()[0]["b"][-1] == ["101.10000000", "0.00000000"], "taken back when it is over"
    d.happen(HAPPENINGS["depth"](5))
    assert len(d.told()[0]["b"]) == 1


def test_a_book_of_small_prices_is_crossed_by_a_tick() -> None:
    d = Watched(market=ScriptedMarket([snapshot([("0.99", "1")], [("1.00", "1")])]))
    d.fault("crossed_book")
    d.happen(HAPPENINGS["depth"](1))
    assert d.told()[0]["b"][-1][0] == "1.01000000"


def test_a_spike_is_in_the_streams_and_nowhere_else() -> None:
    d = Watched()
    d.place(price="100", quantity="1", newClientOrderId="a")
    d.told()
    d.fault("price_spike", bps=-2000, count=2)
    d.happen(*(happening(1) for happening in HAPPENINGS.values()))
    quoted, changed, traded = d.told()
    assert changed["b"] == [["90.00000000", "1.00000000"]]
    assert (quoted["b"], quoted["a"], traded["p"]) == ("79.20000000", "80.80000000", "80.80000000")
    assert d.order("a")["status"] == "NEW"
    trades = d.public("/api/v3/trades", "symbol=BTCUSDT").json
    assert [t["price"] for t in trades] == ["101.00000000"]
    d.told()
    d.happen(HAPPENINGS["bookTicker"](2))
    assert d.told()[0]["b"] == "99.00000000"


def test_our_own_trades_are_told_as_wrongly_as_others() -> None:
    d = Watched()
    d.fault("price_spike", bps=100, stream="trade")
    placed = d.place(price="101", quantity="0.1").json
    assert placed["fills"][0]["price"] == "101.00000000"
    assert [f["p"] for f in d.told() if f.get("e") == "trade"] == ["102.01000000"]


def test_only_the_symbol_named_is_struck() -> None:
    symbols = (default_symbol("BTCUSDT"), default_symbol("ETHUSDT"))
    opening = [snapshot(BIDS, ASKS, symbol=s.symbol) for s in symbols]
    d = Watched("btcusdt@trade/ethusdt@trade", market=ScriptedMarket(opening), symbols=symbols)
    d.fault("duplicate_market", symbol="ETHUSDT")
    bitcoin = HAPPENINGS["trade"](1)
    d.happen(bitcoin, msgspec.structs.replace(bitcoin, symbol="ETHUSDT"))
    assert [f["s"] for f in d.told()] == ["BTCUSDT", "ETHUSDT", "ETHUSDT"]


def test_what_nobody_listens_to_uses_up_no_fault() -> None:
    d = Watched("btcusdt@trade")
    d.fault("duplicate_market", stream="bookTicker", count=1)
    d.happen(HAPPENINGS["bookTicker"](1))
    assert d.fired() == []
    assert d.lab_call("GET", "faults").json[0]["fired"] == 0
