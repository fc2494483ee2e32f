"""Limits that may be set or not, a row each: what is measured, against which limit, in which words.

Each is measured on the desk as it would be with the order, everything open filled or not, whichever is worse.
A further one is one more row, and what it looks at a field of `Whole`.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum, auto
from typing import Any, NamedTuple

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import InstrumentId
from nightdesk.model.money import ZERO
from nightdesk.model.order import Side

UNPRICED = "unknown: a market has no price, or nothing stands behind it"


class Of(StrEnum):
    """Whose limit it is."""

    INSTRUMENT = auto()
    ASSET = auto()
    DESK = auto()
    WALLET = auto()  # of contracts: kept by orders for those alone, like the next
    CONTRACTS = auto()  # all that the desk holds
    STRATEGY = auto()


_SELL, _STRATEGY = Side.SELL, Of.STRATEGY  # a member is looked up slowly


class Part(msgspec.Struct, frozen=True):
    """One instrument: what is held, what open orders may still buy and sell, all in base, and the price at
    which it is valued (None without a market). A contract has a `wallet`, and the `leverage` of its terms."""

    base: str
    ask: Decimal | None
    position: Decimal
    buying: Decimal
    selling: Decimal
    wallet: str = ""
    leverage: int = 0

    @property
    def most(self) -> Decimal:
        """The position if every buy fills and no sell does."""
        return money.add(self.position, self.buying)

    @property
    def least(self) -> Decimal:
        """The position if every sell fills and no buy does."""
        return money.subtract(self.position, self.selling)

    @property
    def worst(self) -> Decimal:
        """The largest distance from flat."""
        return max(money.magnitude(self.most), money.magnitude(self.least))

    @property
    def surely(self) -> Decimal:
        """The smallest distance from flat."""
        return max(self.least, money.minus(self.most), ZERO)


class Look(StrEnum):
    """What a limit looks at; only what is looked at is gathered. Limits of a strategy look at what is its own
    here anyway: an order that only reduces it passes."""

    HERE = auto()  # the order's instrument
    EVERYWHERE = auto()  # all instruments of the desk
    OWN_EVERYWHERE = auto()  # what of them is the strategy's
    MARGIN = auto()  # what the instrument's wallet has, less its losses so far
    EQUITY = auto()  # what the desk has
    OPEN_HERE = auto()  # orders, from here on counts
    OPEN_OWN = auto()
    OWN_ORDERS_SECOND = auto()
    CANCELS_SECOND = auto()  # of the instrument
    CANCELS_MINUTE = auto()
    ORDERS_MINUTE = auto()
    FILLS_MINUTE = auto()
    DESK_ORDERS_MINUTE = auto()
    MESSAGES_SECOND = auto()  # orders and cancels of the desk
    MESSAGES_MINUTE = auto()


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """The desk (`parts`) and what of it is the strategy's `own`, as far as it is looked at, with the order
    (`joins` is then 1) or as it is. Counts are without the order; `caps` are those in force; up to `floor` in
    quote the share of one instrument does not matter. `margin` and `equity` in quote are None where nothing
    looks at them, and where they cannot be valued."""

    caps: "tuple[Cap, ...]"
    here: InstrumentId
    joins: int
    floor: Decimal
    parts: Mapping[InstrumentId, Part]
    own: Mapping[InstrumentId, Part]
    counts: Mapping[Look, int]
    margin: Decimal | None = None
    equity: Decimal | None = None

    def with_it(self, count: Look) -> int:
        """A count, the order included."""
        return self.counts[count] + self.joins

    def reduces_own(self, side: Side) -> bool:
        """Whether the order, which is in, can only bring the strategy's own position nearer to flat."""
        mine = self.own.get(self.here)
        if mine is None:
            return False
        return mine.least >= 0 if side is _SELL else mine.most <= 0


class Cap(NamedTuple):
    """One limit: the rule's name, the limit's key, whose it is, what is measured (None: it cannot be), and the
    words behind its number, and what it looks at."""

    rule: str
    limit: str
    of: Of
    measure: Callable[[Whole], Decimal | int | None]
    words: str
    looks: tuple[Look, ...] = ()

    @property
    def of_contracts(self) -> bool:
        """Whether it bounds contracts, and is kept by orders for those alone."""
        return not _OF_CONTRACTS.isdisjoint(self.looks)

    def most(self, limits: Any) -> Decimal | int | None:
        """The limit among a `Limits`; None is no limit."""
        found: Decimal | int | None = getattr(
            limits.own if self.of is _STRATEGY else limits, self.limit
        )
        return found

    def text(self, number: Decimal | int | None) -> str:
        """A measured number for people."""
        if number is None:
            return UNPRICED
        shown = money.shown(number) if isinstance(number, Decimal) else number
        return f"{shown} {self.words}"


class Binding(NamedTuple):
    """The limits that an order has to keep, which of the optional ones are set, and what those look at."""

    limits: Any
    caps: tuple[Cap, ...]
    here: bool
    everywhere: bool
    own: bool
    own_everywhere: bool
    margin: bool
    equity: bool
    counts: tuple[Look, ...]


def binding(limits: Any, *, contract: bool = False) -> Binding:
    """Find the rows whose limit is set, and that orders for a contract, or for none, have to keep."""
    caps = tuple(
        cap for cap in CAPS if cap.most(limits) is not None and (contract or not cap.of_contracts)
    )
    looks = {look for cap in caps for look in cap.looks}
    return Binding(
        limits,
        caps,
        Look.HERE in looks,
        Look.EVERYWHERE in looks,
        any(cap.of is Of.STRATEGY for cap in caps),
        Look.OWN_EVERYWHERE in looks,
        Look.MARGIN in looks,
        Look.EQUITY in looks,
        tuple(sorted(looks - _NO_COUNTS)),
    )


Parts = Mapping[InstrumentId, Part]  # of the desk, or of one strategy


def _notional(parts: Parts, here: InstrumentId) -> Decimal | None:
    return _value(parts[here], parts[here].worst)


def _net(parts: Parts) -> Decimal | None:
    up = down = ZERO
    for part in parts.values():
        high, low = _value(part, part.most), _value(part, part.least)
        if high is None or low is None:
            return None
        up, down = money.add(up, high), money.add(down, low)
    return max(money.magnitude(up), money.magnitude(down))


def _asset(parts: Parts, here: InstrumentId) -> Decimal:
    base = parts[here].base
    same = [part for part in parts.values() if part.base == base]
    up, down = money.total(p.most for p in same), money.total(p.least for p in same)
    return max(money.magnitude(up), money.magnitude(down))


def _concentration(whole: Whole, parts: Parts) -> Decimal | None:
    """The share of one instrument at its largest while all others are at their smallest."""
    here = _notional(parts, whole.here)
    if here is None:
        return None
    if here <= whole.floor:
        return ZERO
    others = [part for name, part in parts.items() if name != whole.here]
    # One that has no price may be worth nothing.
    least = money.total(_value(part, part.surely) or ZERO for part in others)
    return money.average(here, money.add(here, least))


def _margin_use(whole: Whole, parts: Parts) -> Decimal | None:
    """Initial margin of everything that one wallet stands behind, in what it has."""
    wallet = parts[whole.here].wallet
    behind = (part for part in parts.values() if part.wallet == wallet)
    return _share(_sum(_margin(part) for part in behind), whole.margin)


def _margin(part: Part) -> Decimal | None:
    value = _value(part, part.worst)
    return None if value is None else money.average(value, Decimal(part.leverage))


def _leverage(whole: Whole, parts: Parts) -> Decimal | None:
    contracts = (part for part in parts.values() if part.wallet)
    return _share(_sum(_value(part, part.worst) for part in contracts), whole.equity)


def _share(value: Decimal | None, of: Decimal | None) -> Decimal | None:
    """How often `value` holds what there is; None where nothing is left, too."""
    if not value:
        return value
    return None if of is None or of <= 0 else money.average(value, of)


def _gross(parts: Parts) -> Decimal | None:
    return _sum(_value(part, part.worst) for part in parts.values())


def _orders_per_fill(whole: Whole) -> Decimal:
    orders = Decimal(whole.with_it(Look.ORDERS_MINUTE))
    return money.average(orders, Decimal(max(1, whole.counts[Look.FILLS_MINUTE])))


def _value(part: Part, qty: Decimal) -> Decimal | None:
    if not qty:
        return ZERO
    return None if part.ask is None else money.notional(part.ask, qty)


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for value in values:
        if value is None:
            return None
        total = money.add(total, value)
    return total


def _counted(rule: str, of: Of, count: Look, words: str, limit: str = "") -> Cap:
    return Cap(
        rule, limit or f"{rule}_max", of, lambda whole: whole.with_it(count), words, (count,)
    )


CAPS: tuple[Cap, ...] = (
    Cap(
        "notional",
        "notional_max",
        Of.INSTRUMENT,
        lambda w: _notional(w.parts, w.here),
        "at worst",
        (Look.HERE,),
    ),
    _counted("instrument_open_orders", Of.INSTRUMENT, Look.OPEN_HERE, "open"),
    _counted("cancels_per_second", Of.INSTRUMENT, Look.CANCELS_SECOND, "with this order's own"),
    _counted("cancels_per_minute", Of.INSTRUMENT, Look.CANCELS_MINUTE, "with this order's own"),
    Cap(
        "orders_per_fill",
        "orders_per_fill_max",
        Of.INSTRUMENT,
        _orders_per_fill,
        "orders a fill",
        (Look.ORDERS_MINUTE, Look.FILLS_MINUTE),
    ),
    Cap(
        "asset",
        "asset_max",
        Of.ASSET,
        lambda w: _asset(w.parts, w.here),
        "at worst",
        (Look.EVERYWHERE,),
    ),
    Cap("net", "net_max", Of.DESK, lambda w: _net(w.parts), "at worst", (Look.EVERYWHERE,)),
    Cap(
        "concentration",
        "concentration_max",
        Of.DESK,
        lambda w: _concentration(w, w.parts),
        "of gross at worst",
        (Look.EVERYWHERE,),
    ),
    Cap(
        "margin_use",
        "margin_use_max",
        Of.WALLET,
        lambda w: _margin_use(w, w.parts),
        "of the wallet at worst",
        (Look.EVERYWHERE, Look.MARGIN),
    ),
    Cap(
        "leverage",
        "leverage_max",
        Of.CONTRACTS,
        lambda w: _leverage(w, w.parts),
        "times the equity at worst",
        (Look.EVERYWHERE, Look.EQUITY),
    ),
    _counted("orders_per_minute", Of.DESK, Look.DESK_ORDERS_MINUTE, "a minute"),
    _counted("messages_per_second", Of.DESK, Look.MESSAGES_SECOND, "a second"),
    _counted("messages_per_minute", Of.DESK, Look.MESSAGES_MINUTE, "a minute"),
    Cap(
        "strategy_position",
        "position_max",
        Of.STRATEGY,
        lambda w: w.own[w.here].worst,
        "at worst",
    ),
    Cap(
        "strategy_gross",
        "gross_max",
        Of.STRATEGY,
        lambda w: _gross(w.own),
        "at worst",
        (Look.OWN_EVERYWHERE,),
    ),
    Cap(
        "strategy_net",
        "net_max",
        Of.STRATEGY,
        lambda w: _net(w.own),
        "at worst",
        (Look.OWN_EVERYWHERE,),
    ),
    Cap(
        "strategy_asset",
        "asset_max",
        Of.STRATEGY,
        lambda w: _asset(w.own, w.here),
        "at worst",
        (Look.OWN_EVERYWHERE,),
    ),
    Cap(
        "strategy_concentration",
        "concentration_max",
        Of.STRATEGY,
        lambda w: _concentration(w, w.own),
        "of its gross at worst",
        (Look.OWN_EVERYWHERE,),
    ),
    Cap(
        "strategy_margin_use",
        "margin_use_max",
        Of.STRATEGY,
        lambda w: _margin_use(w, w.own),
        "of the wallet at worst",
        (Look.OWN_EVERYWHERE, Look.MARGIN),
    ),
    Cap(
        "strategy_leverage",
        "leverage_max",
        Of.STRATEGY,
        lambda w: _leverage(w, w.own),
        "times the equity at worst",
        (Look.OWN_EVERYWHERE, Look.EQUITY),
    ),
    _counted("strategy_open_orders", Of.STRATEGY, Look.OPEN_OWN, "open", "open_orders_max"),
    _counted(
        "strategy_orders_per_second",
        Of.STRATEGY,
        Look.OWN_ORDERS_SECOND,
        "a second",
        "orders_per_second_max",
    ),
)
_OF_CONTRACTS = frozenset({Look.MARGIN, Look.EQUITY})
_NO_COUNTS = frozenset({Look.HERE, Look.EVERYWHERE, Look.OWN_EVERYWHERE, Look.MARGIN, Look.EQUITY})
_IN_TIME = frozenset(Look) - _NO_COUNTS - {Look.OPEN_HERE, Look.OPEN_OWN}
PASSING = frozenset(cap.rule for cap in CAPS if _IN_TIME.intersection(cap.looks))  # time ends them
