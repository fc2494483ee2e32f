"""What a lab is made of: accounts, symbols, fees, limits, seed.

Owns the settings and their validity: a lab that starts has settings that make sense. Refuses
files and command lines; `launch` turns those into settings.
"""

from decimal import Decimal

import msgspec

from nightdesk.lab.usdm.settings import UsdmSettings

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
# A read may lag this far behind; older history is of no use to anyone.
READ_LAG_NS_MAX = 120 * SECOND_NS


class HeldBy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an account holds a contract, as its owner had set it."""

    leverage: int
    isolated: bool = False


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One account and its one API key: an HMAC secret or an Ed25519 public key (PEM)."""

    name: str
    api_key: str
    secret: str | None = None
    ed25519_public_key: str | None = None
    balances: dict[str, Decimal] = {}
    may_withdraw: bool = False  # what the venue says of its key; nothing can be withdrawn here
    # What its USD-M wallet holds.
    usdm: dict[str, Decimal] = {}
    contracts: dict[str, HeldBy] = {}  # those that it holds otherwise than the venue's default

    def __post_init__(self) -> None:
        if (self.secret is None) == (self.ed25519_public_key is None):
            raise ValueError(
                f"account {self.name!r} needs either `secret` or `ed25519_public_key`, not both"
            )
        for asset, amount in (*self.balances.items(), *self.usdm.items()):
            if not (amount.is_finite() and amount >= 0):
                raise ValueError(f"account {self.name!r} cannot hold {amount} {asset}")


class SymbolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol and the rules its orders must keep."""

    symbol: str
    base: str
    quote: str
    tick: Decimal = Decimal("0.01")
    step: Decimal = Decimal("0.00001")
    price_max: Decimal = Decimal(1_000_000)
    quantity_min: Decimal = Decimal("0.00001")
    quantity_max: Decimal = Decimal(9000)
    market_quantity_max: Decimal = Decimal(100)
    notional_min: Decimal = Decimal(5)
    notional_max: Decimal = Decimal(9_000_000)
    open_orders_max: int = 200
    algo_orders_max: int = 5
    order_lists_max: int = 20
    amends_max: int = 10
    # How far a trailing stop may trail, in hundredths of a percent.
    trailing_min: int = 10
    trailing_max: int = 2000
    # How far a price may stand from the recent average, up and down, per side.
    bid_up: Decimal = Decimal(5)
    bid_down: Decimal = Decimal("0.2")
    ask_up: Decimal = Decimal(5)
    ask_down: Decimal = Decimal("0.2")


class LabSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that makes one lab different from another."""

    seed: int = 1
    accounts: tuple[AccountSettings, ...] = ()
    symbols: tuple[SymbolSettings, ...] = ()
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    processing_ns: int = MS_NS
    read_lag_ns: int = 0
    clock_offset_ns: int = 0
    start_on_subscriber: bool = False
    weight_per_minute_max: int = 6000
    orders_per_10s_max: int = 100
    orders_per_day_max: int = 200_000
    connections_per_5min_max: int = 300
    # After which a websocket is closed, whatever it carries: "a single connection is only valid for 24 hours".
    # 0 is never.
    connection_life_ns: int = 24 * 3_600 * SECOND_NS
    # Requests sent in spite of a 429 before the address is banned.
    ignored_429_max: int = 10
    usdm: UsdmSettings = UsdmSettings()
    # Where time is virtual: what comes by the clock is passed over where nothing can have changed.
    only_seconds_that_matter: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.read_lag_ns <= READ_LAG_NS_MAX:
            raise ValueError(f"read_lag_ns is 0 to {READ_LAG_NS_MAX}, not {self.read_lag_ns}")
        for what, names in (
            ("account name", [a.name for a in self.accounts]),
            ("API key", [a.api_key for a in self.accounts]),
            ("symbol", [s.symbol for s in self.symbols]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} given twice: {', '.join(twice)}")
        for account in self.accounts:
            check_contracts(account, self.usdm)

    def assets(self) -> list[str]:
        """Every asset that can appear in a wallet or as a fee, sorted."""
        traded = {asset for s in self.symbols for asset in (s.base, s.quote)}
        return sorted(traded.union(*(a.balances for a in self.accounts)))


def check_contracts(account: AccountSettings, usdm: UsdmSettings) -> None:
    """Raises `ValueError` for a leverage that a contract does not have. What is not listed is not held."""
    listed = {rules.symbol: rules.brackets[0].leverage_max for rules in usdm.symbols}
    for symbol, how in account.contracts.items():
        most = listed.get(symbol, how.leverage)
        if not 1 <= how.leverage <= most:
            raise ValueError(
                f"account {account.name!r}: leverage of {symbol} is 1 to {most}, not {how.leverage}"
            )


# The symbols people practise on, with the venue's own grid. Others get `default_symbol`.
KNOWN_SYMBOLS = {
    "BTCUSDT": SymbolSettings(symbol="BTCUSDT", base="BTC", quote="USDT"),
    "ETHUSDT": SymbolSettings(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        step=Decimal("0.0001"),
        quantity_min=Decimal("0.0001"),
    ),
}
_TICK, _STEP = Decimal("0.00000001"), Decimal("0.00001")
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH", "BNB")


def default_symbol(symbol: str, tick: Decimal | None = None) -> SymbolSettings:
    """Settings of a symbol known by name, and by the `tick` of its recorded prices where there are any; its
    quote asset is guessed from the ending.

    With a known tick, the step is as fine as eight decimals of what is paid let it be: with a finer one the
    venue would round amounts away that everybody else counts.
    """
    known = KNOWN_SYMBOLS.get(symbol)
    if known is not None:
        return known
    for quote in _QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            base = symbol.removesuffix(quote)
            step = _STEP if tick is None else max(_STEP, _TICK / tick)
            return SymbolSettings(
                symbol=symbol,
                base=base,
                quote=quote,
                tick=tick or _TICK,
                step=step,
                quantity_min=step,
                # Of a coin at any price: the defaults are those of a dear one.
                quantity_max=Decimal(10_000_000),
                market_quantity_max=Decimal(1_000_000),
            )
    raise ValueError(f"cannot tell base and quote of {symbol!r}; known quotes: {_QUOTES}")
