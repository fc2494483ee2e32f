"""What Binance's requests count for, what for they are asked, and how much of it the markets allow.

Sources: spot's rest-api.md ("Weight" of each request, "LIMITS", "Unfilled Order Count") and enums.md, read
2026-11-21 at their state of 2026-07-21; USD-M's pages of each request ("Request Weight" and "IP Limit") and the
`rateLimits` of its exchangeInfo, read 2026-11-22. Weight counts per address, orders per account, each in
intervals of its length; when these begin is not said. Every answer tells the weight used; a placed order's
also the orders. Spot gives orders back when they begin to fill: not counted here, so no count is too low.
"""

from collections.abc import Mapping

from nightdesk.model.time import SECOND_NS
from nightdesk.resilience.budget import Cost, Limit, Rank

WEIGHT, ORDERS = "weight", "orders"
MINUTE_NS = 60 * SECOND_NS


def _orders(most: int, length_ns: int, window: str) -> Limit:
    header = f"x-mbx-order-count-{window}"
    return Limit(
        unit=ORDERS, most=most, least=11, length_ns=length_ns, header=header, account=True
    )  # a pair for entries, and another above all of theirs for exits


def _weight(most: int, length_ns: int, header: str = "", *, spread: bool = False) -> Limit:
    # The heaviest question weighs 30: also behind every reserve it must find room once.
    return Limit(
        unit=WEIGHT, most=most, least=50, length_ns=length_ns, header=header, spread=spread
    )


# Reads may come twice as fast as they could for ever, for as long as half a minute.
SPOT_LIMITS = (
    _weight(6_000, MINUTE_NS, "x-mbx-used-weight-1m"),
    _weight(1_200, MINUTE_NS // 10, spread=True),
    _orders(100, 10 * SECOND_NS, "10s"),
    _orders(200_000, 1_440 * MINUTE_NS, "1d"),
)
USDM_LIMITS = (
    _weight(2_400, MINUTE_NS, "x-mbx-used-weight-1m"),
    _weight(480, MINUTE_NS // 10, spread=True),
    _orders(300, 10 * SECOND_NS, "10s"),
    _orders(1_200, MINUTE_NS, "1m"),
)


def _cost(rank: Rank, weight: int, orders: int = 0) -> Cost:
    spends = ((WEIGHT, weight), (ORDERS, orders))
    return Cost(rank=rank, spends=tuple(spend for spend in spends if spend[1]))


# By method and path; after a "?", what of several of its weights is meant. Of one symbol, where that matters.
SPOT: Mapping[str, Cost] = {
    "POST /api/v3/order": _cost(Rank.ENTRY, 1, orders=1),
    "POST /api/v3/order/cancelReplace": _cost(Rank.ENTRY, 1, orders=1),
    "POST /api/v3/orderList/oco": _cost(Rank.ENTRY, 1, orders=2),
    "DELETE /api/v3/order": _cost(Rank.CANCEL, 1),
    "GET /api/v3/order": _cost(Rank.RECONCILE, 4),
    "GET /api/v3/openOrders": _cost(Rank.RECONCILE, 6),
    "GET /api/v3/myTrades": _cost(Rank.RECONCILE, 20),
    "GET /api/v3/myTrades?orderId": _cost(Rank.RECONCILE, 5),
    "GET /api/v3/account": _cost(Rank.RECONCILE, 20),
    "GET /sapi/v1/account/apiRestrictions": _cost(Rank.PRIVATE, 1),
    "GET /api/v3/account/commission": _cost(Rank.PRIVATE, 20),
    "GET /api/v3/time": _cost(Rank.RECONCILE, 1),  # without it no order leaves
    "GET /api/v3/exchangeInfo": _cost(Rank.RECONCILE, 20),  # by other rules every order is refused
    "GET /api/v3/ticker/bookTicker": _cost(Rank.REDUCE, 2),  # asked for the way out alone
    "GET /api/v3/klines": _cost(Rank.MARKET, 2),
    "GET /api/v3/historicalTrades": _cost(Rank.MARKET, 25),
}
USDM: Mapping[str, Cost] = {
    "POST /fapi/v1/order": _cost(Rank.ENTRY, 0, orders=1),
    "PUT /fapi/v1/order": _cost(Rank.ENTRY, 0, orders=1),
    "POST /fapi/v1/algoOrder": _cost(Rank.ENTRY, 0, orders=1),
    "DELETE /fapi/v1/order": _cost(Rank.CANCEL, 1),
    "DELETE /fapi/v1/algoOrder": _cost(Rank.CANCEL, 1),
    # Where a venue cancels what nobody can: it goes before entries and before every question.
    "POST /fapi/v1/countdownCancelAll": _cost(Rank.REDUCE, 10),
    "GET /fapi/v1/order": _cost(Rank.RECONCILE, 1),
    "GET /fapi/v1/algoOrder": _cost(Rank.RECONCILE, 1),
    "GET /fapi/v1/openOrders": _cost(Rank.RECONCILE, 1),
    "GET /fapi/v1/openAlgoOrders": _cost(Rank.RECONCILE, 1),
    "GET /fapi/v1/userTrades": _cost(Rank.RECONCILE, 5),
    "GET /fapi/v3/account": _cost(Rank.RECONCILE, 5),
    "POST /fapi/v1/listenKey": _cost(Rank.RECONCILE, 1),  # without it fills are not heard
    "GET /fapi/v1/accountConfig": _cost(Rank.PRIVATE, 5),
    "GET /fapi/v1/symbolConfig": _cost(Rank.PRIVATE, 5),
    "GET /fapi/v1/commissionRate": _cost(Rank.PRIVATE, 20),
    "GET /fapi/v1/income": _cost(Rank.PRIVATE, 30),
    "GET /fapi/v1/forceOrders": _cost(Rank.RECONCILE, 20),
    "GET /fapi/v1/time": _cost(Rank.RECONCILE, 1),
    "GET /fapi/v1/exchangeInfo": _cost(Rank.RECONCILE, 1),
    "GET /fapi/v1/ticker/bookTicker": _cost(Rank.REDUCE, 2),
    "GET /fapi/v1/aggTrades": _cost(Rank.MARKET, 20),
    "GET /fapi/v1/klines?limit<100": _cost(Rank.MARKET, 1),
    "GET /fapi/v1/klines?limit<500": _cost(Rank.MARKET, 2),
    "GET /fapi/v1/klines?limit<=1000": _cost(Rank.MARKET, 5),
}


def usdm_klines(count: int) -> Cost:
    """What that many bars cost, at most a thousand."""
    which = "<100" if count < 100 else "<500" if count < 500 else "<=1000"
    return USDM[f"GET /fapi/v1/klines?limit{which}"]
