"""The spot codec under test, one order of ours, and answers and failures that its tests share."""

import json

from builders import BTCUSDT, an_intent
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpAnswer, HttpFailure

SECRET = "secret"
CODEC = BinanceSpot("binance", HmacSigner("key", SECRET), {"BTCUSDT": BTCUSDT})
INTENT = an_intent()
PLACED = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": INTENT.client_id,
    "transactTime": 1507725176595,
    "price": "100.00000000",
    "origQty": "1.00000000",
    "executedQty": "0.00000000",
    "status": "NEW",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "fills": [],
}
REFUSED = HttpFailure(written=False, timed_out=False, cause="connect refused")
HUNG = HttpFailure(written=True, timed_out=True, cause="no answer in 5 s")
HTML = b"<html><body>502 Bad Gateway</body></html>"


def answer(body, status=200, headers=None, complete=True) -> HttpAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status=status, headers=headers or {}, body=raw, complete=complete)


def refusal(status, code, message="text", **changed):
    return answer({"code": code, "msg": message}, status, **changed)
