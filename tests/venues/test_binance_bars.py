"""Candles as bars: only ended ones from the stream, exact numbers, nothing beside its grid."""

import json

import pytest

from builders import BTCUSDT, D, an_instrument
from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.errors import ProtocolViolation
from nightdesk.model.time import MS_NS, Wall
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_usdm import BinanceUsdm
from nightdesk.venues.protocol import NoAnswer
from venues.spot import CODEC, HUNG, answer, refusal

OF = BarsOf(BTCUSDT, "1m")
OPENED_MS = 1_672_515_780_000
# The stream's example of web-socket-streams.md, on the grid of its interval, and the same candle as a row.
K = {
    "t": OPENED_MS,
    "T": OPENED_MS + 59_999,
    "s": "BTCUSDT",
    "i": "1m",
    "f": 100,
    "L": 200,
    "o": "0.0010",
    "c": "0.0020",
    "h": "0.0025",
    "l": "0.0015",
    "v": "1000",
    "n": 100,
    "x": True,
    "q": "1.0000",
    "V": "500",
    "Q": "0.500",
    "B": "123456",
}
ROW = [OPENED_MS, "0.0010", "0.0025", "0.0015", "0.0020", "1000"]
ROW += [OPENED_MS + 59_999, "1.0000", 100, "500", "0.500", "0"]
BAR = Bar(
    instrument=BTCUSDT,
    interval="1m",
    opened=Wall(OPENED_MS * MS_NS),
    open=D("0.001"),
    high=D("0.0025"),
    low=D("0.0015"),
    close=D("0.002"),
    volume=D(1000),
    quote_volume=D(1),
    trades=100,
    received=7,
)


def frame(**changed: object) -> bytes:
    data = {"e": "kline", "E": OPENED_MS + 60_000, "s": "BTCUSDT", "k": K | changed}
    return json.dumps({"stream": "btcusdt@kline_1m", "data": data}).encode()


def test_an_ended_candle_is_a_bar() -> None:
    assert CODEC.market(frame(), 7) == BAR
    assert str(CODEC.market(frame(), 7).close) == "0.002", "spelled the one way"


def test_a_candle_that_is_being_made_is_never_told() -> None:
    assert CODEC.market(frame(x=False), 7) is None


@pytest.mark.parametrize(
    "changed",
    [{"i": "1w"}, {"t": OPENED_MS + 1}, {"o": "NaN"}, {"v": "-1"}, {"x": None}, {"n": "many"}],
    ids=str,
)
def test_a_candle_that_cannot_be_one_is_quarantined(changed: dict[str, object]) -> None:
    with pytest.raises(ProtocolViolation):
        CODEC.market(frame(**changed), 7)


def test_history_is_asked_for_backwards_from_a_moment() -> None:
    request = CODEC.bars(OF, Wall(OPENED_MS * MS_NS + 5), 500)
    assert (request.method, request.headers) == ("GET", ())
    assert request.target == (
        f"/api/v3/klines?symbol=BTCUSDT&interval=1m&endTime={OPENED_MS}&limit=500"
    )


def test_rows_are_the_same_bars() -> None:
    assert CODEC.told_bars(OF, answer([ROW]), 7) == [BAR]
    assert CODEC.told_bars(OF, answer([]), 7) == []


@pytest.mark.parametrize(
    "result",
    [HUNG, refusal(400, -1121), answer([ROW[:5]]), answer([[1, *ROW[1:]]]), answer(b"<html>")],
    ids=["hung", "refused", "short", "beside the grid", "html"],
)
def test_whatever_else_is_no_answer(result: object) -> None:
    assert isinstance(CODEC.told_bars(OF, result, 7), NoAnswer)


def test_contracts_tell_the_same_bars_under_their_own_roots() -> None:
    codec = BinanceUsdm("usdm", HmacSigner("key", "secret"), {"BTCUSDT": BTCUSDT})
    public, market = codec.market_paths([an_instrument()], [OF])
    assert "kline" not in public
    assert market.endswith("/btcusdt@kline_1m")
    assert codec.market(frame(), 7) == BAR
    assert codec.market(frame(x=False), 7) is None
    assert codec.bars(OF, BAR.opened, 5).target.startswith("/fapi/v1/klines?symbol=BTCUSDT&")
    assert codec.told_bars(OF, answer([ROW]), 7) == [BAR]
