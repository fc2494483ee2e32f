"""Which public streams a live market is, and what their frames say."""

import pytest

from lab.markets import D
from nightdesk.lab.live_frames import SPOT, USDM, body_of, paths_of
from nightdesk.lab.market import ToldMark
from nightdesk.recordings.binance_raw import BookTickerBody, TradeBody

SYMBOLS = ("BTCUSDT",)
# As the venue's pages of the streams show them.
AGGREGATE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":123456789,"s":"BTCUSDT","a":5933014,'
    b'"p":"0.001","q":"100","nq":"100","f":100,"l":105,"T":123456785,"m":true}}'
)
MARK = (
    b'{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT",'
    b'"p":"11794.15000000","i":"11784.62659091","P":"11784.25641265","r":"0.00038167","T":1562306400000}}'
)


def test_a_venue_with_two_roots_is_read_at_both() -> None:
    assert paths_of(SPOT, ["BTCUSDT", "ETHUSDT"]) == (
        "/stream?streams=btcusdt@bookTicker/btcusdt@trade/ethusdt@bookTicker/ethusdt@trade",
    )
    assert paths_of(USDM, SYMBOLS) == (
        "/public/stream?streams=btcusdt@bookTicker",
        "/market/stream?streams=btcusdt@aggTrade/btcusdt@markPrice@1s",
    )


def test_an_aggregate_is_one_trade() -> None:
    told = body_of(AGGREGATE, SYMBOLS)
    assert isinstance(told, TradeBody)
    assert (told.trade_id, told.price, told.quantity) == (5933014, D("0.001"), D(100))
    assert (told.event_ms, told.trade_ms, told.buyer_is_maker) == (123456789, 123456785, True)


def test_a_mark_price_comes_with_what_is_paid_when() -> None:
    assert body_of(MARK, SYMBOLS) == ToldMark(
        symbol="BTCUSDT", mark=D("11794.15"), rate=D("0.00038167"), next_ns=1562306400000 * 10**6
    )


def test_the_quote_of_a_contract_reads_like_any_other() -> None:
    frame = (
        b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":400900217,"E":1568014460893,'
        b'"T":1568014460891,"s":"BTCUSDT","b":"25.35190000","B":"31.21","a":"25.36520000","A":"40.66"}}'
    )
    assert isinstance(body_of(frame, SYMBOLS), BookTickerBody)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (AGGREGATE.replace(b'"0.001"', b'"-1"'), "is no price level"),
        (AGGREGATE.replace(b'"0.001"', b'"NaN"'), "InvalidOperation"),
        (AGGREGATE.replace(b'"s":"BTCUSDT"', b'"s":"ETHUSDT"'), "ETHUSDT was not asked for"),
        (AGGREGATE.replace(b'"q"', b'"Q"'), "missing required field `q`"),
        (MARK.replace(b'"11794.15000000"', b'"0"'), "is no mark price"),
        (MARK.replace(b'"0.00038167"', b'"38.167"'), "is no mark price"),
        (b'{"lastUpdateId":1,"bids":[],"asks":[]}', "SnapshotBody was not asked for"),
        (b"nonsense", "malformed"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(frame: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        body_of(frame, SYMBOLS)
