"""What a request costs is what the practice exchange, written from the same documents, counts for it."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import pytest

from lab.perps import Perps
from nightdesk.lab.limits import Limits
from nightdesk.lab.rest import Rest
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.resilience.budget import Budget, Cost, Limit, Rank
from nightdesk.venues.binance_costs import (
    ORDERS,
    SPOT,
    SPOT_LIMITS,
    USDM,
    USDM_LIMITS,
    WEIGHT,
    usdm_klines,
)

START = Mono(1_000 * SECOND_NS)
OF_ONE_SYMBOL = {"symbol": "BTCUSDT"}
WHICH = {"orderId": "1", "limit<100": "99", "limit<500": "499", "limit<=1000": "1000"}
NOT_MODELLED = "GET /sapi/v1/account/apiRestrictions"  # of another host


def lab_rests() -> tuple[tuple[Rest, Limits], tuple[Rest, Limits]]:
    lab = Perps().lab
    assert lab.usdm is not None
    return (lab._rest, lab._limits), (lab.usdm._rest, lab.usdm.limits)


@pytest.mark.parametrize(("number", "costs"), [(0, SPOT), (1, USDM)], ids=["spot", "usdm"])
def test_a_request_costs_what_the_venue_counts(number: int, costs: Mapping[str, Cost]) -> None:
    rest, _ = lab_rests()[number]
    for named, cost in costs.items():
        if named == NOT_MODELLED:
            continue
        request, _, which = named.partition("?")
        method, path = request.split(" ")
        more = {"limit" if "limit" in which else "orderId": WHICH[which]} if which else {}
        route, told = rest._routes[method, path], dict(cost.spends)
        assert told.get(WEIGHT, 0) == route.weigh(OF_ONE_SYMBOL | more), named
        assert told.get(ORDERS, 0) == route.orders, named


@pytest.mark.parametrize(
    "named",
    [f"GET /api/v3/{what}" for what in ("order", "openOrders", "myTrades", "account")]
    + ["GET /api/v3/exchangeInfo", "GET /fapi/v1/exchangeInfo"]
    + [f"GET /fapi/v1/{what}" for what in ("order", "openOrders", "algoOrder", "openAlgoOrders")]
    + ["GET /fapi/v1/userTrades", "GET /fapi/v1/forceOrders", "GET /fapi/v3/account"],
)
def test_what_a_comparison_with_the_venue_asks_has_one_rank(named: str) -> None:
    assert (SPOT | USDM)[named].rank is Rank.RECONCILE  # and so leaves at once where all is left


@pytest.mark.parametrize(
    ("costs", "limits"), [(SPOT, SPOT_LIMITS), (USDM, USDM_LIMITS)], ids=["spot", "usdm"]
)
def test_the_smallest_share_has_room_for_every_request_and_for_exits_behind_entries(
    costs: Mapping[str, Cost], limits: tuple[Limit, ...]
) -> None:
    for named, cost in costs.items():
        for account in (False, True):
            budget = Budget(limits, 1)
            budget.allow(1, 1, account=account)
            assert budget.wait_ns(cost, START) == 0, named
    budget = Budget(limits, 1)
    order, pair = Cost(rank=Rank.ENTRY, spends=((ORDERS, 1),)), ((ORDERS, 2),)
    while not budget.wait_ns(order, START):
        budget.settle(budget.spend(order, START), START, {})
    assert budget.wait_ns(Cost(rank=Rank.REDUCE, spends=pair), START) == 0


@pytest.mark.parametrize(
    ("number", "limits"), [(0, SPOT_LIMITS), (1, USDM_LIMITS)], ids=["spot", "usdm"]
)
def test_a_market_allows_what_the_venue_allows(number: int, limits: tuple[Limit, ...]) -> None:
    _, counts = lab_rests()[number]
    quota = counts.quota
    weight, *orders = [limit for limit in limits if not limit.spread]
    assert (weight.unit, weight.most) == (WEIGHT, quota.weight_per_minute_max)
    assert [(o.most, o.length_ns, o.header) for o in orders] == [
        (q.most, q.length_ns, f"x-mbx-order-count-{q.header.lower()}") for q in quota.orders
    ]


@pytest.mark.parametrize("count", [1, 99, 100, 499, 500, 1000])
def test_more_bars_cost_more(count: int) -> None:
    rest, _ = lab_rests()[1]
    query = dict(parse_qsl(f"symbol=BTCUSDT&limit={count}"))
    weight = rest._routes["GET", "/fapi/v1/klines"].weigh(query)
    assert dict(usdm_klines(count).spends)[WEIGHT] == weight
