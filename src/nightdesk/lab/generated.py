"""A generated market: no recording needed, and a seed makes it the same every time.

Owns a random walk with occasional trends, a book around it and trades against that book.
Refuses realism beyond what practising needs: see `replay` for real markets.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from math import exp
from random import Random

from nightdesk.lab.market import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Levels,
    Listing,
    MarketEvent,
    MarketReport,
    Minute,
    Trade,
)
from nightdesk.lab.orders import Side
from nightdesk.lab.past import Past
from nightdesk.lab.settings import SECOND_NS

LEVELS = 20
QUOTES_PER_S = 20.0
TRADES_PER_S = 8.0
_DEPTH_EVERY_NS = SECOND_NS // 10
_BPS = 1e-4
_WALK_BPS_PER_SQRT_S = 0.6
_TREND_BPS_PER_S = (0.5, 2.0)
_TREND_S = (15.0, 60.0)
_QUIET_S = (20.0, 90.0)
_START_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "BNB": 600.0, "SOL": 150.0}
_START_PRICE_OTHERS = 100.0
_LEVEL_NOTIONAL = 20_000.0  # a typical level, in quote currency
_TRADE_NOTIONAL = 1_500.0


@dataclass(slots=True)
class _Feed:
    """One symbol's market. Prices are whole ticks and quantities whole steps in here."""

    rules: Listing
    rng: Random
    pace: float = 1.0  # of everything that happens, by the clock
    mid: float = 0.0
    drift_bps_per_s: float = 0.0
    regime_until_ns: int = 0
    at_ns: int = 0
    next_ns: int = 0  # when something happens next
    quote_ns: int = 0
    trade_ns: int = 0
    depth_ns: int = 0
    update_id: int = 1
    told_id: int = 1
    trade_id: int = 0
    bid: int = 0  # the best of the bids below
    ask: int = 0
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    told: dict[Side, dict[int, int]] = field(default_factory=dict)
    tick: float = field(init=False)
    step_size: float = field(init=False)

    def __post_init__(self) -> None:
        self.tick, self.step_size = float(self.rules.tick), float(self.rules.step)

    def open(self) -> DepthSnapshot:
        """The book before anything happens."""
        self.mid = _start_price(self.rules) / self.tick
        self._recentre()
        self.told = {Side.BUY: dict(self.bids), Side.SELL: dict(self.asks)}
        self.told_id = self.update_id
        return DepthSnapshot(
            at_ns=0,
            symbol=self.rules.symbol,
            last_id=self.update_id,
            bids=self._levels(sorted(self.bids.items(), reverse=True)),
            asks=self._levels(sorted(self.asks.items())),
        )

    def start(self, now_ns: int) -> None:
        """Begin at `now_ns`."""
        self.at_ns = self.regime_until_ns = now_ns
        self.quote_ns = now_ns + self._wait_ns(QUOTES_PER_S)
        self.trade_ns = now_ns + self._wait_ns(TRADES_PER_S)
        self.depth_ns = now_ns + int(_DEPTH_EVERY_NS / self.pace)
        self.next_ns = min(self.quote_ns, self.trade_ns, self.depth_ns)

    def step(self) -> list[MarketEvent]:
        """Let the next thing happen."""
        now_ns = self.next_ns
        events: list[MarketEvent]
        if now_ns == self.depth_ns:
            self.depth_ns += int(_DEPTH_EVERY_NS / self.pace)
            events = self._depth(now_ns)
        elif now_ns == self.trade_ns:
            self.trade_ns += self._wait_ns(TRADES_PER_S)
            events = self._trades(now_ns)
            events.append(self._quote(now_ns))
        else:
            self.quote_ns += self._wait_ns(QUOTES_PER_S)
            self._walk(now_ns)
            events = [self._quote(now_ns)]
        self.next_ns = min(self.quote_ns, self.trade_ns, self.depth_ns)
        return events

    def _wait_ns(self, per_s: float) -> int:
        return 1 + int(self.rng.expovariate(per_s * self.pace) * SECOND_NS)

    def _walk(self, now_ns: int) -> None:
        if now_ns >= self.regime_until_ns:
            self._next_regime(now_ns)
        seconds = (now_ns - self.at_ns) / SECOND_NS
        self.at_ns = now_ns
        noise = self.rng.gauss(0.0, 1.0) * _WALK_BPS_PER_SQRT_S * seconds**0.5
        self.mid *= 1 + (noise + self.drift_bps_per_s * seconds) * _BPS
        self._recentre()

    def _next_regime(self, now_ns: int) -> None:
        """Quiet times and trends take turns."""
        if self.drift_bps_per_s:
            self.drift_bps_per_s = 0.0
            span = _QUIET_S
        else:
            sign = self.rng.choice((-1, 1))
            self.drift_bps_per_s = sign * self.rng.uniform(*_TREND_BPS_PER_S)
            span = _TREND_S
        self.regime_until_ns = now_ns + int(self.rng.uniform(*span) * SECOND_NS)

    def _recentre(self) -> None:
        """Put the book around the walk: crossed levels go, near ones appear, far ones leave."""
        self.update_id += 1
        bid = max(1, int(self.mid))
        ask = bid + self.rng.choice((1, 1, 1, 2, 3))
        if self.bid > bid:
            self.bids = {p: q for p, q in self.bids.items() if p <= bid}
        if self.ask < ask:
            self.asks = {p: q for p, q in self.asks.items() if p >= ask}
        self.bid, self.ask = bid, ask
        self.bids[bid] = self._quantity()
        self.asks[ask] = self._quantity()
        gap = max(1, int(self.mid / 200_000))
        if len(self.bids) != LEVELS:
            self._fill(self.bids, -gap)
        if len(self.asks) != LEVELS:
            self._fill(self.asks, gap)

    def _fill(self, side: dict[int, int], gap: int) -> None:
        """To so many levels; the sign of `gap` points away from the touch."""
        farthest = max if gap > 0 else min
        while len(side) < LEVELS:
            price = farthest(side) + gap * self.rng.randint(1, 3)
            if price < 1:
                return
            side[price] = self._quantity()
        while len(side) > LEVELS:
            del side[farthest(side)]

    def _quantity(self) -> int:
        return self._steps(_LEVEL_NOTIONAL * exp(self.rng.normalvariate(0.0, 0.8)))

    def _steps(self, notional: float) -> int:
        return max(1, int(notional / (self.mid * self.tick) / self.step_size))

    def _trades(self, now_ns: int) -> list[MarketEvent]:
        """One taker's trades: usually inside the best level, sometimes through several."""
        self.update_id += 1
        lean = 0.15 if self.drift_bps_per_s > 0 else -0.15 if self.drift_bps_per_s < 0 else 0.0
        buys = self.rng.random() < 0.5 + lean
        side = self.asks if buys else self.bids
        left = self._steps(_TRADE_NOTIONAL * exp(self.rng.normalvariate(0.0, 1.5)))
        prints: list[MarketEvent] = []
        while left and len(side) > 1:
            price = self.ask if buys else self.bid
            part = min(left, side[price])
            left -= part
            side[price] -= part
            if not side[price]:
                del side[price]
                if buys:
                    self.ask = min(side)
                else:
                    self.bid = max(side)
            self.trade_id += 1
            prints.append(
                Trade(
                    at_ns=now_ns,
                    event_ns=now_ns,
                    trade_ns=now_ns,
                    symbol=self.rules.symbol,
                    trade_id=self.trade_id,
                    price=price * self.rules.tick,
                    quantity=part * self.rules.step,
                    buyer_is_maker=not buys,
                )
            )
        return prints

    def _quote(self, now_ns: int) -> BookTicker:
        bid, ask = self.bid, self.ask
        return BookTicker(
            at_ns=now_ns,
            symbol=self.rules.symbol,
            update_id=self.update_id,
            bid=bid * self.rules.tick,
            bid_quantity=self.bids[bid] * self.rules.step,
            ask=ask * self.rules.tick,
            ask_quantity=self.asks[ask] * self.rules.step,
        )

    def _depth(self, now_ns: int) -> list[MarketEvent]:
        """What changed since the last depth update; nothing when nothing did."""
        if self.told_id == self.update_id:
            return []
        first_id, self.told_id = self.told_id + 1, self.update_id
        return [
            DepthUpdate(
                at_ns=now_ns,
                event_ns=now_ns,
                symbol=self.rules.symbol,
                first_id=first_id,
                last_id=self.update_id,
                bids=self._changes(Side.BUY, self.bids),
                asks=self._changes(Side.SELL, self.asks),
            )
        ]

    def _changes(self, side: Side, now: dict[int, int]) -> Levels:
        before = self.told[side]
        changed = [*(now.items() - before.items()), *((p, 0) for p in before.keys() - now.keys())]
        self.told[side] = now.copy()
        return self._levels(sorted(changed, reverse=side is Side.BUY))

    def _levels(self, rows: list[tuple[int, int]]) -> Levels:
        tick, step = self.rules.tick, self.rules.step
        return tuple([(price * tick, Decimal(q) * step) for price, q in rows])


def _start_price(rules: Listing) -> float:
    return _START_PRICES.get(rules.base, _START_PRICE_OTHERS)


class GeneratedMarket:
    """Markets of several symbols, each from its own stream of chance; below a `pace` of 1 less happens.

    Another `venue` with the same symbols and seed is another market.
    """

    def __init__(
        self, symbols: Iterable[Listing], seed: int, pace: float = 1.0, *, venue: str = "market"
    ) -> None:
        symbols = tuple(symbols)
        self._feeds = [_Feed(s, Random(f"{seed}/{venue}/{s.symbol}"), pace) for s in symbols]
        self._pasts = {s.symbol: Past(s, f"{seed}/{venue}", _start_price(s)) for s in symbols}
        self._source = f"generated, seed {seed}"
        self._given = 0
        self._started_ns = self._position_ns = 0
        self._next_ns: int | None = None

    @property
    def ended(self) -> bool:
        """A generated market never ends."""
        return False

    def opening(self) -> list[MarketEvent]:
        """Twenty levels a side of every symbol."""
        return [feed.open() for feed in self._feeds]

    def before(self, symbol: str, minutes: int) -> list[Minute]:
        """A walk that ends where the market begins, made up as far back as anybody asks: a strategy must be
        able to warm up here."""
        return self._pasts[symbol].minutes(minutes)

    def start(self, now_ns: int) -> None:
        """Begin at `now_ns`."""
        self._started_ns = self._position_ns = now_ns
        for feed in self._feeds:
            feed.start(now_ns)
        self._look()

    def next_at_ns(self) -> int | None:
        """When something happens next; None before the start."""
        return self._next_ns

    def take(self, now_ns: int) -> list[MarketEvent]:
        """Everything up to `now_ns`."""
        events: list[MarketEvent] = []
        while self._next_ns is not None and self._next_ns <= now_ns:
            self._position_ns = self._next_ns
            events += next(f for f in self._feeds if f.next_ns == self._next_ns).step()
            self._look()
        self._given += len(events)
        return events

    def _look(self) -> None:
        self._next_ns = min([feed.next_ns for feed in self._feeds], default=None)

    def report(self) -> MarketReport:
        """Where this market stands."""
        return MarketReport(
            source=self._source,
            given=self._given,
            position_ns=self._position_ns - self._started_ns,
        )
