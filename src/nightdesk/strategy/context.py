"""What a handler may see and do: the `Context` of `api`, filled from messages; wishes are collected."""

from collections.abc import Mapping
from decimal import Decimal

from nightdesk.model import money
from nightdesk.model.bars import BarsOf
from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Book, Quote
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import OrderType, Side, Urgency
from nightdesk.model.time import Wall
from nightdesk.strategy.api import Draw
from nightdesk.strategy.messages import (
    TRAIL_BPS_MAX,
    TRAIL_BPS_MIN,
    Cancel,
    FromStrategy,
    Holding,
    OrderView,
    Place,
    Protect,
    Slices,
    Target,
)
from nightdesk.strategy.sizing import sized
from nightdesk.strategy.window import Window

ACTIONS_MAX = 100  # wishes of one handler call: more is a loop, not a plan


class HostSight:
    """The `Sight` of a context: what it has of the market, and no way to wish."""

    def __init__(self, ctx: "HostContext") -> None:
        self._ctx = ctx
        self.quote, self.bars, self.book = ctx.quote, ctx.bars, ctx.book

    @property
    def now(self) -> Wall:
        """UTC ns on the venue's clock."""
        return self._ctx.now

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        """The strategy's, by id."""
        return self._ctx.instruments


class HostContext:
    """The `Context` a handler sees; collects its wishes."""

    def __init__(
        self,
        instruments: Mapping[InstrumentId, Instrument],
        random: Draw,
        capital: Decimal | None = None,
    ) -> None:
        self.capital = capital  # in quote; what the config lets this strategy size by
        self.now = Wall(0)
        self.random = random
        self.instruments = instruments
        self.orders: dict[str, OrderView] = {}
        self.timers: dict[str, tuple[int, int]] = {}  # name -> (interval, 0 for once; due), UTC ns
        self.positions: dict[InstrumentId, Decimal] = {}
        self.holdings: dict[InstrumentId, Holding] = {}
        self.modes: dict[InstrumentId, Mode] = {}
        self.quotes: dict[InstrumentId, Quote] = {}
        self.windows: dict[BarsOf, Window] = {}
        self.books: dict[InstrumentId, Book | None] = {}  # of each whose depth was declared
        self.actions: list[FromStrategy] = []
        self.sight = HostSight(self)
        self.looks = False  # while a `see_...` handler runs
        self._refs = 0

    def quote(self, instrument: InstrumentId) -> Quote | None:
        """The latest quote, or None before the first."""
        return self.quotes.get(instrument)

    def bars(self, instrument: InstrumentId, interval: str) -> Window:
        """The last closed bars, as many as `declare` asked for; raises `ValueError` for bars it did not."""
        window = self.windows.get(BarsOf(instrument, interval))
        if window is None:
            declared = ", ".join(map(str, self.windows)) or "none"
            raise ValueError(
                f"bars of {instrument} {interval} were not declared (declared: {declared}); return "
                f"Bars({interval!r}, warm_up=...) from declare()"
            )
        return window

    def book(self, instrument: InstrumentId) -> Book | None:
        """The latest order book, None before the first; raises `ValueError` where `declare` asked for none."""
        if instrument not in self.books:
            declared = ", ".join(self.books) or "none"
            raise ValueError(
                f"depth of {instrument} was not declared (declared: {declared}); return Depth(10) from "
                "declare()"
            )
        return self.books[instrument]

    def position(self, instrument: InstrumentId) -> Decimal:
        """What this strategy holds, from its own fills."""
        self._decides("position")
        return self.positions.get(instrument, ZERO)

    def mode(self, instrument: InstrumentId) -> Mode:
        """The strictest mode over this strategy's orders there; NORMAL before anything was told."""
        return self.modes.get(instrument, Mode.NORMAL)

    def place(
        self,
        instrument: InstrumentId,
        side: Side,
        qty: Decimal,
        price: Decimal,
        type: OrderType = OrderType.LIMIT,
    ) -> str:
        """Wish for an order; returns the ref under which it will appear in `orders`."""
        self._known(instrument)
        typed("side", side, Side)
        typed("type", type, OrderType)
        if type.conditional:
            raise ValueError(f"{type} is no order to place: ctx.protect keeps it at the venue")
        number("qty", qty)
        number("price", price)
        self._refs += 1
        ref = f"r{self._refs}"
        self._wish(
            Place(ref=ref, instrument=instrument, side=side, type=type, qty=qty, price=price)
        )
        return ref

    def cancel(self, ref: str) -> None:
        """Wish an order gone; one that has ended already is left alone."""
        typed("ref", ref, str)
        self._wish(Cancel(ref=ref))

    def target(
        self,
        instrument: InstrumentId,
        qty: Decimal | None,
        *,
        urgency: Urgency = Urgency.TAKE,
        slices: Slices | None = None,
    ) -> None:
        """Declare the position this strategy wants; the desk converges to it, and stays. None takes it back.

        `urgency` says how: PASSIVE rests at the touch, MID between the sides, TAKE trades now. With `slices` it
        gets there bit by bit; declared again unchanged, they go on.
        """
        self._known(instrument)
        if qty is not None:
            number("qty", qty)
        typed("urgency", urgency, Urgency)
        if slices is not None:
            _check_slices(slices)
        self._wish(Target(instrument=instrument, qty=qty, urgency=urgency, slices=slices))

    def protect(
        self,
        instrument: InstrumentId,
        *,
        stop: Decimal | None = None,
        take_profit: Decimal | None = None,
        trail_bps: int = 0,
    ) -> None:
        """Keep orders at the venue that close this strategy's position when the price gets to `stop` or to
        `take_profit`, or comes back by `trail_bps` from its best; whatever of it is held, until it is flat or
        turns: a declaration is for the side that is held, or that is held first.

        May be declared before there is a position. Declared anew it replaces what was declared; with nothing it
        ends. A stop that the market has passed already closes at once.
        """
        self._known(instrument)
        for name, price in (("stop", stop), ("take_profit", take_profit)):
            if price is not None:
                number(name, price)
                if price <= 0:
                    raise ValueError(f"{name} must be above zero, got {price}")
        typed("trail_bps", trail_bps, int)
        if trail_bps and not TRAIL_BPS_MIN <= trail_bps <= TRAIL_BPS_MAX:
            allowed = f"{TRAIL_BPS_MIN} to {TRAIL_BPS_MAX}"
            raise ValueError(f"trail_bps must be 0 or {allowed}, got {trail_bps}")
        if trail_bps and stop is not None:
            raise ValueError("stop and trail_bps: declare one of them")
        self._wish(
            Protect(instrument=instrument, stop=stop, take_profit=take_profit, trail_bps=trail_bps)
        )

    def equity(self) -> Decimal | None:
        """What this strategy may size by, in quote: the `capital` that the config gives it, plus what it earned
        after fees since the journal began, what it holds valued where it could be closed. Fees taken in a third
        asset are not in it. None while something it holds has no quote; raises `ValueError` without capital.
        """
        if self.capital is None:
            raise ValueError(
                'without capital there is no equity: add capital = "..." (in quote) to its [[strategy]] table'
            )
        worth = self.capital
        for instrument, holding in self.holdings.items():
            quote = self.quotes.get(instrument)
            if quote is None and holding.priced:
                return None
            worth = money.add(worth, holding.earned)
            if quote is not None:
                mark = quote.bid if holding.priced > 0 else quote.ask
                value = money.multiply(holding.priced, mark)
                worth = money.add(worth, money.subtract(value, holding.cost))
        return money.shown(worth)

    def size(
        self,
        instrument: InstrumentId,
        *,
        base: Decimal | None = None,
        quote: Decimal | None = None,
        equity_pct: Decimal | None = None,
        price: Decimal | None = None,
    ) -> Decimal:
        """A quantity the venue takes: so much base, base for so much quote, or for per cents of `equity`.

        Rounded down to the lot, so that it is never more than asked for; 0 where that is less than the venue's
        smallest order, and where there is no price yet. `price` is the latest ask unless it is given. Exactly
        one of `base`, `quote` and `equity_pct` is.
        """
        self._known(instrument)
        asked = {"base": base, "quote": quote, "equity_pct": equity_pct}
        given = [(name, value) for name, value in asked.items() if value is not None]
        if len(given) != 1:
            raise ValueError("size: give one of base, quote and equity_pct")
        ((name, value),) = given
        number(name, value)
        if value < 0:
            raise ValueError(f"size: {name} must not be negative, got {value}")
        seen = self.quotes.get(instrument)
        if price is None and seen is not None:
            price = seen.ask
        amount = self._percent(value) if name == "equity_pct" else value
        return sized(self.instruments[instrument], amount, price, in_base=name == "base")

    def _percent(self, pct: Decimal) -> Decimal:
        """So many per cent of what there is; of a loss greater than the capital, nothing."""
        equity = self.equity()
        return ZERO if equity is None or equity < 0 else money.percent(equity, pct)

    def every(self, name: str, interval_ns: int, *, aligned: bool = False) -> None:
        """Call `on_timer` each `interval_ns` of venue time from now on; `aligned`: at whole multiples of it
        since 1970 UTC, such as every full hour."""
        self._decides("every")
        if interval_ns <= 0:
            raise ValueError(f"timer {name!r}: the interval must be positive, got {interval_ns}")
        since = self.now - self.now % interval_ns if aligned else self.now
        self.timers[name] = (interval_ns, since + interval_ns)

    def at(self, name: str, when: Wall) -> None:
        """Call `on_timer` once, at `when` (UTC ns on the venue's clock); at once where that has passed."""
        self._decides("at")
        typed("when", when, int)
        self.timers[name] = (0, when)

    def stop_timer(self, name: str) -> None:
        """The timer is no more; one that was never set is left alone."""
        self._decides("stop_timer")
        self.timers.pop(name, None)

    def _known(self, instrument: InstrumentId) -> None:
        if instrument not in self.instruments:
            raise ValueError(f"{instrument} is not among this strategy's {list(self.instruments)}")

    def _decides(self, word: str) -> None:
        if self.looks:
            raise ValueError(f"ctx.{word}: a see_... handler only looks; use it in on_...")

    def _wish(self, action: FromStrategy) -> None:
        self._decides(type(action).__name__.lower())
        if len(self.actions) >= ACTIONS_MAX:
            raise ValueError(f"more than {ACTIONS_MAX} wishes in one handler call")
        self.actions.append(action)


def _check_slices(slices: Slices) -> None:
    typed("slices", slices, Slices)
    if slices.every_ns <= 0:
        raise ValueError(f"slices: every_ns must be positive, got {slices.every_ns}")
    if (slices.qty is None) == (slices.count == 0):
        raise ValueError("slices: give qty, the most of each, or count, how many there are")
    if slices.qty is not None:
        number("slices: qty", slices.qty)
        if slices.qty <= 0:
            raise ValueError(f"slices: qty must be above zero, got {slices.qty}")
    if slices.count < 0:
        raise ValueError(f"slices: count must be positive, got {slices.count}")


def typed(name: str, value: object, wanted: type) -> None:
    """Raises `TypeError` naming what is of another type."""
    if not isinstance(value, wanted):
        raise TypeError(f"{name} must be a {wanted.__name__}, got {value!r}")


def number(name: str, value: object) -> None:
    """Amounts are exact and finite; anything else is the strategy's mistake, found in the strategy."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{name} must be a Decimal, got {value!r}")
    if not value.is_finite():
        raise ValueError(f"{name} must be finite, got {value}")
