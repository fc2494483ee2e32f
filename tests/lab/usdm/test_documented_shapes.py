"""Replies and events against the models of the venue's own SDK.

Every field of a model must be there. Whatever differs stands in `DIFFERENCES`, with its reason; an entry
nothing needs any more fails the test too.
"""

from typing import Any

import pytest

from lab.markets import trade
from lab.perps import ORDER, Perps
from lab.running import stranger

pytestmark = pytest.mark.strangers

_SDK = "binance_sdk_derivatives_trading_usds_futures"
TRAILING = "of trailing stops, which are no longer orders of this endpoint"

# (model, field) -> why it may be missing
DIFFERENCES: dict[tuple[str, str], str] = {
    ("QueryOrderResponse", "activatePrice"): TRAILING,
    ("QueryOrderResponse", "priceRate"): TRAILING,
    ("CancelOrderResponse", "activatePrice"): TRAILING,
    ("CancelOrderResponse", "priceRate"): TRAILING,
    ("OrderTradeUpdateO", "M"): "documented as pushed with amendments only",
    ("OrderTradeUpdateO", "AP"): "documented as pushed with trailing stops only",
    ("OrderTradeUpdateO", "cr"): "documented as pushed with trailing stops only",
}


def model_fields(kind: str, name: str) -> set[str]:
    """The names on the wire of a model's fields."""
    model = getattr(stranger(f"{_SDK}.{kind}.models"), name)
    return {field.alias or key for key, field in model.model_fields.items()} - {
        "additional_properties"
    }


def traded() -> tuple[Perps, int, dict[str, Any]]:
    """A lab in which everything has happened once, and what it replied."""
    p = Perps()
    conn = p.listen()
    shown: dict[str, Any] = {}
    shown["NewOrderResponse"] = p.place(newClientOrderId="mine").json
    terms = {"symbol": "BTCUSDT", "origClientOrderId": "mine"}
    amended = terms | {"side": "BUY", "price": "98.5", "quantity": "2", "modifyId": "1"}
    shown["ModifyOrderResponse"] = p.call("PUT", ORDER, amended).json
    shown["QueryOrderResponse"] = p.call("GET", ORDER, terms).json
    shown["CancelOrderResponse"] = p.call("DELETE", ORDER, terms).json
    p.market_order("BUY", "1")
    stop = {
        "algoType": "CONDITIONAL",
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "STOP_MARKET",
        "quantity": "0.5",
        "triggerPrice": "95",
        "clientAlgoId": "stop",
    }
    shown["NewAlgoOrderResponse"] = p.call("POST", "/fapi/v1/algoOrder", stop).json
    by_name = {"clientAlgoId": "stop"}
    p.happen(trade(1, "95", "0.001", buyer_is_maker=False))
    shown["QueryAlgoOrderResponse"] = p.call("GET", "/fapi/v1/algoOrder", by_name).json
    return p, conn, shown


def queried(p: Perps) -> dict[str, Any]:
    """Every model of a query and what the lab answers."""

    def ask(path: str, **params: Any) -> Any:
        return p.call("GET", f"/fapi/{path}", params).json

    v2, v3 = ask("v2/account"), ask("v3/account")
    info = p.public("/fapi/v1/exchangeInfo").json
    symbol = "symbol=BTCUSDT"
    return {
        "AccountTradeListResponseInner": ask("v1/userTrades", symbol="BTCUSDT")[0],
        "AccountInformationV2Response": v2,
        "AccountInformationV2ResponseAssetsInner": v2["assets"][0],
        "AccountInformationV2ResponsePositionsInner": v2["positions"][0],
        "AccountInformationV3Response": v3,
        "AccountInformationV3ResponseAssetsInner": v3["assets"][0],
        "AccountInformationV3ResponsePositionsInner": v3["positions"][0],
        "FuturesAccountBalanceV2ResponseInner": ask("v2/balance")[0],
        "PositionInformationV2ResponseInner": ask("v2/positionRisk")[0],
        "PositionInformationV3ResponseInner": ask("v3/positionRisk")[0],
        "GetIncomeHistoryResponseInner": ask("v1/income")[0],
        "FuturesAccountConfigurationResponse": ask("v1/accountConfig"),
        "SymbolConfigurationResponseInner": ask("v1/symbolConfig")[0],
        "UserCommissionRateResponse": ask("v1/commissionRate", symbol="BTCUSDT"),
        "ExchangeInformationResponse": info,
        "ExchangeInformationResponseSymbolsInner": info["symbols"][0],
        "OrderBookResponse": p.public("/fapi/v1/depth", symbol).json,
    }


def test_every_field_of_the_venues_models_is_there() -> None:
    p, conn, replies = traded()
    orders = [event["o"] for event in p.events(conn, "ORDER_TRADE_UPDATE")]
    account = p.events(conn, "ACCOUNT_UPDATE")[-1]["a"]
    told = {
        "OrderTradeUpdateO": next(o for o in orders if o["x"] == "TRADE"),
        "AccountUpdateABInner": account["B"][0],
        "AccountUpdateAPInner": account["P"][0],
        "AlgoUpdateO": p.events(conn, "ALGO_UPDATE")[-1]["o"],
    }
    missing = {
        (name, field)
        for kind, shown in (
            ("rest_api", replies | queried(p)),
            ("websocket_streams", told),
        )
        for name, body in shown.items()
        for field in model_fields(kind, name) - body.keys()
    }
    assert missing == set(DIFFERENCES)
