"""The USD-M codec under test, two orders of ours and what the venue's documents show of them."""

from builders import D, an_instrument, an_intent
from nightdesk.model.instrument import Kind
from nightdesk.model.order import OrderType, Side
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_usdm import BinanceUsdm

SECRET = "secret"
PERP = "usdm:BTCUSDT"
CODEC = BinanceUsdm("usdm", HmacSigner("key", SECRET), {"BTCUSDT": PERP, "ETHUSDT": "usdm:ETHUSDT"})
INTENT = an_intent(instrument=PERP)
STOP = an_intent(
    instrument=PERP, side=Side.SELL, type=OrderType.STOP, trigger=D("95.5"), reduce_only=True
)
CONTRACT = an_instrument(
    id=PERP, venue="usdm", tick=D("0.1"), lot=D("0.001"), kind=Kind.PERPETUAL, margin="USDT"
)
# New Order, Query Order, Cancel Order: the fields the documents show.
PLACED = {
    "clientOrderId": INTENT.client_id,
    "cumQty": "0",
    "executedQty": "0",
    "orderId": 22542179,
    "origQty": "1",
    "price": "100",
    "reduceOnly": False,
    "side": "BUY",
    "positionSide": "BOTH",
    "status": "NEW",
    "stopPrice": "0",
    "closePosition": False,
    "symbol": "BTCUSDT",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "origType": "LIMIT",
    "updateTime": 1566818724722,
    "workingType": "CONTRACT_PRICE",
    "priceProtect": False,
    "priceMatch": "NONE",
    "selfTradePreventionMode": "NONE",
    "goodTillDate": 0,
}
# New Algo Order, Query Algo Order.
WAITING = {
    "algoId": 2146760,
    "clientAlgoId": STOP.client_id,
    "algoType": "CONDITIONAL",
    "orderType": "STOP_MARKET",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "positionSide": "BOTH",
    "timeInForce": "GTC",
    "quantity": "1",
    "algoStatus": "NEW",
    "actualOrderId": "",
    "actualPrice": "0.00000",
    "actualType": "MARKET",
    "actualQty": "1",
    "triggerPrice": "95.5",
    "price": "0",
    "workingType": "CONTRACT_PRICE",
    "closePosition": False,
    "priceProtect": False,
    "reduceOnly": True,
    "createTime": 1750485492076,
    "updateTime": 1750514545091,
    "triggerTime": 0,
    "goodTillDate": 0,
}
TRADE = {
    "buyer": False,
    "commission": "0.07819010",
    "commissionAsset": "USDT",
    "id": 698759,
    "maker": False,
    "orderId": 25851813,
    "price": "7819.01",
    "qty": "0.002",
    "quoteQty": "15.63802",
    "marginAsset": "USDT",
    "realizedPnl": "-0.91539999",
    "side": "SELL",
    "positionSide": "BOTH",
    "symbol": "BTCUSDT",
    "time": 1569514978020,
}
