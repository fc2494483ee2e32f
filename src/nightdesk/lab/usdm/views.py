"""Shapes of orders, trades, positions and balances in replies, as documented.

Owns the keys and how amounts are written: prices and quantities to their contract's places, money to
eight. Refuses to look anything up. Source: the venue's connector, release of 2026-08.
"""

from collections.abc import Mapping
from decimal import Decimal

from nightdesk.lab.orders import ZERO, text8
from nightdesk.lab.usdm.accounts import Income
from nightdesk.lab.usdm.margin import AssetMargin, SymbolMargin
from nightdesk.lab.usdm.orders import PerpFill, PerpOrder
from nightdesk.lab.usdm.settings import PerpSettings
from nightdesk.lab.views import Json, Stamp


def price(rules: PerpSettings, amount: Decimal) -> str:
    """A price, to the places of its contract."""
    return _shown(amount, rules.price_places)


def quantity(rules: PerpSettings, amount: Decimal) -> str:
    """A quantity, to the places of its contract."""
    return _shown(amount, rules.quantity_places)


def _shown(amount: Decimal, places: int) -> str:
    """With so many places, or all that it has: what was taken by an earlier tick or step is not rounded."""
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "amounts are finite"
    return f"{amount:.{max(places, -exponent)}f}"


def text5(amount: Decimal) -> str:
    """Averages and sums of quote are written with five places."""
    return f"{amount:.5f}"


def _order(rules: PerpSettings, order: PerpOrder) -> Json:
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "price": price(rules, order.price),
        "origQty": quantity(rules, order.quantity),
        "executedQty": quantity(rules, order.executed),
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": "BOTH",
        "stopPrice": price(rules, order.stop_price),
        "workingType": order.working_type,
        "priceProtect": False,
        "origType": order.original_type or order.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.stp,
        "goodTillDate": order.good_till_ms,
    }


def replied(rules: PerpSettings, order: PerpOrder, stamp: Stamp) -> Json:
    """The reply to a new order and to a cancel."""
    shown = _order(rules, order)
    shown["cumQty"] = quantity(rules, order.executed)
    shown["updateTime"] = stamp(order.updated_ns)
    return shown


def amended(rules: PerpSettings, order: PerpOrder, stamp: Stamp) -> Json:
    """The reply to an amendment."""
    shown = replied(rules, order, stamp) | {"pair": order.symbol}
    if order.modify_id is not None:
        shown["modifyId"] = order.modify_id
    return shown


def queried(rules: PerpSettings, order: PerpOrder, stamp: Stamp) -> Json:
    """An order as queries show it."""
    return _order(rules, order) | {
        "avgPrice": text5(order.average_price),
        "cumQuote": text5(order.executed_quote),
        "time": stamp(order.created_ns),
        "updateTime": stamp(order.updated_ns),
    }


def trade(rules: PerpSettings, fill: PerpFill, stamp: Stamp) -> Json:
    """One of an account's own trades."""
    return {
        "buyer": fill.side == "BUY",
        "commission": text8(fill.fee),
        "commissionAsset": fill.fee_asset,
        "id": fill.trade_id,
        "maker": fill.maker,
        "orderId": fill.order_id,
        "price": price(rules, fill.price),
        "qty": quantity(rules, fill.quantity),
        "quoteQty": text8(fill.quote),
        "baseQty": quantity(rules, fill.quantity),
        "marginAsset": fill.fee_asset,
        "realizedPnl": text8(fill.realised),
        "side": fill.side,
        "positionSide": "BOTH",
        "symbol": fill.symbol,
        "pair": fill.symbol,
        "time": stamp(fill.at_ns),
    }


def income(row: Income, stamp: Stamp) -> Json:
    """One change of a balance."""
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": text8(row.amount),
        "asset": row.asset,
        "info": row.kind if row.trade_id is None else str(row.trade_id),
        "time": stamp(row.at_ns),
        "tranId": row.transfer_id,
        "tradeId": "" if row.trade_id is None else str(row.trade_id),
    }


# --- what an account holds -------------------------------------------------------------------


def asset(row: AssetMargin, stamp: Stamp, at_ns: int) -> Json:
    """One asset of the account's information."""
    return {
        "asset": row.asset,
        "walletBalance": text8(row.wallet),
        "unrealizedProfit": text8(row.unrealised),
        "marginBalance": text8(row.balance),
        "maintMargin": text8(row.maintenance),
        "initialMargin": text8(row.position_initial + row.order_initial),
        "positionInitialMargin": text8(row.position_initial),
        "openOrderInitialMargin": text8(row.order_initial),
        "crossWalletBalance": text8(row.cross_wallet),
        "crossUnPnl": text8(row.cross_unrealised),
        "availableBalance": text8(row.available),
        "maxWithdrawAmount": text8(_withdrawable(row)),
        "updateTime": stamp(at_ns) if at_ns else 0,
    }


def balance(row: AssetMargin, stamp: Stamp, at_ns: int) -> Json:
    """One asset of the balances."""
    return {
        "accountAlias": "lab",
        "asset": row.asset,
        "balance": text8(row.wallet),
        "crossWalletBalance": text8(row.cross_wallet),
        "crossUnPnl": text8(row.cross_unrealised),
        "availableBalance": text8(row.available),
        "maxWithdrawAmount": text8(_withdrawable(row)),
        "marginAvailable": True,
        "updateTime": stamp(at_ns) if at_ns else 0,
    }


def _withdrawable(row: AssetMargin) -> Decimal:
    """Open profit cannot be withdrawn."""
    return max(ZERO, min(row.available, row.cross_wallet))


def totals(sums: Mapping[str, AssetMargin]) -> Json:
    """The account's sums. All margin assets are worth a dollar here."""
    rows = sums.values()

    def total(*amounts: Decimal) -> str:
        return text8(sum(amounts, ZERO))

    return {
        "totalInitialMargin": total(*(r.position_initial + r.order_initial for r in rows)),
        "totalMaintMargin": total(*(r.maintenance for r in rows)),
        "totalWalletBalance": total(*(r.wallet for r in rows)),
        "totalUnrealizedProfit": total(*(r.unrealised for r in rows)),
        "totalMarginBalance": total(*(r.balance for r in rows)),
        "totalPositionInitialMargin": total(*(r.position_initial for r in rows)),
        "totalOpenOrderInitialMargin": total(*(r.order_initial for r in rows)),
        "totalCrossWalletBalance": total(*(r.cross_wallet for r in rows)),
        "totalCrossUnPnl": total(*(r.cross_unrealised for r in rows)),
        "availableBalance": total(*(r.available for r in rows)),
        "maxWithdrawAmount": total(*(_withdrawable(r) for r in rows)),
    }


def position_v2(row: SymbolMargin, notional_max: Decimal, stamp: Stamp) -> Json:
    """One position of the account's information, version 2."""
    held = row.position
    return {
        "symbol": held.symbol,
        "initialMargin": text8(row.initial),
        "maintMargin": text8(row.maintenance),
        "unrealizedProfit": text8(row.unrealised),
        "positionInitialMargin": text8(row.position_initial),
        "openOrderInitialMargin": text8(row.order_initial),
        "leverage": str(held.leverage),
        "isolated": held.isolated,
        "entryPrice": text5(held.entry),
        "maxNotional": f"{notional_max:f}",
        "bidNotional": text8(row.claims.bids),
        "askNotional": text8(row.claims.asks),
        "positionSide": "BOTH",
        "positionAmt": quantity(row.rules, held.amount),
        "notional": text8(row.notional),
        "isolatedWallet": text8(held.isolated_wallet),
        "updateTime": stamp(held.updated_ns) if held.updated_ns else 0,
    }


def position_v3(row: SymbolMargin, stamp: Stamp) -> Json:
    """One position of the account's information, version 3."""
    held = row.position
    return {
        "symbol": held.symbol,
        "positionSide": "BOTH",
        "positionAmt": quantity(row.rules, held.amount),
        "unrealizedProfit": text8(row.unrealised),
        "isolatedMargin": text8(isolated_margin(row)),
        "notional": text8(row.notional),
        "isolatedWallet": text8(held.isolated_wallet),
        "initialMargin": text8(row.initial),
        "maintMargin": text8(row.maintenance),
        "updateTime": stamp(held.updated_ns) if held.updated_ns else 0,
    }


def isolated_margin(row: SymbolMargin) -> Decimal:
    """What an isolated position is worth with its wallet; zero for a cross one."""
    return row.position.isolated_wallet + row.unrealised if row.position.isolated else ZERO


def risk_v2(row: SymbolMargin, liquidation: Decimal, notional_max: Decimal, stamp: Stamp) -> Json:
    """One row of positionRisk, version 2."""
    held = row.position
    return {
        "entryPrice": text5(held.entry),
        "breakEvenPrice": text5(held.entry),
        "marginType": "isolated" if held.isolated else "cross",
        "isAutoAddMargin": "false",
        "isolatedMargin": text8(isolated_margin(row)),
        "leverage": str(held.leverage),
        "liquidationPrice": text8(liquidation) if liquidation else "0",
        "markPrice": text8(row.mark),
        "maxNotionalValue": f"{notional_max:f}",
        "positionAmt": quantity(row.rules, held.amount),
        "notional": text8(row.notional),
        "isolatedWallet": text8(held.isolated_wallet),
        "symbol": held.symbol,
        "unRealizedProfit": text8(row.unrealised),
        "positionSide": "BOTH",
        "updateTime": stamp(held.updated_ns) if held.updated_ns else 0,
    }


def risk_v3(row: SymbolMargin, liquidation: Decimal, stamp: Stamp) -> Json:
    """One row of positionRisk, version 3."""
    held = row.position
    return {
        "symbol": held.symbol,
        "positionSide": "BOTH",
        "positionAmt": quantity(row.rules, held.amount),
        "entryPrice": text5(held.entry),
        "breakEvenPrice": text5(held.entry),
        "markPrice": text8(row.mark),
        "unRealizedProfit": text8(row.unrealised),
        "liquidationPrice": text8(liquidation) if liquidation else "0",
        "isolatedMargin": text8(isolated_margin(row)),
        "notional": text8(row.notional),
        "marginAsset": row.asset,
        "isolatedWallet": text8(held.isolated_wallet),
        "initialMargin": text8(row.initial),
        "maintMargin": text8(row.maintenance),
        "positionInitialMargin": text8(row.position_initial),
        "openOrderInitialMargin": text8(row.order_initial),
        "adl": 1 if held.amount else 0,
        "bidNotional": text8(row.claims.bids),
        "askNotional": text8(row.claims.asks),
        "updateTime": stamp(held.updated_ns) if held.updated_ns else 0,
    }
