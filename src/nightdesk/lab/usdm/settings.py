"""What a USD-M venue is made of: contracts, their brackets, fees, limits.

Owns the settings and their validity. Refuses accounts: a lab's accounts serve both of its venues.
"""

from decimal import Decimal

import msgspec

_HOUR_NS = 3_600_000_000_000


class Bracket(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a contract's leverage table, for a notional up to `cap`.

    `cum` makes the maintenance margin continuous from one bracket to the next.
    """

    cap: Decimal
    leverage_max: int
    maintenance_rate: Decimal
    cum: Decimal = Decimal(0)


def _brackets(*rows: tuple[int, int, str]) -> tuple[Bracket, ...]:
    """Brackets from rows of cap, leverage and rate; what keeps the margin continuous is computed."""
    made: list[Bracket] = []
    for cap, leverage, rate in rows:
        cum = Decimal(0)
        if made:
            last = made[-1]
            cum = last.cum + last.cap * (Decimal(rate) - last.maintenance_rate)
        made.append(
            Bracket(
                cap=Decimal(cap),
                leverage_max=leverage,
                maintenance_rate=Decimal(rate),
                cum=cum,
            )
        )
    return tuple(made)


_BRACKETS = _brackets(
    (300_000, 125, "0.004"),
    (800_000, 100, "0.005"),
    (3_000_000, 75, "0.0065"),
    (12_000_000, 50, "0.01"),
    (70_000_000, 20, "0.02"),
    (230_000_000, 10, "0.05"),
    (1_000_000_000, 4, "0.125"),
)


class PerpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One perpetual contract and the rules its orders must keep."""

    symbol: str
    base: str
    quote: str = "USDT"
    tick: Decimal = Decimal("0.1")
    step: Decimal = Decimal("0.001")
    price_min: Decimal = Decimal("0.1")
    price_max: Decimal = Decimal(4_529_764)
    quantity_min: Decimal = Decimal("0.001")
    quantity_max: Decimal = Decimal(1000)
    market_quantity_max: Decimal = Decimal(120)
    notional_min: Decimal = Decimal(5)
    open_orders_max: int = 200
    algo_orders_max: int = 200
    # How far a price may stand from the mark price.
    price_up: Decimal = Decimal("1.05")
    price_down: Decimal = Decimal("0.95")
    liquidation_fee: Decimal = Decimal("0.0125")
    brackets: tuple[Bracket, ...] = _BRACKETS

    @property
    def price_places(self) -> int:
        """Decimal places of prices."""
        return _places(self.tick)

    @property
    def quantity_places(self) -> int:
        """Decimal places of quantities."""
        return _places(self.step)


def _places(grid: Decimal) -> int:
    exponent = grid.normalize().as_tuple().exponent
    assert isinstance(exponent, int), f"not a number: {grid}"
    return max(0, -exponent)


class UsdmSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that makes one USD-M venue different from another. `countdown_ends_algos` is whether a
    countdown that runs out cancels orders that wait for a price as well: no document says."""

    symbols: tuple[PerpSettings, ...] = ()
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")
    leverage: int = 20
    hedge_mode: bool = False
    multi_assets: bool = False
    funding_rate: Decimal = Decimal("0.0001")
    funding_every_ns: int = 8 * _HOUR_NS
    listen_key_life_ns: int = _HOUR_NS
    weight_per_minute_max: int = 2400
    orders_per_10s_max: int = 300
    orders_per_minute_max: int = 1200
    connections_per_5min_max: int = 300
    ignored_429_max: int = 10
    countdown_ends_algos: bool = False

    def __post_init__(self) -> None:
        names = [s.symbol for s in self.symbols]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"perpetual symbol given twice: {', '.join(twice)}")
        for rules in self.symbols:
            most = rules.brackets[0].leverage_max
            if not 1 <= self.leverage <= most:
                raise ValueError(f"leverage of {rules.symbol} is 1 to {most}, not {self.leverage}")

    def margin_assets(self) -> list[str]:
        """Every asset that a position is margined in, sorted."""
        return sorted({s.quote for s in self.symbols})


# The contracts people practise on, with the venue's own grid. Others get `default_perp`.
KNOWN_PERPS = {
    "BTCUSDT": PerpSettings(symbol="BTCUSDT", base="BTC", notional_min=Decimal(100)),
    "ETHUSDT": PerpSettings(
        symbol="ETHUSDT",
        base="ETH",
        tick=Decimal("0.01"),
        price_min=Decimal("0.01"),
        price_max=Decimal(306_177),
        quantity_max=Decimal(10_000),
        market_quantity_max=Decimal(2_000),
        notional_min=Decimal(20),
    ),
}
_QUOTES = ("USDT", "USDC")


def default_perp(symbol: str) -> PerpSettings:
    """Settings of a contract known by name only. Raises ValueError where its quote cannot be told."""
    known = KNOWN_PERPS.get(symbol)
    if known is not None:
        return known
    for quote in _QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            tick = Decimal("0.00001")
            return PerpSettings(
                symbol=symbol,
                base=symbol.removesuffix(quote),
                quote=quote,
                tick=tick,
                price_min=tick,
                quantity_max=Decimal(10_000_000),
                market_quantity_max=Decimal(1_000_000),
            )
    raise ValueError(f"cannot tell base and quote of the contract {symbol!r}; known: {_QUOTES}")
