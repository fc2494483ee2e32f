"""Orders, trades, accounts, rules and prices asked for: found, not there, or no answer at all."""

import json

import msgspec
import pytest

from builders import BTCUSDT, D, an_instrument, an_intent, shared
from nightdesk.model.errors import BadInput
from nightdesk.model.order import ReportSource, VenueStatus
from nightdesk.model.time import MS_NS
from nightdesk.venues.protocol import Found, NoAnswer, NotFound
from venues.spot import CODEC, HTML, HUNG, INTENT, PLACED, REFUSED, answer, refusal

NAUTILUS = "data/rest_fixtures/nautilus/binance/spot/http_json"


def fixture(name: str):
    return json.loads(shared(f"{NAUTILUS}/{name}.json").read_text())


def test_a_query_finds_the_order_by_our_id():
    found = CODEC.queried(
        INTENT, answer(PLACED | {"status": "CANCELED", "updateTime": 5, "transactTime": 0})
    )
    assert isinstance(found, Found)
    assert found.report.status is VenueStatus.CANCELLED
    assert found.report.source is ReportSource.QUERY
    assert found.report.venue_time == 5 * MS_NS


@pytest.mark.parametrize("code", [-2013, -2026])
def test_not_found_is_said_only_by_the_venue_itself(code):
    assert isinstance(CODEC.queried(INTENT, refusal(400, code)), NotFound)


@pytest.mark.parametrize(
    "result",
    [
        REFUSED,
        HUNG,
        answer(b"", 404),
        answer(HTML, 404),
        answer(b"", 200),
        answer({}, 200),
        refusal(400, -2011, "Unknown order sent."),
        refusal(429, -1003),
        refusal(503, -1000),
        refusal(400, -2013, complete=False),
        answer(PLACED | {"clientOrderId": "another"}),
    ],
)
def test_anything_else_is_no_answer_at_all(result):
    assert isinstance(CODEC.queried(INTENT, result), NoAnswer)


@pytest.mark.recorded
def test_the_documents_query_is_read():
    found = CODEC.queried(
        an_intent(client_id="myOrder1"), answer(fixture("order_response") | {"symbol": "BTCUSDT"})
    )
    assert isinstance(found, Found)
    assert found.report.status is VenueStatus.WORKING


@pytest.mark.recorded
def test_trades_of_one_order_are_read():
    [trade] = CODEC.traded(INTENT, answer(fixture("account_trades_response")))
    assert msgspec.to_builtins(trade) == {
        "client_id": INTENT.client_id,
        "instrument": BTCUSDT,
        "trade_id": "28457",
        "side": "buy",
        "price": "4.000001",
        "qty": "12",
        "fee": "10.1",
        "fee_asset": "BNB",
        "maker": False,
        "venue_time": 1499865549590 * MS_NS,
    }


def test_trades_without_an_answer_are_none_and_not_an_empty_list():
    assert isinstance(CODEC.traded(INTENT, HUNG), NoAnswer)
    assert CODEC.traded(INTENT, answer([])) == []


@pytest.mark.recorded
def test_open_orders_of_other_instruments_are_left_out():
    theirs = fixture("open_orders_response")
    ours = [theirs[0] | {"symbol": "BTCUSDT", "clientOrderId": "by hand"}]
    reports = CODEC.opened([answer(theirs + ours)])
    assert [report.client_id for report in reports] == ["by hand"]
    assert isinstance(CODEC.opened([answer(b"", 502)]), NoAnswer)


def test_free_and_locked_are_held_together():
    balances = [
        {"asset": "BTC", "free": "1.50000000", "locked": "0.25000000"},
        {"asset": "XYZ", "free": "0.00000000", "locked": "0.00000000"},
    ]
    assert CODEC.held(answer({"balances": balances})).balances == {"BTC": D("1.75"), "XYZ": D(0)}
    assert isinstance(CODEC.held(answer({})), NoAnswer)


@pytest.mark.recorded
def test_the_documents_account_is_read():
    assert CODEC.held(answer(fixture("account_response"))).balances == {
        "BTC": D("4723846.89208129"),
        "LTC": D("4763368.68006011"),
    }


def test_the_venues_clock_is_told_to_the_millisecond():
    assert CODEC.told_time(answer({"serverTime": 1499827319559})) == 1499827319559 * MS_NS
    assert isinstance(CODEC.told_time(answer(HTML)), NoAnswer)


FILTERS = [
    {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01",
        "maxPrice": "1000000",
        "tickSize": "0.01000000",
    },
    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001000"},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
]


def ruled(filters, symbol="BTCUSDT"):
    symbol_ = {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": filters,
    }
    return CODEC.ruled(answer({"symbols": [symbol_]}))


def test_the_venues_filters_become_the_instruments_grid():
    assert ruled(FILTERS) == {"BTCUSDT": an_instrument(qty_max=D(9000))}


def test_the_older_notional_filter_counts_too_and_none_means_zero():
    older = [*FILTERS[:2], {"filterType": "MIN_NOTIONAL", "minNotional": "10"}]
    assert ruled(older)["BTCUSDT"].notional_min == 10
    assert ruled(FILTERS[:2])["BTCUSDT"].notional_min == 0


@pytest.mark.parametrize("missing", [0, 1])
def test_an_instrument_without_tick_or_lot_is_refused_by_name(missing):
    with pytest.raises(BadInput, match=r"BTCUSDT.*no tick or lot size"):
        ruled([f for index, f in enumerate(FILTERS) if index != missing])


def test_symbols_nobody_trades_are_left_out():
    assert ruled([], symbol="ETHUSDT") == {}


def test_a_price_is_asked_where_the_stream_has_none():
    body = {"bidPrice": "4.00", "bidQty": "431", "askPrice": "4.02", "askQty": "9"}
    quote = CODEC.priced(an_instrument(), answer(body), 17)
    assert (quote.bid, quote.ask, quote.received, quote.instrument) == (4, D("4.02"), 17, BTCUSDT)
    assert isinstance(CODEC.priced(an_instrument(), HUNG, 17), NoAnswer)
