"""USD-M frames in, facts out; a frame that cannot be read is a protocol violation and nothing else."""

import contextlib
import gzip
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import D, shared
from nightdesk.model.account import Flow, Forced, Moved, TermsTold
from nightdesk.model.errors import ProtocolViolation, StreamOver
from nightdesk.model.market import Mark, Quote, Trade
from nightdesk.model.order import Side, VenueStatus
from nightdesk.model.time import MS_NS
from nightdesk.venues.protocol import UserUpdate
from venues.usdm import CODEC, CONTRACT, PERP, STOP

NAUTILUS = "data/rest_fixtures/nautilus/binance/futures"
TICKER = {
    "e": "bookTicker",
    "u": 400900217,
    "E": 1568014460893,
    "T": 1568014460891,
    "s": "BTCUSDT",
    "b": "25.35190000",
    "B": "31.21000000",
    "a": "25.36520000",
    "A": "40.66000000",
}
MARK = {
    "e": "markPriceUpdate",
    "E": 1562305380000,
    "s": "BTCUSDT",
    "p": "11794.15000000",
    "i": "11784.62659091",
    "P": "11784.25641265",
    "r": "-0.00038167",
    "T": 1562306400000,
}
AGGREGATE = {
    "e": "aggTrade",
    "E": 1672515782136,
    "a": 5933014,
    "s": "BTCUSDT",
    "p": "0.001",
    "q": "100",
    "f": 100,
    "l": 105,
    "T": 1672515782130,
    "m": True,
}
ORDER = {
    "e": "ORDER_TRADE_UPDATE",
    "E": 1568879465651,
    "T": 1568879465650,
    "o": {
        "s": "BTCUSDT",
        "c": "TEST",
        "S": "SELL",
        "o": "LIMIT",
        "f": "GTC",
        "q": "0.002",
        "p": "7100.50",
        "ap": "7100.50",
        "sp": "0",
        "x": "TRADE",
        "X": "PARTIALLY_FILLED",
        "i": 8886774,
        "l": "0.001",
        "z": "0.001",
        "L": "7100.50",
        "N": "USDT",
        "n": "0.01000000",
        "T": 1568879465650,
        "t": 12345678,
        "m": True,
        "R": False,
        "ps": "BOTH",
        "rp": "12.34",
    },
}
ALGO = {
    "e": "ALGO_UPDATE",
    "T": 1750515742297,
    "E": 1750515742303,
    "o": {
        "caid": STOP.client_id,
        "aid": 2148719,
        "at": "CONDITIONAL",
        "o": "STOP_MARKET",
        "s": "BTCUSDT",
        "S": "SELL",
        "ps": "BOTH",
        "f": "GTC",
        "q": "1",
        "X": "NEW",
        "ai": "",
        "ap": "0.00000",
        "aq": "1.00000",
        "act": "0",
        "tp": "95.5",
        "p": "0",
        "R": True,
        "tt": 0,
        "rm": "Reduce Only reject",
    },
}


def market(kind, frame):
    return CODEC.market(json.dumps({"stream": f"btcusdt@{kind}", "data": frame}).encode(), 7)


def private(frame):
    return CODEC.private(json.dumps(frame).encode())


def order(**changed):
    return ORDER | {"o": ORDER["o"] | changed}


def algo(**changed):
    return ALGO | {"o": ALGO["o"] | changed}


def test_books_and_the_rest_are_read_under_their_own_roots():
    assert CODEC.market_paths([CONTRACT]) == [
        "/public/stream?streams=btcusdt@bookTicker",
        "/market/stream?streams=btcusdt@aggTrade/btcusdt@markPrice@1s",
    ]


def test_the_documents_market_frames_are_read():
    quote = market("bookTicker", TICKER)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask, quote.venue_time) == (
        D("25.3519"),
        D("25.3652"),
        1568014460891 * MS_NS,
    )
    trade = market("aggTrade", AGGREGATE)
    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.qty, trade.buyer_is_maker) == (5933014, 100, True)
    mark = market("markPrice@1s", MARK)
    assert mark == Mark(
        instrument=PERP,
        price=D("11794.15"),
        index=D("11784.62659091"),
        funding_rate=D("-0.00038167"),
        funding_at=1562306400000 * MS_NS,
        received=7,
        venue_time=1562305380000 * MS_NS,
    )


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("bookTicker", TICKER | {"b": "NaN"}),
        ("bookTicker", TICKER | {"s": "XRPUSDT"}),
        ("markPrice@1s", MARK | {"p": "0"}),
        ("kline_1m", {}),
        ("aggTrade", {}),
    ],
)
def test_a_market_frame_that_cannot_be_used_is_a_violation(kind, frame):
    with pytest.raises(ProtocolViolation):
        market(kind, frame)


def test_a_reply_is_no_market_data():
    assert CODEC.market(b'{"result":null,"id":1}', 7) is None


@pytest.mark.recorded
def test_the_recorded_quotes_are_read():
    with gzip.open(shared("data/raw_ws/binance/usdm_btcusdt_20240808.txt.gz"), "rt") as lines:
        frames = [line.partition(" ")[2] for line in lines if "@bookTicker" in line]
    for frame in frames[::7]:
        event = CODEC.market(frame.encode(), 7)
        assert isinstance(event, Quote)
        assert event.instrument == PERP


def test_a_trade_of_ours_is_told_with_its_profit():
    update = private(ORDER)
    assert (update.report.client_id, update.report.venue_order_id) == ("TEST", "8886774")
    assert (update.report.status, update.report.filled) == (VenueStatus.WORKING, D("0.001"))
    assert msgspec.to_builtins(update.execution) == {
        "client_id": "TEST",
        "instrument": PERP,
        "trade_id": "12345678",
        "side": "sell",
        "price": "7100.5",
        "qty": "0.001",
        "fee": "0.01",
        "fee_asset": "USDT",
        "maker": True,
        "venue_time": 1568879465650 * MS_NS,
        "realised": "12.34",
    }


def test_an_update_tells_the_terms_of_an_order_with_a_price():
    changed = {**ORDER["o"], "x": "AMENDMENT", "X": "NEW", "l": "0", "z": "0"}
    told = CODEC.private(json.dumps({**ORDER, "o": changed}).encode())
    assert (told.report.qty, told.report.price) == (D("0.002"), D("7100.5"))
    assert told.execution is None
    at_market = {**ORDER["o"], "o": "MARKET"}
    told = CODEC.private(json.dumps({**ORDER, "o": at_market}).encode())
    assert (told.report.qty, told.report.price) == (None, None)


def test_a_frame_in_an_envelope_is_the_same_frame():
    assert private({"stream": "key", "data": ORDER}) == private(ORDER)


def test_an_order_that_rests_or_ends_has_no_trade():
    body = {k: v for k, v in ORDER["o"].items() if k not in ("n", "N")}
    for x, status in (("NEW", "NEW"), ("CANCELED", "CANCELED"), ("EXPIRED", "EXPIRED")):
        update = private(ORDER | {"o": body | {"x": x, "X": status, "l": "0", "t": 0}})
        assert update.execution is None
        assert update.report is not None


FORCED = [
    ("autoclose-1234567890", "CALCULATED", "FILLED", Forced.LIQUIDATION),
    ("autoclose-insurance-5678", "CALCULATED", "NEW_INSURANCE", Forced.LIQUIDATION),
    ("adl_autoclose", "TRADE", "FILLED", Forced.ADL),
    ("adl_autoclose_12345", "CALCULATED", "NEW_ADL", Forced.ADL),
    ("settlement_autoclose-9999", "TRADE", "FILLED", Forced.SETTLEMENT),
    ("delivery_autoclose-12345", "TRADE", "FILLED", Forced.SETTLEMENT),
]


@pytest.mark.parametrize(("client_id", "x", "status", "kind"), FORCED)
def test_what_the_venue_trades_by_itself_is_told_as_forced_and_never_as_an_order(
    client_id, x, status, kind
):
    update = private(order(c=client_id, x=x, X=status))
    assert (update.report, update.execution) == (None, None)
    forced = update.forced
    assert (forced.kind, forced.side, forced.qty) == (kind, Side.SELL, D("0.001"))
    assert (forced.realised, forced.fee) == (D("12.34"), D("0.01"))
    assert private(order(c=client_id, x="NEW", X="NEW", l="0")).forced is None


@pytest.mark.parametrize(
    ("told", "status", "venue_order_id"),
    [
        ({"X": "NEW"}, VenueStatus.WORKING, "algo:2148719"),
        ({"X": "TRIGGERING"}, VenueStatus.WORKING, "algo:2148719"),
        ({"X": "TRIGGERED", "ai": "88937381063"}, VenueStatus.WORKING, "88937381063"),
        ({"X": "FINISHED", "ai": "88937381063"}, VenueStatus.WORKING, "88937381063"),
        ({"X": "CANCELED", "ai": "88937381063"}, VenueStatus.WORKING, "88937381063"),
        ({"X": "CANCELED"}, VenueStatus.CANCELLED, "algo:2148719"),
        ({"X": "REJECTED"}, VenueStatus.REJECTED, "algo:2148719"),
        ({"X": "EXPIRED"}, VenueStatus.EXPIRED, "algo:2148719"),
    ],
)
def test_an_order_that_waits_tells_what_it_became_and_no_fills(told, status, venue_order_id):
    report = private(algo(**told)).report
    assert (report.client_id, report.status, report.filled) == (STOP.client_id, status, 0)
    assert report.venue_order_id == venue_order_id


@pytest.mark.parametrize("status", ["REJECTED", "EXPIRED"])
def test_a_waiting_order_that_failed_is_told_to_a_person(status):
    assert "Reduce Only reject" in private(algo(X=status)).warning
    assert private(ALGO).warning == ""


def account(reason, wallets=(), positions=()):
    change = {"m": reason, "B": list(wallets), "P": list(positions)}
    return {"e": "ACCOUNT_UPDATE", "T": 1564745798938, "E": 1564745798939, "a": change}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("ORDER", None),
        ("FUNDING_FEE", Flow.FUNDING),
        ("DEPOSIT", Flow.TRANSFER),
        ("MARGIN_TRANSFER", Flow.TRANSFER),
        ("INSURANCE_CLEAR", Flow.INSURANCE),
        ("A_REASON_OF_NEXT_YEAR", Flow.OTHER),
    ],
)
def test_why_an_account_moved_is_told_with_how_it_stands(reason, kind):
    wallet = {"a": "USDT", "wb": "122624.12345678", "cw": "100.12345678", "bc": "50.12345678"}
    both = {"s": "BTCUSDT", "pa": "-20.5", "ep": "6563.6", "ps": "BOTH"}
    others = [both | {"ps": "LONG", "pa": "1"}, both | {"s": "XRPUSDT"}]
    assert private(account(reason, [wallet], [both, *others])).moved == Moved(
        kind=kind,
        wallets={"USDT": D("122624.12345678")},
        positions={PERP: D("-20.5")},
        at=1564745798938 * MS_NS,
    )


def test_changed_terms_are_told():
    frame = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1}
    assert private(frame | {"ac": {"s": "BTCUSDT", "l": 25}}).terms == TermsTold(
        instrument=PERP, leverage=25
    )
    assert private(frame | {"ai": {"j": True}}).terms == TermsTold(multi_asset=True)
    assert private(frame | {"ac": {"s": "XRPUSDT", "l": 25}}).terms is None


def test_an_expired_key_ends_the_stream():
    with pytest.raises(StreamOver):
        private({"e": "listenKeyExpired", "E": 1, "listenKey": "k"})


def test_what_a_person_should_hear_is_a_warning():
    told = {"s": "BTCUSDT", "i": 155618472834, "r": "Due to the order could not be filled"}
    frame = {"e": "CONDITIONAL_ORDER_TRIGGER_REJECT", "E": 1, "T": 1, "or": told}
    assert "could not be filled" in private(frame).warning
    assert private({"e": "MARGIN_CALL", "E": 1, "p": []}).warning


def test_news_of_no_order_of_ours_are_a_note_or_nothing():
    assert private({"e": "TRADE_LITE"}) == UserUpdate()
    assert private({"e": "STRATEGY_UPDATE"}).note == "STRATEGY_UPDATE"
    assert private(order(s="XRPUSDT")).foreign == "TEST"


@pytest.mark.recorded
@pytest.mark.parametrize(
    "name",
    [
        "account_update",
        "account_update_bnfcr",
        "algo_update_new",
        "order_update_calculated_pending",
        "order_update_trade",
        "trade_lite",
    ],
)
def test_an_independent_corpus_is_read(name):
    frame = json.loads(shared(f"{NAUTILUS}/user_data_json/{name}.json").read_text())
    assert isinstance(private(frame), UserUpdate)


@given(
    st.binary(max_size=80)
    | st.dictionaries(
        st.sampled_from(["e", "o", "a", "T", "ac", "data"]),
        st.sampled_from(["ORDER_TRADE_UPDATE", "ALGO_UPDATE", "ACCOUNT_UPDATE", 1, {}, [], None]),
    ).map(msgspec.json.encode)
)
def test_no_bytes_at_all_break_the_reader(frame):
    with contextlib.suppress(ProtocolViolation, StreamOver):
        CODEC.private(frame)
    with contextlib.suppress(ProtocolViolation):
        CODEC.market(frame, 0)


@pytest.mark.parametrize("field", ["s", "c", "S", "x", "X", "i", "l", "z", "L", "T", "t", "rp"])
@given(junk=st.sampled_from([None, "junk", -1, [], "NaN", "1e40"]))
def test_an_order_update_with_one_field_spoilt_is_read_or_quarantined(field, junk):
    with contextlib.suppress(ProtocolViolation):
        update = private(order(**{field: junk}))
        assert update.report is None or update.report.filled >= 0
