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


_SPOT = Kind.SPOT  # a member is looked up slowly


class Instrument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A market as its venue filters orders for it; `margin` is the asset a contract is settled in,
    `market_qty_max` the most that trades at any price, where that is less than `qty_max`."""

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
    market_qty_max: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "qty_max", "price_max"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{self.id}: {name} must be positive, got {getattr(self, name)}")

    @property
    def contract(self) -> bool:
        """Whether a position is held, long or short, and not the base asset itself."""
        return self.kind is not _SPOT

    @property
    def waiting_qty_max(self) -> Decimal:
        """The most that one order may be which waits for a price and then trades at any."""
        if self.market_qty_max is None:
            return self.qty_max
        return self.qty_down(min(self.qty_max, self.market_qty_max))

    @property
    def held_as(self) -> str:
        """Under which name the books keep what is held of it: the base asset, or the contract."""
        return self.base if self.kind is _SPOT else self.id

    @property
    def paid_in(self) -> str:
        """Under which name the books keep what pays for it: the quote asset, or a venue's wallet."""
        return self.quote if self.kind is _SPOT else wallet_of(self.venue, self.margin)

    def price_down(self, price: Decimal) -> Decimal:
        """To the grid, in favour of a buyer who would rather pay less."""
        return money.floor_to(price, self.tick)

    def price_up(self, price: Decimal) -> Decimal:
        """To the grid, in favour of a seller who would rather get more."""
        return money.ceil_to(price, self.tick)

    def qty_down(self, qty: Decimal) -> Decimal:
        """To the grid, never more than asked."""
        return money.floor_to(qty, self.lot)

    def fault_of(
        self, qty: Decimal, price: Decimal, *, reduce_only: bool = False, waits: bool = False
    ) -> str | None:
        """Which filter an order of `qty` at `price` would break, with its values, or None. What can only make
        a contract's position smaller may be worth less than the least notional; what `waits` for a price
        trades at any."""
        most = self.waiting_qty_max if waits else self.qty_max
        if not self.qty_min <= qty <= most:
            return f"quantity {qty} is outside {self.qty_min} to {most}"
        if price > self.price_max:
            return f"price {price} is above {self.price_max}"
        if not money.is_multiple(qty, self.lot):
            return f"quantity {qty} is not a multiple of the lot {self.lot}"
        if not money.is_multiple(price, self.tick):
            return f"price {price} is not a multiple of the tick {self.tick}"
        if not reduce_only and money.notional(price, qty) < self.notional_min:
            return f"notional {money.notional(price, qty)} is below {self.notional_min}"
        return None


def wallet_of(venue: VenueId, asset: str) -> str:
    """The one spelling of a wallet of contracts: it is not what a spot account holds of the asset."""
    return f"{venue}/{asset}"


def instrument_id(venue: VenueId, symbol: str) -> InstrumentId:
    """The one spelling of an instrument's id."""
    return InstrumentId(f"{venue}:{symbol}")
