"""Public endpoints: contracts, books, trades, candles, mark prices, funding rates.

Owns their routes, weights and shapes. Refuses accounts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from nightdesk.lab import params
from nightdesk.lab.api import Ask, Route, Run, Stage, Weight, asked_span
from nightdesk.lab.frames import best, change_percent
from nightdesk.lab.market import Market
from nightdesk.lab.orders import ZERO, text8
from nightdesk.lab.params import whole_or_none
from nightdesk.lab.public import klines_of, limit_shape
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS, SECOND_NS
from nightdesk.lab.tape import Candle, Tape
from nightdesk.lab.usdm import filters, frames
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.orders import PerpType, Tif
from nightdesk.lab.usdm.reading import CONDITIONAL
from nightdesk.lab.usdm.settings import PerpSettings, UsdmSettings
from nightdesk.lab.usdm.views import price, quantity
from nightdesk.lab.views import Json

_DAY_NS = 86_400 * SECOND_NS
_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_HOUR_NS = 3600 * SECOND_NS
_LISTED_MS = 1_569_398_400_000
_DELIVERY_MS = 4_133_404_800_000  # a perpetual's: in the year 2100


def _each(one: int, many: int) -> Weight:
    return lambda sent: one if "symbol" in sent else many


def _depth_weight(sent: Mapping[str, str]) -> int:
    count = whole_or_none(sent.get("limit")) or 500
    return next(w for most, w in ((50, 2), (100, 5), (500, 10), (10**20, 20)) if count <= most)


def _kline_weight(sent: Mapping[str, str]) -> int:
    count = whole_or_none(sent.get("limit")) or 500
    return next(w for most, w in ((99, 1), (499, 2), (1000, 5), (10**20, 10)) if count <= most)


@dataclass(slots=True)
class PerpPublic:
    """The public endpoints of one USD-M venue."""

    exchange: PerpExchange
    tapes: dict[str, Tape]
    market: Market
    venue_ns: Callable[[int], int]

    def routes(self) -> list[Route]:
        """Every public endpoint."""
        symbol, nothing = frozenset({"symbol"}), frozenset[str]()
        limited = symbol | {"limit"}
        spans = limited | {"startTime", "endTime"}
        table: tuple[tuple[str, Run, int | Weight, frozenset[str]], ...] = (
            ("v1/ping", self.ping, 1, nothing),
            ("v1/time", self.time, 1, nothing),
            ("v1/exchangeInfo", self.exchange_info, 1, nothing),
            ("v1/depth", self.depth, _depth_weight, limited),
            ("v1/trades", self.trades, 5, limited),
            ("v1/aggTrades", self.aggregate_trades, 20, spans | {"fromId"}),
            ("v1/klines", self.klines, _kline_weight, spans | {"interval"}),
            ("v1/ticker/bookTicker", self.book_ticker, _each(2, 5), symbol),
            ("v1/ticker/price", self.price_ticker, _each(1, 2), symbol),
            ("v2/ticker/price", self.price_ticker, _each(1, 2), symbol),
            ("v1/ticker/24hr", self.day_ticker, _each(1, 40), symbol),
            ("v1/premiumIndex", self.premium_index, _each(1, 10), symbol),
            ("v1/fundingRate", self.funding_rates, 1, spans),
            ("v1/fundingInfo", self.funding_info, 1, nothing),
        )
        return [
            Route(
                method="GET",
                path=f"/fapi/{path}",
                stage=Stage.PUBLIC,
                run=run,
                weight=weight,
                names=names,
            )
            for path, run, weight, names in table
        ]

    # --- the venue -------------------------------------------------------------------------

    def ping(self, ask: Ask) -> object:
        """Test connectivity."""
        return {}

    def time(self, ask: Ask) -> object:
        """The venue's clock."""
        return {"serverTime": ask.stamp(ask.now_ns)}

    def exchange_info(self, ask: Ask) -> object:
        """Rules of the venue and its contracts."""
        settings = self.exchange.settings
        return {
            "timezone": "UTC",
            "serverTime": ask.stamp(ask.now_ns),
            "futuresType": "U_MARGINED",
            "rateLimits": _rate_limits(settings),
            "exchangeFilters": [],
            "assets": [
                {"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"}
                for asset in settings.margin_assets()
            ],
            "symbols": [_contract(rules) for rules in self.exchange.rules.values()],
        }

    def _symbol(self, ask: Ask) -> str:
        return params.symbol(ask.params, self.exchange.rules)

    def _shown(self, ask: Ask, show: Callable[[str, Ask], Json]) -> object:
        """One object for `symbol`, a list without it."""
        if "symbol" in ask.params:
            return show(self._symbol(ask), ask)
        return [show(symbol, ask) for symbol in self.exchange.rules]

    # --- books and trades ------------------------------------------------------------------

    def depth(self, ask: Ask) -> object:
        """The order book."""
        symbol = self._symbol(ask)
        count = params.long(ask.params, "limit")
        if count is not None and count not in _DEPTHS:
            raise Refused(-4021, f"{count} is not valid depth limit.")
        book = self.exchange.matchers[symbol].book
        rules = self.exchange.rules[symbol]
        now_ms = ask.stamp(ask.now_ns)
        return msgspec.Raw(frames.rest_depth(rules, book, count or 500, now_ms).encode())

    def trades(self, ask: Ask) -> object:
        """Recent trades."""
        symbol = self._symbol(ask)
        rules, count = self.exchange.rules[symbol], params.limit(ask.params, default=500, most=1000)
        return [
            {
                "id": t.trade_id,
                "price": price(rules, t.price),
                "qty": quantity(rules, t.quantity),
                "quoteQty": text8(t.price * t.quantity),
                "time": ask.stamp(t.trade_ns),
                "isBuyerMaker": t.buyer_is_maker,
                "isRPITrade": False,
            }
            for t in list(self.tapes[symbol].trades)[-count:]
        ]

    def aggregate_trades(self, ask: Ask) -> object:
        """Aggregate trades; here every trade is its own aggregate."""
        symbol = self._symbol(ask)
        rules, count = self.exchange.rules[symbol], params.limit(ask.params, default=500, most=1000)
        start_ms, end_ms = asked_span(ask)
        from_id = params.long(ask.params, "fromId")
        rows = [
            t
            for t in self.tapes[symbol].trades
            if start_ms <= (t.trade_ns + ask.clock_offset_ns) // MS_NS <= end_ms
            and (from_id is None or t.trade_id >= from_id)
        ]
        oldest = from_id is not None or "startTime" in ask.params
        return [
            {
                "a": t.trade_id,
                "p": price(rules, t.price),
                "q": quantity(rules, t.quantity),
                "f": t.trade_id,
                "l": t.trade_id,
                "T": ask.stamp(t.trade_ns),
                "m": t.buyer_is_maker,
            }
            for t in (rows[:count] if oldest else rows[-count:])
        ]

    def klines(self, ask: Ask) -> object:
        """Candles, also of intervals without trades; the newest is still being made."""
        symbol = self._symbol(ask)
        return klines_of(ask, self.tapes[symbol], self.market, most=1500)

    # --- tickers ---------------------------------------------------------------------------

    def book_ticker(self, ask: Ask) -> object:
        """Best prices and quantities."""
        return self._shown(ask, self._best)

    def _best(self, symbol: str, ask: Ask) -> Json:
        book, rules = self.exchange.matchers[symbol].book, self.exchange.rules[symbol]
        bid, offer = best(book)
        return {
            "symbol": symbol,
            "bidPrice": price(rules, bid[0]),
            "bidQty": quantity(rules, bid[1]),
            "askPrice": price(rules, offer[0]),
            "askQty": quantity(rules, offer[1]),
            "time": ask.stamp(ask.now_ns),
            "lastUpdateId": book.newest_id(),
        }

    def price_ticker(self, ask: Ask) -> object:
        """Latest prices."""
        return self._shown(ask, self._last)

    def _last(self, symbol: str, ask: Ask) -> Json:
        rules, day = self.exchange.rules[symbol], self._day(symbol, ask.now_ns)
        return {
            "symbol": symbol,
            "price": price(rules, day.close),
            "time": ask.stamp(ask.now_ns),
        }

    def _day(self, symbol: str, now_ns: int) -> Candle:
        """The day so far; before the first trade a day that stood at the book's middle."""
        day = self.tapes[symbol].day(now_ns)
        if day is not None:
            return day
        middle = self.exchange.matchers[symbol].book.mid() or ZERO
        return Candle(now_ns, middle, middle, middle, middle, -1, -1)

    def day_ticker(self, ask: Ask) -> object:
        """Statistics of the last 24 hours."""
        return self._shown(ask, self._statistics)

    def _statistics(self, symbol: str, ask: Ask) -> Json:
        rules, day = self.exchange.rules[symbol], self._day(symbol, ask.now_ns)
        last = self.tapes[symbol].last
        return {
            "symbol": symbol,
            "priceChange": price(rules, day.close - day.open),
            "priceChangePercent": change_percent(day) if day.open else "0.000",
            "weightedAvgPrice": price(rules, day.quote / day.volume if day.volume else day.close),
            "lastPrice": price(rules, day.close),
            "lastQty": quantity(rules, last.quantity if last else ZERO),
            "openPrice": price(rules, day.open),
            "highPrice": price(rules, day.high),
            "lowPrice": price(rules, day.low),
            "volume": quantity(rules, day.volume),
            "quoteVolume": text8(day.quote),
            "openTime": ask.stamp(ask.now_ns - _DAY_NS),
            "closeTime": ask.stamp(ask.now_ns),
            "firstId": day.first_id,
            "lastId": day.last_id,
            "count": day.count,
        }

    # --- marks and funding -----------------------------------------------------------------

    def premium_index(self, ask: Ask) -> object:
        """Mark price, index price and the funding rate to come."""
        return self._shown(ask, self._premium)

    def _premium(self, symbol: str, ask: Ask) -> Json:
        marks = self.exchange.marks
        mark = text8(self.exchange.mark(symbol) or ZERO)
        return {
            "symbol": symbol,
            "markPrice": mark,
            "indexPrice": mark,
            "estimatedSettlePrice": mark,
            "lastFundingRate": text8(marks.rates[symbol]),
            "interestRate": text8(Decimal("0.0001")),
            "nextFundingTime": marks.next_funding_ns(symbol, self.venue_ns(ask.now_ns)) // MS_NS,
            "time": ask.stamp(ask.now_ns),
        }

    def funding_rates(self, ask: Ask) -> object:
        """Rates that were settled."""
        wanted = self._symbol(ask) if "symbol" in ask.params else None
        count = params.limit(ask.params, default=100, most=1000)
        start_ms, end_ms = asked_span(ask)
        rows = [
            row
            for row in self.exchange.marks.history
            if wanted in (None, row.symbol)
            and start_ms <= (row.at_ns + ask.clock_offset_ns) // MS_NS <= end_ms
        ]
        rows = rows[:count] if "startTime" in ask.params else rows[-count:]
        return [
            {
                "symbol": row.symbol,
                "fundingRate": text8(row.rate),
                "fundingTime": ask.stamp(row.at_ns),
                "markPrice": text8(row.mark),
                "rateType": "Regular",
            }
            for row in rows
        ]

    def funding_info(self, ask: Ask) -> object:
        """Contracts whose funding differs from the usual eight hours."""
        hours = self.exchange.settings.funding_every_ns // _HOUR_NS
        if hours == 8:
            return []
        return [
            {
                "symbol": symbol,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": hours,
                "disclaimer": False,
            }
            for symbol in self.exchange.rules
        ]


def _rate_limits(settings: UsdmSettings) -> list[Json]:
    return [
        limit_shape("REQUEST_WEIGHT", "MINUTE", 1, settings.weight_per_minute_max),
        limit_shape("ORDERS", "MINUTE", 1, settings.orders_per_minute_max),
        limit_shape("ORDERS", "SECOND", 10, settings.orders_per_10s_max),
    ]


def _contract(rules: PerpSettings) -> Json:
    return {
        "symbol": rules.symbol,
        "pair": rules.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _DELIVERY_MS,
        "onboardDate": _LISTED_MS,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": rules.base,
        "quoteAsset": rules.quote,
        "marginAsset": rules.quote,
        "pricePrecision": rules.price_places,
        "quantityPrecision": rules.quantity_places,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": f"{rules.liquidation_fee:.6f}",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": filters.shown(rules),
        "orderTypes": [PerpType.LIMIT, PerpType.MARKET, *sorted(CONDITIONAL)],
        "timeInForce": list(Tif),
    }
