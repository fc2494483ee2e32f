"""Shapes of the account's events, as documented.

Owns the keys. Refuses to look anything up. Sources: "Event: Order Update", "Event: Balance and Position
Update", "Event: Account Configuration Update", "Event: Margin Call" and "Event: User Data Stream
Expired" of the venue's documents, 2026-08.
"""

from collections.abc import Iterable

from nightdesk.lab.choices import Word
from nightdesk.lab.orders import ZERO, text8
from nightdesk.lab.usdm.margin import AssetMargin, Claims, SymbolMargin
from nightdesk.lab.usdm.news import AccountNews, AlgoNews, ConfigNews, Execution, OrderNews
from nightdesk.lab.usdm.settings import PerpSettings
from nightdesk.lab.usdm.views import isolated_margin, price, quantity, text5
from nightdesk.lab.views import UNHEARD_OF, Json, Stamp

# Where a report has what replies spell out.
_IN_REPORT = {"status": "X", "type": "o", "timeInForce": "f", "side": "S"}


def order_update(
    rules: PerpSettings,
    news: OrderNews,
    claims: Claims,
    stamp: Stamp,
    strange: Word | None,
) -> Json:
    """The `ORDER_TRADE_UPDATE` event of one step of one order."""
    order, fill, at = news.order, news.fill, stamp(news.at_ns)
    shown: Json = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": quantity(rules, order.quantity),
        "p": price(rules, order.price),
        "ap": text5(order.average_price),
        "sp": price(rules, order.stop_price),
        "x": news.execution,
        "X": order.status,
        "i": order.order_id,
        "l": quantity(rules, fill.quantity if fill else ZERO),
        "z": quantity(rules, order.executed),
        "L": price(rules, fill.price if fill else ZERO),
    }
    if fill is not None:
        shown |= {"N": fill.fee_asset, "n": text8(fill.fee)}
    shown |= {
        "T": at,
        "t": fill.trade_id if fill else 0,
        "b": text5(claims.bids),
        "a": text5(claims.asks),
        "m": fill.maker if fill else False,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.original_type or order.type,
        "ps": "BOTH",
        "cp": order.close_position,
        "rp": text8(fill.realised if fill else ZERO),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": order.stp,
        "pm": "NONE",
        "gtd": order.good_till_ms,
        "er": str(int(order.knocked)),
    }
    if news.execution is Execution.AMENDMENT and order.modify_id is not None:
        shown["M"] = str(order.modify_id)
    if strange is not None:
        shown[_IN_REPORT[strange]] = UNHEARD_OF
    return {"e": "ORDER_TRADE_UPDATE", "T": at, "E": at, "o": shown}


def algo_update(rules: PerpSettings, news: AlgoNews, stamp: Stamp) -> Json:
    """The `ALGO_UPDATE` event of one step of one conditional order."""
    order, terms, at = news.order, news.order.terms, stamp(news.at_ns)
    child = order.order_id
    shown: Json = {
        "caid": order.client_algo_id,
        "aid": order.algo_id,
        "at": "CONDITIONAL",
        "o": terms.type,
        "s": terms.symbol,
        "S": terms.side,
        "ps": "BOTH",
        "f": terms.time_in_force,
        "q": quantity(rules, terms.quantity),
        "X": order.status,
        "ai": "" if child is None else str(child),
    }
    if child is not None:
        shown |= {
            "ap": text5(order.average_price),
            "aq": quantity(rules, order.executed),
            "act": "MARKET" if terms.type.at_market else "LIMIT",
        }
    shown |= {
        "tp": price(rules, terms.trigger_price),
        "p": price(rules, terms.price),
        "V": terms.stp,
        "wt": terms.working_type,
        "pm": "NONE",
        "cp": terms.close_position,
        "pP": terms.price_protect,
        "R": terms.reduce_only,
        "tt": stamp(order.triggered_ns) if order.triggered_ns else 0,
        "gtd": terms.good_till_ms,
        "rm": order.rejection,
        "ia": order.best is not None,
    }
    return {"e": "ALGO_UPDATE", "T": at, "E": at, "o": shown}


def account_update(news: AccountNews, rows: Iterable[SymbolMargin], stamp: Stamp) -> Json:
    """The `ACCOUNT_UPDATE` event: balances and positions that changed, and why."""
    at, held = stamp(news.at_ns), news.holdings
    rows = list(rows)
    balances = []
    for asset in news.assets:
        wallets = (row.position.isolated_wallet for row in rows if row.asset == asset)
        balances.append(
            {
                "a": asset,
                "wb": text8(held.balances[asset]),
                "cw": text8(held.balances[asset] - sum(wallets, ZERO)),
                "bc": text8(news.moved),
            }
        )
    told = [row for row in rows if row.position.symbol in news.symbols]
    shown: Json = {"B": balances, "P": [_position(row) for row in told]}
    shown["m"] = news.reason
    if news.about is not None:
        shown["S"] = news.about
    return {"e": "ACCOUNT_UPDATE", "T": at, "E": at, "a": shown}


def _position(row: SymbolMargin) -> Json:
    held = row.position
    return {
        "s": held.symbol,
        "pa": quantity(row.rules, held.amount),
        "ep": text5(held.entry),
        "bep": text5(held.entry),
        "cr": "0",
        "up": text8(row.unrealised),
        "mt": "isolated" if held.isolated else "cross",
        "iw": text8(held.isolated_wallet),
        "ps": "BOTH",
        "ma": row.asset,
    }


def config_update(news: ConfigNews, stamp: Stamp) -> Json:
    """The `ACCOUNT_CONFIG_UPDATE` event."""
    at = stamp(news.at_ns)
    shown: Json = {"e": "ACCOUNT_CONFIG_UPDATE", "E": at, "T": at}
    if news.symbol is not None:
        return shown | {"ac": {"s": news.symbol, "l": news.leverage}}
    return shown | {"ai": {"j": news.multi_assets}}


def margin_call(asset: AssetMargin, rows: Iterable[SymbolMargin], at: int) -> Json:
    """The `MARGIN_CALL` event."""
    return {
        "e": "MARGIN_CALL",
        "E": at,
        "cw": text8(asset.cross_wallet),
        "p": [
            {
                "s": row.position.symbol,
                "ps": "BOTH",
                "pa": quantity(row.rules, row.position.amount),
                "mt": "ISOLATED" if row.position.isolated else "CROSSED",
                "iw": text8(isolated_margin(row)),
                "mp": text8(row.mark),
                "up": text8(row.unrealised),
                "mm": text8(row.maintenance),
            }
            for row in rows
        ],
    }


def listen_key_expired(key: str, at: int) -> Json:
    """The `listenKeyExpired` event: nothing more comes under this key."""
    return {"e": "listenKeyExpired", "E": at, "listenKey": key}
