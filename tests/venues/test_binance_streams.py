"""Frames in, facts out; a frame that cannot be read is a protocol violation and nothing else."""

import contextlib
import gzip
import hmac
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, NOW, D, an_instrument, shared
from nightdesk.model.bars import BarsOf
from nightdesk.model.errors import ProtocolViolation, StreamEnding, StreamOver
from nightdesk.model.ids import emergency_order_id
from nightdesk.model.market import Quote, Trade
from nightdesk.model.order import ReportSource, Side, VenueStatus
from nightdesk.model.time import MS_NS
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.protocol import UserUpdate

NAUTILUS = "data/rest_fixtures/nautilus/binance/spot/user_data_json"
CODEC = BinanceSpot(
    "binance",
    HmacSigner("key", "secret"),
    {
        "BTCUSDT": BTCUSDT,
        "ETHUSDT": "binance:ETHUSDT",
        "ETHBTC": "binance:ETHBTC",
        "BNBBTC": "binance:BNBBTC",
    },
)
TICKER = {
    "u": 400900217,
    "s": "BTCUSDT",
    "b": "25.35190000",
    "B": "31.21",
    "a": "25.36520000",
    "A": "40.66",
}
TRADE = {
    "e": "trade",
    "E": 1672515782136,
    "s": "BTCUSDT",
    "t": 12345,
    "p": "0.001",
    "q": "100",
    "T": 1672515782130,
    "m": True,
    "M": True,
}
BOOK = {"lastUpdateId": 160, "bids": [["0.0024", "10"]], "asks": [["0.0026", "100"]]}
REPORT = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "BTCUSDT",
    "c": "mUvoqJxFIILMdfAW5iGSOW",
    "S": "BUY",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4293153,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1499405658657,
    "t": -1,
    "m": False,
    "C": "",
}


def frame(stream, data) -> bytes:
    return json.dumps({"stream": stream, "data": data}).encode()


def event(data) -> bytes:
    return json.dumps({"subscriptionId": 0, "event": data}).encode()


# Market


def test_a_ticker_is_a_quote_on_this_hosts_clock():
    quote = CODEC.market(frame("btcusdt@bookTicker", TICKER), 17)
    assert quote == Quote(
        instrument=BTCUSDT,
        bid=D("25.3519"),
        bid_qty=D("31.21"),
        ask=D("25.3652"),
        ask_qty=D("40.66"),
        update_id=400900217,
        received=17,
    )


def test_a_trade_tells_who_was_the_aggressor():
    assert CODEC.market(frame("btcusdt@trade", TRADE), 17) == Trade(
        instrument=BTCUSDT,
        trade_id=12345,
        price=D("0.001"),
        qty=D(100),
        buyer_is_maker=True,
        received=17,
        venue_time=1672515782136 * MS_NS,
    )


@pytest.mark.parametrize("reply", [b'{"result":null,"id":1}', b"{}"])
def test_a_reply_is_no_market_data(reply):
    assert CODEC.market(reply, 0) is None


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[]",
        b"not json",
        b'{"stream":"btcusdt@bookTicker"}',
        b'{"stream":"btcusdt@bookTicker","data":',
        frame("btcusdt@bookTicker", TICKER | {"b": "dear"}),
        frame("btcusdt@bookTicker", TICKER | {"s": "NOBODY"}),
        frame("btcusdt@bookTicker", {}),
        frame("btcusdt@trade", TICKER),
        frame("btcusdt@depth5@100ms", BOOK | {"bids": [["1"]]}),
        frame("btcusdt@kline_1m", {}),
        frame("btcusdt", {}),
        frame("btcusdt@trade", TRADE).replace(b"BTCUSDT", b"\xff\xfe"),
    ],
)
def test_a_market_frame_that_cannot_be_read_is_a_violation(bad):
    with pytest.raises(ProtocolViolation, match="market frame"):
        CODEC.market(bad, 0)


def test_one_path_carries_every_stream_in_lower_case():
    (path,) = CODEC.market_paths([an_instrument(), an_instrument(symbol="ETHUSDT")])
    assert path == (
        "/stream?streams=btcusdt@bookTicker/btcusdt@trade/ethusdt@bookTicker/ethusdt@trade"
    )


@pytest.mark.recorded
def test_every_frame_of_the_recording_is_read_as_it_stands():
    path = shared("data/raw_ws/binance/spot_btcusdt_20240808.txt.gz")
    seen = {Quote: 0, Trade: 0, None: 0}
    with gzip.open(path, "rb") as lines:
        for line in lines:
            _, _, raw = line.rstrip(b"\n").partition(b" ")
            data = json.loads(raw).get("data")
            if data is None:
                assert b"lastUpdateId" in raw  # the recorder's own REST snapshot
                seen[None] += 1
                continue
            if data.get("e") == "depthUpdate":
                continue  # changes of a book are not asked for
            decoded = CODEC.market(raw, 1)
            seen[type(decoded)] += 1
            match decoded:
                case Quote():
                    assert (decoded.bid, decoded.ask) == (D(data["b"]), D(data["a"]))
                    assert (decoded.bid_qty, decoded.ask_qty) == (D(data["B"]), D(data["A"]))
                    assert decoded.update_id == data["u"]
                    assert not decoded.crossed
                case Trade():
                    assert (decoded.price, decoded.qty) == (D(data["p"]), D(data["q"]))
                    assert (decoded.trade_id, decoded.buyer_is_maker) == (data["t"], data["m"])
                    assert decoded.venue_time == data["E"] * MS_NS
    assert seen == {Quote: 28_040, Trade: 9_757, None: 1}


# Private


def test_the_hello_is_signed_over_its_sorted_parameters():
    hello = json.loads(CODEC.private_hello(NOW))
    assert hello["method"] == "userDataStream.subscribe.signature"
    payload = f"apiKey=key&timestamp={NOW // MS_NS}"
    assert hello["params"] == {
        "apiKey": "key",
        "timestamp": NOW // MS_NS,
        "signature": hmac.new(b"secret", payload.encode(), "sha256").hexdigest(),
    }
    assert (
        CODEC.private(json.dumps({"id": hello["id"], "status": 200}).encode()).note == "subscribed"
    )


def test_a_refused_subscription_ends_the_stream_and_tells_code_and_text():
    refused = b'{"id":"subscribe","status":401,"error":{"code":-2015,"msg":"Invalid API-key"}}'
    with pytest.raises(StreamOver, match="-2015 Invalid API-key"):
        CODEC.private(refused)
    with pytest.raises(StreamOver, match="status 500"):
        CODEC.private(b'{"id":"subscribe","status":500}')


def test_a_new_order_is_reported_and_executes_nothing():
    update = CODEC.private(event(REPORT))
    assert update.execution is None
    report = update.report
    assert report.client_id == "mUvoqJxFIILMdfAW5iGSOW"
    assert report.venue_order_id == "4293153"
    assert report.instrument == BTCUSDT
    assert report.status is VenueStatus.WORKING
    assert report.filled == 0
    assert report.venue_time == 1499405658657 * MS_NS
    assert report.source is ReportSource.STREAM


@pytest.mark.parametrize(("letter", "side"), [("BUY", Side.BUY), ("SELL", Side.SELL)])
def test_a_trade_is_reported_cumulatively_and_executed_singly(letter, side):
    traded = {
        "x": "TRADE",
        "X": "PARTIALLY_FILLED",
        "S": letter,
        "l": "0.30",
        "z": "0.70",
        "L": "2500.00",
        "n": "0.00100",
        "N": "BNB",
        "t": 98765432,
        "m": True,
    }
    update = CODEC.private(event(REPORT | traded))
    assert (update.report.status, update.report.filled) == (VenueStatus.WORKING, D("0.7"))
    execution = update.execution
    assert execution.client_id == update.report.client_id
    assert (execution.trade_id, execution.side, execution.maker) == ("98765432", side, True)
    assert (str(execution.qty), str(execution.price)) == ("0.3", "2500")
    assert (str(execution.fee), execution.fee_asset) == ("0.001", "BNB")


def test_a_fee_without_an_asset_is_of_none():
    assert CODEC.private(event(REPORT | {"x": "TRADE", "N": None})).execution.fee_asset == ""


@pytest.mark.parametrize(
    "kind", ["NEW", "CANCELED", "REJECTED", "EXPIRED", "TRADE_PREVENTION", "REPLACED"]
)
def test_only_a_trade_is_an_execution(kind):
    assert CODEC.private(event(REPORT | {"x": kind, "l": "1", "z": "1"})).execution is None


def test_on_a_cancel_the_orders_own_id_is_the_capital_one():
    cancel = {"x": "CANCELED", "X": "CANCELED", "c": "the-cancels-own-id", "C": "ours"}
    report = CODEC.private(event(REPORT | cancel)).report
    assert report.client_id == "ours"
    assert report.status is VenueStatus.CANCELLED


@pytest.mark.parametrize("symbol", [REPORT["s"], "DOGEUSDT"])
def test_a_cancel_by_the_emergency_tool_says_so_beside_what_became_of_the_order(symbol):
    cancel = {"s": symbol, "x": "CANCELED", "X": "CANCELED", "C": "ours"}
    by_hand = emergency_order_id(1, 1)
    assert CODEC.private(event(REPORT | cancel | {"c": by_hand})).foreign == by_hand
    other = CODEC.private(event(REPORT | cancel | {"c": "the-cancels-own-id"})).foreign
    assert other == ("" if symbol == REPORT["s"] else "ours")


def test_a_status_of_next_year_keeps_the_order_open_and_is_noted():
    update = CODEC.private(event(REPORT | {"X": "FROZEN"}))
    assert update.report.status is VenueStatus.WORKING
    assert "FROZEN" in update.note


def test_an_order_of_an_instrument_nobody_trades_is_foreign():
    assert CODEC.private(event(REPORT | {"s": "DOGEUSDT"})) == UserUpdate(foreign=REPORT["c"])


def documented_events() -> list[dict]:
    path = "data/rest_fixtures/binance_spot_api_docs/user-data-stream.md"
    text = shared(path).read_text(encoding="utf-8")
    blocks = re.findall(r"```javascript\n(.*?)```", text, flags=re.DOTALL)
    return [json.loads(re.sub(r"\s//.*", "", block)) for block in blocks]


@pytest.mark.recorded
def test_every_event_of_the_document_is_read():
    read = {}
    for told in documented_events():
        try:
            read[told["event"]["e"]] = CODEC.private(json.dumps(told).encode())
        except StreamOver as over:
            read[told["event"]["e"]] = over
    assert set(read) == {
        "outboundAccountPosition",
        "balanceUpdate",
        "executionReport",
        "listStatus",
        "eventStreamTerminated",
        "externalLockUpdate",
    }
    assert read["executionReport"].report.client_id == "mUvoqJxFIILMdfAW5iGSOW"
    assert read["outboundAccountPosition"] == UserUpdate()
    assert "balanceUpdate" in read["balanceUpdate"].foreign
    assert "externalLockUpdate" in read["externalLockUpdate"].foreign
    assert isinstance(read["eventStreamTerminated"], StreamOver)
    assert read["listStatus"] == UserUpdate(note="listStatus")


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "status", "filled", "executes"),
    [
        ("execution_report_new", VenueStatus.WORKING, 0, False),
        ("execution_report_trade", VenueStatus.FILLED, 1, True),
        ("execution_report_canceled", VenueStatus.CANCELLED, 0, False),
        ("execution_report_expired", VenueStatus.EXPIRED, 0, False),
        ("execution_report_stop_loss", VenueStatus.WORKING, 0, False),
    ],
)
def test_other_peoples_reports_are_read(name, status, filled, executes):
    data = json.loads(shared(f"{NAUTILUS}/{name}.json").read_text())
    update = CODEC.private(event(data))
    assert update.report.client_id == data["c"]
    assert (update.report.status, update.report.filled) == (status, filled)
    assert (update.execution is not None) is executes
    assert update.note == ""


@pytest.mark.recorded
@pytest.mark.parametrize(
    "name", ["account_position", "balance_update", "list_status", "execution_report"]
)
def test_other_peoples_wrapped_events_are_read(name):
    CODEC.private(shared(f"{NAUTILUS}/{name}_wrapped.json").read_bytes())


@pytest.mark.recorded
def test_a_third_partys_frames_are_read_or_refused_and_never_anything_else():
    path = shared("data/rest_fixtures/gocryptotrader/binance_wsHandleData.json")
    reports = 0
    for line in path.read_text().splitlines():
        outer = json.loads(line)
        kind = outer["stream"].partition("@")[2]
        if kind == "trade":
            assert CODEC.market(line.encode(), 0) is not None
        elif kind.startswith("kline_"):
            assert CODEC.market(line.encode(), 0) is None, "it is still being made"
        elif kind:
            with pytest.raises(ProtocolViolation):
                CODEC.market(line.encode(), 0)
        update = CODEC.private(event(outer["data"]))
        reports += update.report is not None
    assert reports >= 1


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"event":null}',
        b'{"event":{}}',
        b'{"event":{"e":1}}',
        event({"e": "executionReport"}),
        event(REPORT | {"z": "much"}),
        event(REPORT | {"i": "text"}),
        event(REPORT | {"z": None}),
        event({k: v for k, v in REPORT.items() if k != "z"}),
        event(REPORT).replace(b"mUvo", b"\xff\xfe"),
    ],
)
def test_a_poison_frame_is_a_violation_and_tells_itself(bad):
    with pytest.raises(ProtocolViolation, match="private frame"):
        CODEC.private(bad)


def test_a_violation_quotes_no_more_than_a_lines_worth():
    with pytest.raises(ProtocolViolation) as caught:
        CODEC.private(event(REPORT | {"z": "x" * 100_000}))
    assert len(str(caught.value)) < 1_000


# Whatever arrives

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.sampled_from(["", "-1", "0", "1e5", "x", "BTCUSDT"]),
    st.just([]),
    st.just({}),
    st.just([[]]),
)
FRAMES = st.sampled_from(
    [("btcusdt@bookTicker", TICKER), ("btcusdt@trade", TRADE), ("btcusdt@depth5@100ms", BOOK)]
)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise_anything_but_a_violation(data):
    for read in (lambda: CODEC.market(data, 0), lambda: CODEC.private(data)):
        with contextlib.suppress(ProtocolViolation):
            read()


@given(FRAMES, JUNK, st.data())
def test_a_market_frame_with_one_field_spoilt_is_read_or_refused(whole, junk, data):
    stream, fields = whole
    field = data.draw(st.sampled_from(sorted(fields)))
    for spoilt in (fields | {field: junk}, {k: v for k, v in fields.items() if k != field}):
        with contextlib.suppress(ProtocolViolation):
            CODEC.market(frame(stream, spoilt), 0)


@given(st.sampled_from(sorted(REPORT)), JUNK, st.sampled_from(["NEW", "TRADE", "CANCELED"]))
def test_a_report_with_one_field_spoilt_is_read_or_refused(field, junk, kind):
    whole = REPORT | {"x": kind}
    for spoilt in (whole | {field: junk}, {k: v for k, v in whole.items() if k != field}):
        with contextlib.suppress(ProtocolViolation):
            CODEC.private(event(spoilt))


def _breaks(where, read):
    return pytest.param(read, id=where)


@pytest.mark.parametrize(
    "read",
    [
        _breaks(
            "BinanceStreams._execution: NaN reaches canonical's assert",
            lambda: CODEC.private(event(REPORT | {"z": "NaN"})),
        ),
        _breaks(
            "BinanceStreams._execution: a number of 40 digits is Inexact",
            lambda: CODEC.private(event(REPORT | {"z": "1." + "1" * 40})),
        ),
        _breaks(
            "BinanceStreams._execution: a negative quantity is believed",
            lambda: CODEC.private(event(REPORT | {"x": "TRADE", "l": "-5"})),
        ),
        _breaks(
            "BinanceStreams._quote: a quote of NaN is handed on; comparing it raises in the desk",
            lambda: CODEC.market(frame("btcusdt@bookTicker", TICKER | {"b": "NaN"}), 0),
        ),
        _breaks(
            "BinanceStreams.market: RecursionError",
            lambda: CODEC.market(b'{"x":' + b"[" * 100_000, 0),
        ),
        _breaks(
            "BinanceStreams.private: RecursionError",
            lambda: CODEC.private(b'{"x":' + b"[" * 100_000),
        ),
    ],
)
def test_poison_that_is_valid_json_is_a_violation_too(read):
    with pytest.raises(ProtocolViolation):
        read()


def test_an_announced_shutdown_says_that_the_stream_ends():
    event = {"e": "serverShutdown", "E": 1770123456789}
    with pytest.raises(StreamEnding):
        CODEC.market(frame("!serverShutdown", event), 0)
    with pytest.raises(StreamEnding):
        CODEC.private(json.dumps({"event": event}).encode())


def test_bars_are_streamed_for_what_was_declared() -> None:
    (path,) = CODEC.market_paths([an_instrument()], [BarsOf(BTCUSDT, "1m"), BarsOf(BTCUSDT, "1h")])
    assert path == (
        "/stream?streams=btcusdt@bookTicker/btcusdt@trade/btcusdt@kline_1m/btcusdt@kline_1h"
    )
