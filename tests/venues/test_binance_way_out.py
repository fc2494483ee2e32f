"""What getting out by hand says to the two markets, and what it makes of their answers."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from builders import D
from nightdesk.model.ids import VenueId, emergency_order_id
from nightdesk.model.order import Side
from nightdesk.model.outcome import Outcome, Verdict
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_way_out import KINDS, SpotWayOut, UsdmWayOut
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest
from nightdesk.venues.protocol import NoAnswer, NotFound, Unlisted
from nightdesk.venues.way_out import Close, Held, OpenOrder, Traded

NOW = Wall(1_700_000_000_123_000_000)
SIGNER = HmacSigner("k" * 64, "s")
SPOT, USDM = SpotWayOut(VenueId("spot"), SIGNER), UsdmWayOut(VenueId("usdm"), SIGNER)
ID = emergency_order_id(5, 1)
LOST = HttpFailure(written=True, timed_out=True, cause="no answer in time")


def a_close(mode_side: str = "") -> Close:
    return Close(
        client_id=ID,
        symbol="BTCUSDT",
        side=Side.SELL,
        qty=D("0.50"),
        mode_side=mode_side,
        deadline=Wall(NOW + 5 * SECOND_NS),
    )


def answer(body: object, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status=status, headers={}, body=json.dumps(body).encode())


def sent(request: HttpRequest | None) -> dict[str, str]:
    assert request is not None
    query = request.body.decode() or urlsplit(request.target).query
    return {name: values[0] for name, values in parse_qs(query).items()}


@pytest.mark.parametrize(
    ("codec", "mode_side", "path", "more", "less"),
    [
        (SPOT, "", "/api/v3/order", {}, {"reduceOnly", "positionSide"}),
        (USDM, "BOTH", "/fapi/v1/order", {"reduceOnly": "true"}, {"positionSide"}),
        (USDM, "LONG", "/fapi/v1/order", {"positionSide": "LONG"}, {"reduceOnly"}),
        (USDM, "SHORT", "/fapi/v1/order", {"positionSide": "SHORT"}, {"reduceOnly"}),
    ],
)
def test_an_order_is_at_the_market_reduces_and_ends_with_its_deadline(
    codec: SpotWayOut | UsdmWayOut, mode_side: str, path: str, more: dict[str, str], less: set[str]
) -> None:
    request = codec.close(a_close(mode_side), NOW)
    assert request is not None
    assert (request.method, request.target) == ("POST", path)
    told = sent(request)
    wanted = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.5"}
    wanted |= {"newClientOrderId": ID, "recvWindow": "5000", "timestamp": "1700000000123"}
    assert told.items() >= (wanted | more).items()
    assert not less & told.keys()
    assert codec.close(a_close(mode_side), Wall(NOW + 5 * SECOND_NS)) is None


@pytest.mark.parametrize("codec", [SPOT, USDM])
def test_how_far_an_order_came(codec: SpotWayOut | UsdmWayOut) -> None:
    body = {
        "symbol": "BTCUSDT",
        "orderId": 7,
        "clientOrderId": ID,
        "status": "EXPIRED",
        "executedQty": "0.30",
        "side": "SELL",
    }
    assert codec.closed(a_close(), answer(body)) == Traded(filled=D("0.3"), ended=True)
    still = answer(body | {"status": "PARTIALLY_FILLED"})
    assert codec.queried(a_close(), still) == Traded(filled=D("0.3"), ended=False)
    anothers = codec.closed(a_close(), answer(body | {"clientOrderId": "x"}))
    assert isinstance(anothers, Outcome)
    assert anothers.verdict is Verdict.UNKNOWN
    lost = codec.closed(a_close(), LOST)
    assert isinstance(lost, Outcome)
    assert lost.verdict is Verdict.UNKNOWN
    refused = codec.closed(
        a_close(), answer({"code": -1013, "msg": "Filter failure: LOT_SIZE"}, 400)
    )
    assert isinstance(refused, Outcome)
    assert refused.verdict is Verdict.REJECTED
    missing = answer({"code": -2013, "msg": "Order does not exist."}, 400)
    assert isinstance(codec.queried(a_close(), missing), NotFound)
    assert isinstance(codec.queried(a_close(), LOST), NoAnswer)
    assert sent(codec.query(a_close(), NOW))["origClientOrderId"] == ID


def test_spot_tells_what_is_free_and_bound() -> None:
    balances = [
        {"asset": "BTC", "free": "1.50", "locked": "0.50"},
        {"asset": "ETH", "free": "0.0", "locked": "0.0"},
    ]
    told = SPOT.told_account(answer({"balances": balances}))
    assert not isinstance(told, NoAnswer)
    assert told.held == (Held(name="BTC", qty=D(2), free=D("1.5")),)
    assert isinstance(SPOT.told_account(answer({})), NoAnswer)
    assert isinstance(SPOT.told_account(answer([])), NoAnswer)


def test_contracts_tell_positions_of_either_mode() -> None:
    positions = [
        {"symbol": "BTCUSDT", "positionSide": "LONG", "positionAmt": "2.0"},
        {"symbol": "BTCUSDT", "positionSide": "SHORT", "positionAmt": "-1.0"},
        {"symbol": "ETHUSDT", "positionSide": "BOTH", "positionAmt": "0.0"},
    ]
    assets = [{"asset": "USDT", "walletBalance": "100.0"}, {"asset": "BNB", "walletBalance": "0"}]
    told = USDM.told_account(answer({"positions": positions, "assets": assets}))
    assert not isinstance(told, NoAnswer)
    assert [(held.mode_side, held.qty) for held in told.held] == [("LONG", D(2)), ("SHORT", D(-1))]
    assert told.wallets == {"USDT": D(100)}


PLAIN = {
    "symbol": "BTCUSDT",
    "orderId": 7,
    "clientOrderId": "a",
    "side": "BUY",
    "type": "LIMIT",
    "origQty": "2.0",
    "executedQty": "0.5",
    "price": "90.0",
    "stopPrice": "0.0",
}


@pytest.mark.parametrize(
    ("more", "protective"),
    [
        ({}, False),
        ({"orderListId": -1}, False),
        ({"orderListId": 4, "type": "LIMIT_MAKER"}, True),
        ({"type": "STOP_LOSS", "stopPrice": "80"}, True),
        ({"type": "TAKE_PROFIT_LIMIT", "stopPrice": "99"}, True),
        ({"type": "STOP_LOSS"}, True),  # trails from the start
    ],
)
def test_open_orders_of_spot(more: dict[str, object], protective: bool) -> None:
    told = SPOT.opened([answer([PLAIN | more])])
    assert not isinstance(told, NoAnswer)
    (order,) = told
    assert (order.protective, order.reduces, order.qty) == (protective, False, D("1.5"))


def test_open_orders_of_contracts_stand_in_two_books_and_one_that_is_silent_is_no_answer() -> None:
    waiting = {
        "symbol": "BTCUSDT",
        "algoId": 9,
        "clientAlgoId": "b",
        "side": "SELL",
        "orderType": "STOP_MARKET",
        "quantity": "1.0",
        "triggerPrice": "80.0",
        "reduceOnly": True,
        "closePosition": False,
    }
    whole = waiting | {"algoId": 10, "quantity": None, "reduceOnly": False, "closePosition": True}
    opens = waiting | {"algoId": 11, "reduceOnly": False}
    hedged = opens | {"algoId": 12, "positionSide": "LONG"}
    shorts = opens | {"algoId": 13, "positionSide": "SHORT"}
    books = [PLAIN | {"reduceOnly": False}], [waiting, whole, opens, hedged, shorts]
    told = USDM.opened([answer(book) for book in books])
    assert not isinstance(told, NoAnswer)
    assert [(order.venue_order_id, order.protective, order.qty) for order in told] == [
        ("7", False, D("1.5")),
        ("algo:9", True, D(1)),
        ("algo:10", True, D(0)),
        ("algo:11", False, D(1)),
        ("algo:12", True, D(1)),
        ("algo:13", False, D(1)),
    ]
    assert isinstance(USDM.opened([answer([PLAIN]), LOST]), NoAnswer)
    assert isinstance(USDM.opened([LOST, answer([])]), NoAnswer)
    paths = [sign(NOW).target.partition("?")[0] for sign in USDM.open_orders("BTCUSDT")]
    assert paths == ["/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"]
    assert ["symbol" in sent(sign(NOW)) for sign in USDM.open_orders()] == [False, False]


def an_order(venue_order_id: str) -> OpenOrder:
    return OpenOrder(
        symbol="BTCUSDT",
        venue_order_id=venue_order_id,
        client_id="x",
        side=Side.BUY,
        kind="LIMIT",
        qty=D(1),
        price=D(1),
        trigger=D(0),
        protective=False,
    )


def test_a_cancel_goes_by_the_venues_id_to_the_book_where_the_order_stands() -> None:
    for codec, venue_id, path, name in (
        (SPOT, "7", "/api/v3/order", "orderId"),
        (USDM, "7", "/fapi/v1/order", "orderId"),
        (USDM, "algo:7", "/fapi/v1/algoOrder", "algoId"),
    ):
        request = codec.cancel(an_order(venue_id), ID, NOW)
        assert (request.method, request.target.partition("?")[0]) == ("DELETE", path)
        assert sent(request)[name] == "7"
        assert sent(request).get("newClientOrderId") == (ID if codec is SPOT else None)
    assert SPOT.cancelled(answer({"orderId": 7})).verdict is Verdict.ACKED
    assert SPOT.cancelled(LOST).verdict is Verdict.UNKNOWN
    gone = answer({"code": -2011, "msg": "Unknown order sent."}, 400)
    assert USDM.cancelled(gone).verdict is Verdict.REJECTED


def test_rules_of_what_can_be_traded() -> None:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.1", "maxPrice": "1000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.01", "minQty": "0.01", "maxQty": "100"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "0", "minQty": "0", "maxQty": "7"},
    ]
    symbol = {"status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    body = {
        "symbols": [
            symbol | {"symbol": "BTCUSDT", "filters": filters},
            symbol | {"symbol": "ODD", "filters": []},
        ]
    }
    told = SPOT.ruled(answer(body))
    assert not isinstance(told, NoAnswer | Unlisted)
    assert list(told) == ["BTCUSDT"]
    assert told["BTCUSDT"].waiting_qty_max == 7
    unlisted = answer({"code": -1121, "msg": "Invalid symbol."}, 400)
    assert isinstance(SPOT.ruled(unlisted), Unlisted)
    assert isinstance(USDM.ruled(LOST), NoAnswer)
    assert sent(SPOT.rules(["A", "B"]))["symbols"] == '["A","B"]'


def test_the_clock_and_a_price() -> None:
    for codec in (SPOT, USDM):
        assert codec.told_time(answer({"serverTime": 1_700_000_000_123})) == NOW
        book = {"bidPrice": "99.90", "bidQty": "1", "askPrice": "100", "askQty": "1"}
        assert codec.priced(answer(book)) == D("99.9")
        assert "symbol=BTCUSDT" in codec.price("BTCUSDT").target


def test_each_kind_of_venue_has_its_codec_and_each_question_its_cost() -> None:
    for kind, make in KINDS.items():
        codec = make(VenueId("v"), SIGNER)
        assert codec.contracts is (kind == "binance-usdm")
        for request in (codec.account(NOW), *(sign(NOW) for sign in codec.open_orders())):
            assert request.cost.spends, request.target
