"""An instrument and its venue's grid: ticks, lots, minimums."""

from decimal import Decimal
from enum import StrEnum, auto

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import InstrumentId, VenueId


class Kind(StrEnum):
    """What is held once an instrument was bought."""

    SPOT = auto()  # the base asset itself
    PERPETUAL = auto()  # a contract on it that never ends; long or short, margined in one asset


class Instrument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A market as its venue filters orders for it; `margin` is the asset a contract is settled in."""

    id: InstrumentId
    venue: VenueId
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    qty_min: Decimal
    qty_max: Decimal
    price_max: Decimal
    notional_min: Decimal
    kind: Kind = Kind.SPOT
    margin: str = ""

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "qty_max", "price_max"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{self.id}: {name} must be positive, got {getattr(self, name)}")

    def price_down(self, price: Decimal) -> Decimal:
        """To the grid, in favour of a buyer who would rather pay less."""
        return money.floor_to(price, self.tick)

    def price_up(self, price: Decimal) -> Decimal:
        """To the grid, in favour of a seller who would rather get more."""
        return money.ceil_to(price, self.tick)

    def qty_down(self, qty: Decimal) -> Decimal:
        """To the grid, never more than asked."""
        return money.floor_to(qty, self.lot)

    def fault_of(self, qty: Decimal, price: Decimal) -> str | None:
        """Which filter an order of `qty` at `price` would break, with its values, or None."""
        if not self.qty_min <= qty <= self.qty_max:
            return f"quantity {qty} is outside {self.qty_min} to {self.qty_max}"
        if price > self.price_max:
            return f"price {price} is above {self.price_max}"
        if not money.is_multiple(qty, self.lot):
            return f"quantity {qty} is not a multiple of the lot {self.lot}"
        if not money.is_multiple(price, self.tick):
            return f"price {price} is not a multiple of the tick {self.tick}"
        if money.notional(price, qty) < self.notional_min:
            return f"notional {money.notional(price, qty)} is below {self.notional_min}"
        return None


def instrument_id(venue: VenueId, symbol: str) -> InstrumentId:
    """The one spelling of an instrument's id."""
    return InstrumentId(f"{venue}:{symbol}")
