"""Requests to the byte: what is said, what is signed, and until when the venue may accept it."""

import hmac
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, NOW, D, an_id, an_instrument, an_intent
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.venues.binance_rest import RECV_WINDOW_MS_MAX
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from venues.spot import CODEC, INTENT, SECRET


def codec_for(symbol: str) -> tuple[BinanceSpot, str]:
    return BinanceSpot("binance", HmacSigner("key", SECRET), {symbol: f"binance:{symbol}"}), (
        f"binance:{symbol}"
    )


def signed(payload: str) -> str:
    """What the venue computes over the payload."""
    return hmac.new(SECRET.encode(), payload.encode(), "sha256").hexdigest()


def test_an_order_is_exactly_these_bytes():
    request = CODEC.place(INTENT, NOW)
    payload = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100"
        f"&newClientOrderId={INTENT.client_id}&newOrderRespType=FULL"
        f"&recvWindow=2000&timestamp={NOW // MS_NS}"
    )
    assert (request.method, request.target) == ("POST", "/api/v3/order")
    assert request.body.decode() == f"{payload}&signature={signed(payload)}"
    assert dict(request.headers) == {
        "X-MBX-APIKEY": "key",
        "Content-Type": "application/x-www-form-urlencoded",
    }


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (OrderType.LIMIT, {"type": "LIMIT", "timeInForce": "GTC"}),
        (OrderType.IOC, {"type": "LIMIT", "timeInForce": "IOC"}),
        (OrderType.FOK, {"type": "LIMIT", "timeInForce": "FOK"}),
        (OrderType.POST_ONLY, {"type": "LIMIT_MAKER"}),
    ],
)
@pytest.mark.parametrize(("side", "word"), [(Side.BUY, "BUY"), (Side.SELL, "SELL")])
def test_each_kind_of_order_has_the_parameters_the_venue_wants(kind, parameters, side, word):
    intent = an_intent(type=kind, side=side, qty=D("0.00001000"), price=D("1E+5"))
    sent = dict(parse_qsl(CODEC.place(intent, NOW).body.decode(), strict_parsing=True))
    del sent["signature"]
    assert sent == parameters | {
        "symbol": "BTCUSDT",
        "side": word,
        "quantity": "0.00001",
        "price": "100000",
        "newClientOrderId": INTENT.client_id,
        "newOrderRespType": "FULL",
        "recvWindow": "2000",
        "timestamp": str(NOW // MS_NS),
    }


@pytest.mark.parametrize(
    ("kind", "waits", "parameters"),
    [
        (OrderType.STOP, {"trigger": D("90.10")}, {"type": "STOP_LOSS", "stopPrice": "90.1"}),
        (OrderType.TAKE_PROFIT, {"trigger": D(1)}, {"type": "TAKE_PROFIT", "stopPrice": "1"}),
        (OrderType.TRAILING_STOP, {"trail_bps": 25}, {"type": "STOP_LOSS", "trailingDelta": "25"}),
        (
            OrderType.TRAILING_STOP,
            {"trail_bps": 25, "trigger": D(7)},
            {"type": "STOP_LOSS", "trailingDelta": "25", "stopPrice": "7"},
        ),
    ],
)
def test_a_conditional_order_trades_at_the_market_so_it_has_no_price(kind, waits, parameters):
    intent = an_intent(type=kind, side=Side.SELL, **waits)
    sent = dict(parse_qsl(CODEC.place(intent, NOW).body.decode(), strict_parsing=True))
    del sent["signature"]
    assert sent == parameters | {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "1",
        "newClientOrderId": INTENT.client_id,
        "newOrderRespType": "FULL",
        "recvWindow": "2000",
        "timestamp": str(NOW // MS_NS),
    }


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("side", "profit", "loss", "above", "below"),
    [
        (Side.SELL, "110", "90", "TAKE_PROFIT", "STOP_LOSS"),
        (Side.BUY, "90", "110", "STOP_LOSS", "TAKE_PROFIT"),
    ],
)
def test_a_pair_is_one_order_list_told_apart_by_where_its_orders_lie(
    side, profit, loss, above, below, swapped
):
    legs = [
        an_intent(client_id=an_id(seq=1), side=side, type=OrderType.STOP, trigger=D(loss)),
        an_intent(client_id=an_id(seq=2), side=side, type=OrderType.TAKE_PROFIT, trigger=D(profit)),
    ]
    first, second = reversed(legs) if swapped else legs
    request = CODEC.place_pair(first, second, NOW)
    assert (request.method, request.target) == ("POST", "/api/v3/orderList/oco")
    sent = dict(parse_qsl(request.body.decode(), strict_parsing=True))
    ids = {"STOP_LOSS": legs[0].client_id, "TAKE_PROFIT": legs[1].client_id}
    assert (sent["aboveType"], sent["aboveStopPrice"]) == (above, "110")
    assert (sent["belowType"], sent["belowStopPrice"]) == (below, "90")
    assert (sent["aboveClientOrderId"], sent["belowClientOrderId"]) == (ids[above], ids[below])
    assert (sent["quantity"], sent["recvWindow"]) == ("1", "2000")
    assert not {"price", "abovePrice", "belowPrice", "newClientOrderId"} & set(sent)
    late = an_intent(type=OrderType.STOP, trigger=D(1), deadline=NOW)
    assert CODEC.place_pair(late, late, NOW) is None


@given(st.integers(-5 * SECOND_NS, 120 * SECOND_NS), st.integers(0, 10 * MS_NS))
def test_the_venue_refuses_the_order_no_later_than_its_deadline(left, shift):
    now = Wall(NOW + shift)
    intent = an_intent(deadline=Wall(now + left))
    request = CODEC.place(intent, now)
    if request is None:
        assert left < MS_NS
        return
    sent = dict(parse_qsl(request.body.decode()))
    window, timestamp = int(sent["recvWindow"]), int(sent["timestamp"])
    assert timestamp == now // MS_NS
    assert 0 < window <= RECV_WINDOW_MS_MAX == 60_000
    assert (timestamp + window) * MS_NS <= intent.deadline
    if window < RECV_WINDOW_MS_MAX:
        assert intent.deadline - (timestamp + window) * MS_NS < MS_NS


@pytest.mark.parametrize("left", [0, -1, -SECOND_NS])
def test_past_its_deadline_an_order_has_no_request(left):
    assert CODEC.place(an_intent(deadline=Wall(NOW + left)), NOW) is None


@pytest.mark.parametrize(
    ("request_", "method", "path", "parameters"),
    [
        (
            CODEC.cancel(INTENT, NOW),
            "DELETE",
            "/api/v3/order",
            f"symbol=BTCUSDT&origClientOrderId={an_id()}&",
        ),
        (
            CODEC.query(INTENT, NOW),
            "GET",
            "/api/v3/order",
            f"symbol=BTCUSDT&origClientOrderId={an_id()}&",
        ),
        (
            CODEC.trades(INTENT, "28", NOW),
            "GET",
            "/api/v3/myTrades",
            "symbol=BTCUSDT&orderId=28&limit=1000&",
        ),
        (CODEC.open_orders(BTCUSDT)[0](NOW), "GET", "/api/v3/openOrders", "symbol=BTCUSDT&"),
        (CODEC.account(NOW), "GET", "/api/v3/account", ""),
    ],
    ids=["cancel", "query", "trades", "open_orders", "account"],
)
def test_a_signed_question_carries_all_in_its_query(request_, method, path, parameters):
    payload = f"{parameters}recvWindow=5000&timestamp={NOW // MS_NS}"
    assert request_.method == method
    assert request_.target == f"{path}?{payload}&signature={signed(payload)}"
    assert request_.headers == (("X-MBX-APIKEY", "key"),)
    assert request_.body == b""


def test_public_questions_are_not_signed():
    for request in (
        CODEC.time(),
        CODEC.rules(["BTCUSDT", "ETHUSDT"]),
        CODEC.price(an_instrument()),
    ):
        assert request.method == "GET"
        assert request.headers == ()
        assert "signature" not in request.target
    assert CODEC.time().target == "/api/v3/time"
    assert CODEC.price(an_instrument()).target == "/api/v3/ticker/bookTicker?symbol=BTCUSDT"
    rules = unquote(CODEC.rules(["BTCUSDT", "ETHUSDT"]).target)
    assert rules == '/api/v3/exchangeInfo?symbols=["BTCUSDT","ETHUSDT"]'


def test_a_symbol_of_other_letters_is_percent_encoded_before_it_is_signed():
    codec, instrument = codec_for(
        "\uff11\uff12\uff13\uff14\uff15\uff16"
    )  # the document's own example
    body = codec.place(an_intent(instrument=instrument), NOW).body
    assert body.startswith(b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side")
