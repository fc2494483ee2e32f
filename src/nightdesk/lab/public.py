"""Public endpoints: rules, books, trades, candles.

Owns their routes, weights and shapes. Refuses accounts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from nightdesk.lab import filters, params
from nightdesk.lab.api import Ask, Route, asked_span, public_get
from nightdesk.lab.candles import INTERVALS_NS, between
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.frames import partial_depth
from nightdesk.lab.market import Market, Trade
from nightdesk.lab.orders import OrderType, StpMode, text8
from nightdesk.lab.params import whole_or_none
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS, SymbolSettings
from nightdesk.lab.tape import Candle, Tape
from nightdesk.lab.views import Json

_DEPTH_MAX = 5000


def rate_limits(weight: int, per_10s: int, per_day: int) -> list[Json]:
    """The limits as exchange information lists them."""
    return [
        limit_shape("REQUEST_WEIGHT", "MINUTE", 1, weight),
        limit_shape("ORDERS", "SECOND", 10, per_10s),
        limit_shape("ORDERS", "DAY", 1, per_day),
        limit_shape("RAW_REQUESTS", "MINUTE", 5, 61_000),
    ]


def limit_shape(kind: str, interval: str, number: int, limit: int) -> Json:
    """One limit."""
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }


def _depth_weight(sent: Mapping[str, str]) -> int:
    count = whole_or_none(sent.get("limit")) or 100
    return next(w for most, w in ((100, 5), (500, 25), (1000, 50), (10**20, 250)) if count <= most)


@dataclass(slots=True)
class Public:
    """The public endpoints of one lab."""

    exchange: Exchange
    tapes: dict[str, Tape]
    market: Market

    def routes(self) -> list[Route]:
        """Every public endpoint."""
        limited = frozenset({"symbol", "limit"})
        rules = frozenset(
            {"symbol", "symbols", "symbolStatus", "permissions", "showPermissionSets"}
        )
        spans = limited | {"startTime", "endTime"}
        klines = spans | {"interval", "timeZone"}

        return [
            public_get("ping", self.ping, ws="ping"),
            public_get("time", self.time, ws="time"),
            public_get(
                "exchangeInfo", self.exchange_info, weight=20, names=rules, ws="exchangeInfo"
            ),
            public_get("depth", self.depth, weight=_depth_weight, names=limited, ws="depth"),
            public_get("trades", self.trades, weight=25, names=limited, ws="trades.recent"),
            public_get(
                "historicalTrades",
                self.trades,
                weight=25,
                names=limited | {"fromId"},
                ws="trades.historical",
            ),
            public_get(
                "aggTrades",
                self.aggregate_trades,
                weight=4,
                names=spans | {"fromId"},
                ws="trades.aggregate",
            ),
            public_get("klines", self.klines, weight=2, names=klines, ws="klines"),
            public_get("uiKlines", self.klines, weight=2, names=klines, ws="uiKlines"),
        ]

    def ping(self, ask: Ask) -> object:
        """Test connectivity."""
        return {}

    def time(self, ask: Ask) -> object:
        """The venue's clock."""
        return {"serverTime": ask.stamp(ask.now_ns)}

    def exchange_info(self, ask: Ask) -> object:
        """Rules of the venue and its symbols."""
        names = params.symbols(ask.params, self.exchange.rules)
        show_sets = params.flag(ask.params, "showPermissionSets", default=True)
        settings = self.exchange.settings
        return {
            "timezone": "UTC",
            "serverTime": ask.stamp(ask.now_ns),
            "rateLimits": rate_limits(
                settings.weight_per_minute_max,
                settings.orders_per_10s_max,
                settings.orders_per_day_max,
            ),
            "exchangeFilters": [],
            "symbols": [
                _symbol_info(self.exchange.rules[name], show_sets=show_sets)
                for name in names or self.exchange.rules
            ],
        }

    def depth(self, ask: Ask) -> object:
        """The order book."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        count = params.limit(ask.params, default=100, most=_DEPTH_MAX)
        book = self.exchange.matchers[symbol].book
        return msgspec.Raw(partial_depth(book, count).encode())

    def trades(self, ask: Ask) -> object:
        """Recent trades, or those from an id on."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        count = params.limit(ask.params, default=500, most=1000)
        rows = self._trades(symbol, ask, count)
        return [
            {
                "id": t.trade_id,
                "price": text8(t.price),
                "qty": text8(t.quantity),
                "quoteQty": text8(t.price * t.quantity),
                "time": ask.stamp(t.trade_ns),
                "isBuyerMaker": t.buyer_is_maker,
                "isBestMatch": True,
            }
            for t in rows
        ]

    def aggregate_trades(self, ask: Ask) -> object:
        """Aggregate trades; here every trade is its own aggregate."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        count = params.limit(ask.params, default=500, most=1000)
        return [
            {
                "a": t.trade_id,
                "p": text8(t.price),
                "q": text8(t.quantity),
                "f": t.trade_id,
                "l": t.trade_id,
                "T": ask.stamp(t.trade_ns),
                "m": t.buyer_is_maker,
                "M": True,
            }
            for t in self._trades(symbol, ask, count)
        ]

    def _trades(self, symbol: str, ask: Ask, count: int) -> list[Trade]:
        start_ms, end_ms = asked_span(ask)
        from_id = params.long(ask.params, "fromId")
        rows = [
            t
            for t in self.tapes[symbol].trades
            if start_ms <= (t.trade_ns + ask.clock_offset_ns) // MS_NS <= end_ms
            and (from_id is None or t.trade_id >= from_id)
        ]
        oldest = from_id is not None or "startTime" in ask.params
        return rows[:count] if oldest else rows[-count:]

    def klines(self, ask: Ask) -> object:
        """Candles, also of intervals without trades; the newest is still being made."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        return klines_of(ask, self.tapes[symbol], self.market, most=1000)


def klines_of(ask: Ask, tape: Tape, market: Market, *, most: int) -> list[list[object]]:
    """Candles as REST lists them, as many as asked for."""
    length_ns = INTERVALS_NS.get(params.required(ask.params, "interval"))
    if length_ns is None:
        raise Refused(-1120, "Invalid interval.")
    count = params.limit(ask.params, default=500, most=most)
    start_ms, end_ms = asked_span(ask)
    span_ns = (count - 1) * length_ns
    last_ns = min(ask.now_ns + ask.clock_offset_ns, end_ms * MS_NS)
    first_ns = max(last_ns - last_ns % length_ns - span_ns, 0)
    if "startTime" in ask.params:
        first_ns = start_ms * MS_NS
        last_ns = min(last_ns, first_ns + -first_ns % length_ns + span_ns)
    return [_row(c, length_ns, ask) for c in between(tape, market, length_ns, first_ns, last_ns)]


def _row(candle: Candle, length_ns: int, ask: Ask) -> list[object]:
    open_ms = candle.open_ns // MS_NS
    scale = MS_NS // ask.unit_ns
    return [
        open_ms * scale,
        text8(candle.open),
        text8(candle.high),
        text8(candle.low),
        text8(candle.close),
        text8(candle.volume),
        (open_ms + length_ns // MS_NS) * scale - 1,
        text8(candle.quote),
        candle.count,
        text8(candle.taker_buy_volume),
        text8(candle.taker_buy_quote),
        "0",
    ]


def _symbol_info(rules: SymbolSettings, *, show_sets: bool) -> Json:
    return {
        "symbol": rules.symbol,
        "status": "TRADING",
        "baseAsset": rules.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(OrderType),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters.shown(rules),
        "permissions": [],
        "permissionSets": [["SPOT"]] if show_sets else [],
        "defaultSelfTradePreventionMode": StpMode.NONE,
        "allowedSelfTradePreventionModes": list(StpMode),
    }
