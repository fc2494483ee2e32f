"""Random stories of a desk of three instruments and two strategies, told beside what is true of it.

What is true is counted here by itself, from what was sent and what the venue told; prices do not move.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from benches import Bench, sent, some_limits, some_settings
from builders import D, an_instrument
from desk.perpetuals import LEVERAGE, PERP, WALLET, a_perpetual
from nightdesk.desk.events import AccountTold
from nightdesk.desk.settings import DeskSettings
from nightdesk.model.account import Terms
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.instrument import Instrument
from nightdesk.model.order import Intent, OrderType, Side, VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.risk.caps import CAPS, Of
from nightdesk.risk.limits import StrategyLimits
from nightdesk.strategy.messages import Cancel, Place

ONE, OTHER = StrategyId("one"), StrategyId("other")
BTCUSDT, BTCUSDC, ETHUSDT = (
    InstrumentId(f"binance:{s}") for s in ("BTCUSDT", "BTCUSDC", "ETHUSDT")
)
PAIRS = [
    an_instrument(id=BTCUSDT, symbol="BTCUSDT", base="BTC", quote="USDT"),
    an_instrument(id=BTCUSDC, symbol="BTCUSDC", base="BTC", quote="USDC"),
    an_instrument(id=ETHUSDT, symbol="ETHUSDT", base="ETH", quote="USDT"),
]
FUNDS = {asset: D(1_000_000) for asset in ("BTC", "ETH", "USDT", "USDC")}
ETH_PERP = InstrumentId("usdm:ETHUSDT")
PERPS = [a_perpetual(), msgspec.structs.replace(a_perpetual(), id=ETH_PERP, base="ETH"), PAIRS[0]]
STANDS = {"BTC": D(1_000), "USDT": D(100_000), WALLET: D(1_000), PERP: D(0), ETH_PERP: D(0)}
ASK = D("100.01")
LOST = D("0.01")  # by what was sold at a hundred


class Truth:
    """What was sent, what was filled, and when."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[Intent, Decimal]] = {}  # may still trade
        self.live: set[str] = set()
        self.held: dict[tuple[StrategyId, InstrumentId], Decimal] = {}
        self.orders: list[tuple[Wall, Intent]] = []
        self.cancels: list[tuple[Wall, InstrumentId]] = []
        self.fills: list[tuple[Wall, InstrumentId]] = []

    def sides(self, instrument: InstrumentId, strategy: StrategyId | None = None) -> list[Decimal]:
        """The position if all sells fill, and if all buys do."""
        held = sum(
            (q for (s, i), q in self.held.items() if i == instrument and strategy in (None, s)),
            D(0),
        )
        low = high = held
        closing = {Side.BUY: max(-held, D(0)), Side.SELL: max(held, D(0))}
        for intent, left in self.open.values():
            if intent.instrument != instrument or strategy not in (None, intent.strategy):
                continue
            if intent.reduce_only and strategy is None:
                left = min(left, closing[intent.side])
                closing[intent.side] -= left
            if intent.side is Side.BUY:
                high += left
            else:
                low -= left
        return [low, high]

    def worst(self, instrument: InstrumentId, strategy: StrategyId | None = None) -> Decimal:
        return max(abs(side) for side in self.sides(instrument, strategy))

    def surely(self, instrument: InstrumentId, strategy: StrategyId | None = None) -> Decimal:
        low, high = self.sides(instrument, strategy)
        return D(0) if low <= 0 <= high else min(abs(low), abs(high))

    def net(self, instruments: list[InstrumentId], strategy: StrategyId | None = None) -> Decimal:
        both = [self.sides(i, strategy) for i in instruments]
        return max(abs(sum((pair[k] for pair in both), D(0))) for k in (0, 1))

    def contracts(self, strategy: StrategyId | None = None) -> Decimal:
        """What all contracts may come to."""
        return sum((self.worst(each.id, strategy) for each in PERPS if each.contract), D(0)) * ASK

    def has(self, *, spot: bool) -> Decimal:
        """What the wallet has less its losses, and the rest of what the desk has."""
        sold = sum((-min(q, D(0)) for (_, i), q in self.held.items() if i != BTCUSDT), D(0))
        short = -min(sum((q for (_, i), q in self.held.items() if i == BTCUSDT), D(0)), D(0))
        wallet = STANDS[WALLET] - sold * LOST
        return wallet + STANDS["USDT"] - short * LOST if spot else wallet

    def lately(self, of: list[Wall], now: Wall, seconds: int) -> int:
        return sum(now - seconds * SECOND_NS < at for at in of)


def share(truth: Truth, intent: Intent, strategy: StrategyId | None = None) -> Decimal:
    here = truth.worst(intent.instrument, strategy)
    others = sum((truth.surely(i.id, strategy) for i in PAIRS if i.id != intent.instrument), D(0))
    return D(0) if here * ASK <= 150 else here / (here + others)


def instrument_orders(truth: Truth, intent: Intent) -> list[Wall]:
    return [at for at, other in truth.orders if other.instrument == intent.instrument]


def instrument_cancels(truth: Truth, intent: Intent) -> list[Wall]:
    return [at for at, of in truth.cancels if of == intent.instrument]


def messages(truth: Truth) -> list[Wall]:
    return [at for at, _ in (*truth.orders, *truth.cancels)]


def a_fill(truth: Truth, intent: Intent, now: Wall) -> Decimal:
    fills = truth.lately([at for at, of in truth.fills if of == intent.instrument], now, 59)
    return D(truth.lately(instrument_orders(truth, intent), now, 60)) / max(1, fills)


# rule -> its limit, and what is measured right after an order that had to keep it
Measure = Callable[[Truth, Intent, Wall], Decimal | int]
MEASURED: dict[str, tuple[Decimal | int, Measure]] = {
    "notional": (D(320), lambda t, i, _: t.worst(i.instrument) * ASK),
    "instrument_open_orders": (
        2,
        lambda t, i, _: sum(t.open[c][0].instrument == i.instrument for c in t.live),
    ),
    "cancels_per_second": (
        2,
        lambda t, i, now: t.lately(instrument_cancels(t, i), now, 1) + 1,
    ),
    "cancels_per_minute": (
        3,
        lambda t, i, now: t.lately(instrument_cancels(t, i), now, 60) + 1,
    ),
    "orders_per_fill": (D("2.5"), a_fill),
    "asset": (
        D(3),
        lambda t, i, _: t.net([p.id for p in PAIRS if p.symbol[:3] == i.instrument[8:11]]),
    ),
    "net": (D(320), lambda t, _, __: t.net([p.id for p in PAIRS]) * ASK),
    "concentration": (D("0.6"), lambda t, i, _: share(t, i)),
    "margin_use": (D("0.065"), lambda t, _, __: t.contracts() / LEVERAGE / t.has(spot=False)),
    "leverage": (D("0.0032"), lambda t, _, __: t.contracts() / t.has(spot=True)),
    "orders_per_minute": (5, lambda t, _, now: t.lately([at for at, _ in t.orders], now, 60)),
    "messages_per_second": (3, lambda t, _, now: t.lately(messages(t), now, 1)),
    "messages_per_minute": (6, lambda t, _, now: t.lately(messages(t), now, 60)),
    "strategy_position": (D(2), lambda t, i, _: t.worst(i.instrument, i.strategy)),
    "strategy_gross": (
        D(320),
        lambda t, i, _: sum((t.worst(p.id, i.strategy) for p in PAIRS), D(0)) * ASK,
    ),
    "strategy_net": (D(320), lambda t, i, _: t.net([p.id for p in PAIRS], i.strategy) * ASK),
    "strategy_asset": (
        D(3),
        lambda t, i, _: t.net(
            [p.id for p in PAIRS if p.symbol[:3] == i.instrument[8:11]], i.strategy
        ),
    ),
    "strategy_concentration": (D("0.6"), lambda t, i, _: share(t, i, i.strategy)),
    "strategy_margin_use": (
        D("0.045"),
        lambda t, i, _: t.contracts(i.strategy) / LEVERAGE / t.has(spot=False),
    ),
    "strategy_leverage": (D("0.0022"), lambda t, i, _: t.contracts(i.strategy) / t.has(spot=True)),
    "strategy_open_orders": (
        2,
        lambda t, i, _: sum(t.open[c][0].strategy == i.strategy for c in t.live),
    ),
    "strategy_orders_per_second": (
        2,
        lambda t, i, now: t.lately(
            [at for at, other in t.orders if other.strategy == i.strategy], now, 1
        ),
    ),
}
RULES = {cap.rule: cap for cap in CAPS}


def limited(rule: str) -> DeskSettings:
    """Three instruments, two strategies, and one limit that the wishes reach."""
    cap, (most, _) = RULES[rule], MEASURED[rule]
    floor = {"concentration_floor": D(150)} if cap.limit == "concentration_max" else {}
    given = {cap.limit: most}
    own = StrategyLimits(**given) if cap.of is Of.STRATEGY else StrategyLimits()
    limits = some_limits(position_max=D(50), **floor, **({} if cap.of is Of.STRATEGY else given))
    traded = traded_under(rule)
    made = some_settings(instruments=traded, strategies=(ONE, OTHER), limits=limits)
    terms = {each.id: Terms(leverage=LEVERAGE) for each in traded if each.contract}
    strategies = {
        name: msgspec.structs.replace(each, limits=own) for name, each in made.strategies.items()
    }
    return msgspec.structs.replace(made, strategies=strategies, terms=terms)


def traded_under(rule: str) -> list[Instrument]:
    """What is traded where this limit is leant on."""
    return PERPS if RULES[rule].of_contracts else PAIRS


class Story:
    """A desk and what is true, step by step; prices do not move."""

    def __init__(self, rule: str) -> None:
        self.rule, self.truth = rule, Truth()
        self.bench = Bench(limited(rule))
        self._open(FUNDS if self.traded == PAIRS else STANDS)
        self.refused = self.allowed = 0
        self.checks = True
        self._fresh(30)

    @property
    def traded(self) -> list[Instrument]:
        """The three of them."""
        return traded_under(self.rule)

    def _open(self, held: dict[str, Decimal]) -> None:
        """The books of every venue are compared."""
        bench = self.bench
        for venue in bench.settings.venues:
            bench.decide(
                AccountTold(
                    venue=venue, balances=held, open_orders=(), asked_at=bench.wall, quiet=True
                )
            )
        bench.desk.views.trading = True

    def _fresh(self, times: int) -> None:
        for _ in range(times):
            for pair in self.traded:
                self.bench.quote("100", str(ASK), pair.id)
            self.bench.tick()
        for pair in self.traded:
            self.bench.quote("100", str(ASK), pair.id)

    def step(self, what: str, n: int) -> None:  # noqa: C901 one arm a step
        truth, bench = self.truth, self.bench
        named = [truth.open[c][0] for c in sorted(truth.open) if c in truth.live]
        intent = named[n % len(named)] if named else None
        match what:
            case "place":
                self._place(n)
            case "ack" if intent is not None and bench.order(intent).state == "pending":
                bench.ack(intent)
            case "lose" if intent is not None and bench.order(intent).state == "pending":
                bench.lose(intent)
            case "reject" if intent is not None and bench.order(intent).state == "pending":
                bench.answer(intent, Verdict.REJECTED)
                self._end(intent)
            case "fill" | "part" if intent is not None:
                self._fill(intent, D("0.5") if what == "part" else truth.open[intent.client_id][1])
            case "cancel" if intent is not None:
                before = bench.order(intent).cancel_asked
                bench.propose(
                    Cancel(ref=bench.desk.views.ref(intent.client_id)), strategy=intent.strategy
                )
                if not before:
                    truth.cancels.append((bench.wall, intent.instrument))
            case "cancelled" if intent is not None:
                bench.told(bench.report(intent, VenueStatus.CANCELLED, bench.order(intent).filled))
                truth.live.discard(intent.client_id)  # and may still have filled
            case "wait":
                for _ in range(n % 40):
                    self._fresh(1)
            case "restart":
                bench = self.bench = bench.restart(after_ns=SECOND_NS // 10)
                self._open(dict(bench.state.funds.balances))
                self._fresh(30)
            case _:
                pass

    def _place(self, n: int) -> None:
        truth, bench = self.truth, self.bench
        bench.wait(1)  # no order is a duplicate
        strategy, pair = (ONE, OTHER)[n % 2], self.traded[n // 2 % 3]
        side = (Side.BUY, Side.SELL)[n // 6 % 2]
        qty = D(1 + n // 12 % 4) / 2
        low, high = truth.sides(pair.id)
        own_low, own_high = truth.sides(pair.id, strategy)
        reducing = qty <= (low if side is Side.SELL else -high)
        own = qty <= (own_low if side is Side.SELL else -own_high)
        wish = Place(
            ref=f"w{bench.state.seq}",
            instrument=pair.id,
            side=side,
            type=OrderType.LIMIT,
            qty=qty,
            price=D(100),
        )
        intents = sent(bench.propose(wish, strategy=strategy))
        free = own if RULES[self.rule].of is Of.STRATEGY else reducing
        free |= self.traded == PERPS and not pair.contract
        if not intents:
            self.refused += 1
            assert not (own and reducing), "an exit was refused"
            return
        (intent,) = intents
        truth.open[intent.client_id] = (intent, qty)
        truth.live.add(intent.client_id)
        truth.orders.append((bench.wall, intent))
        if not free and not intent.reduce_only and self.checks:
            self.allowed += 1
            most, measure = MEASURED[self.rule]
            assert measure(truth, intent, bench.wall) <= most

    def _fill(self, intent: Intent, qty: Decimal) -> None:
        if intent.reduce_only:  # the venue lets it open nothing
            held = sum(q for (_, i), q in self.truth.held.items() if i == intent.instrument)
            qty = min(qty, max(held * -intent.side.sign, D(0)))
            if qty == 0:
                return
        self.bench.fill(intent, str(qty))
        truth, key = self.truth, (intent.strategy, intent.instrument)
        truth.held[key] = truth.held.get(key, D(0)) + intent.side.sign * qty
        truth.fills.append((self.bench.wall, intent.instrument))
        left = truth.open[intent.client_id][1] - qty
        truth.open[intent.client_id] = (intent, left)
        if left == 0:
            self._end(intent)

    def _end(self, intent: Intent) -> None:
        self.truth.open.pop(intent.client_id, None)
        self.truth.live.discard(intent.client_id)


ACTIONS = [
    *["place"] * 6,
    *("ack", "ack", "lose", "reject", "fill", "part", "cancel", "cancelled", "wait", "restart"),
]
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 47)), min_size=10, max_size=50)
