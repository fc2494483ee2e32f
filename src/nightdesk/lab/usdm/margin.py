"""Margin: what positions and open orders bind, and when an account has too little.

Owns brackets, initial and maintenance margin, and liquidation prices, by the venue's published formulas
for one-way positions (Binance support, "Leverage and Margin of USDⓈ-M Futures", "How to Calculate
Liquidation Price"). Refuses to act on them.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from nightdesk.lab.orders import ZERO, Side
from nightdesk.lab.usdm.orders import PerpOrder
from nightdesk.lab.usdm.positions import Holdings, Position, rounded
from nightdesk.lab.usdm.settings import Bracket, PerpSettings


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What the open orders of a contract would trade, in quote, without those that only reduce."""

    bids: Decimal = ZERO
    asks: Decimal = ZERO

    def with_order(self, side: Side, notional: Decimal) -> "Claims":
        """The same with one order more."""
        if side is Side.BUY:
            return Claims(bids=self.bids + notional, asks=self.asks)
        return Claims(bids=self.bids, asks=self.asks + notional)


def claims_of(orders: Iterable[PerpOrder]) -> Claims:
    """What these open orders would trade."""
    claims = Claims()
    for order in orders:
        if not order.reduce_only:
            claims = claims.with_order(order.side, order.remaining * order.price)
    return claims


class SymbolMargin(msgspec.Struct, frozen=True, kw_only=True):
    """What one contract binds and is worth. Notionals are signed as the position is."""

    rules: PerpSettings
    position: Position
    mark: Decimal
    notional: Decimal
    unrealised: Decimal
    position_initial: Decimal
    order_initial: Decimal
    maintenance: Decimal
    claims: Claims
    # The largest notional that the position can become.
    worst: Decimal

    @property
    def asset(self) -> str:
        """What it is margined in."""
        return self.rules.quote

    @property
    def initial(self) -> Decimal:
        """What the position and its open orders bind together."""
        return self.position_initial + self.order_initial


class AssetMargin(msgspec.Struct, frozen=True, kw_only=True):
    """What one margin asset carries. Isolated wallets are in `wallet` and not in `cross_wallet`."""

    asset: str
    wallet: Decimal
    cross_wallet: Decimal
    cross_unrealised: Decimal
    unrealised: Decimal
    position_initial: Decimal
    order_initial: Decimal
    maintenance: Decimal
    cross_maintenance: Decimal
    cross_initial: Decimal

    @property
    def balance(self) -> Decimal:
        """Wallet and open profit together."""
        return self.wallet + self.unrealised

    @property
    def cross_balance(self) -> Decimal:
        """What stands behind the cross positions."""
        return self.cross_wallet + self.cross_unrealised

    @property
    def available(self) -> Decimal:
        """What may still be bound."""
        return max(ZERO, self.cross_balance - self.cross_initial)


def bracket(rules: PerpSettings, notional: Decimal) -> Bracket:
    """The bracket of a notional; above the last cap, the last one."""
    return next((b for b in rules.brackets if notional <= b.cap), rules.brackets[-1])


def notional_max(rules: PerpSettings, leverage: int) -> Decimal:
    """The largest position that this leverage allows."""
    return max((b.cap for b in rules.brackets if b.leverage_max >= leverage), default=ZERO)


def maintenance(rules: PerpSettings, notional: Decimal) -> Decimal:
    """What a position of this size must be worth at least."""
    at = bracket(rules, abs(notional))
    return rounded(max(ZERO, abs(notional) * at.maintenance_rate - at.cum))


def symbol_margin(
    rules: PerpSettings, position: Position, claims: Claims, mark: Decimal
) -> SymbolMargin:
    """What a contract binds. Of the two sides' orders, those that would make the larger position count."""
    notional = position.amount * mark
    worst = max(abs(notional + claims.bids), abs(notional - claims.asks), abs(notional))
    held = rounded(abs(notional) / position.leverage)
    return SymbolMargin(
        rules=rules,
        position=position,
        mark=mark,
        notional=rounded(notional),
        unrealised=position.unrealised(mark),
        position_initial=held,
        order_initial=rounded(worst / position.leverage) - held,
        maintenance=maintenance(rules, notional) if position.amount else ZERO,
        claims=claims,
        worst=worst,
    )


def asset_margin(asset: str, holdings: Holdings, symbols: Iterable[SymbolMargin]) -> AssetMargin:
    """The sums of one asset over the contracts that are margined in it."""
    rows = [row for row in symbols if row.asset == asset]
    cross = [row for row in rows if not row.position.isolated]
    isolated = [row for row in rows if row.position.isolated]
    wallet = holdings.balances[asset]
    return AssetMargin(
        asset=asset,
        wallet=wallet,
        cross_wallet=wallet - sum((row.position.isolated_wallet for row in isolated), ZERO),
        cross_unrealised=sum((row.unrealised for row in cross), ZERO),
        unrealised=sum((row.unrealised for row in rows), ZERO),
        position_initial=sum((row.position_initial for row in rows), ZERO),
        order_initial=sum((row.order_initial for row in rows), ZERO),
        maintenance=sum((row.maintenance for row in rows), ZERO),
        cross_maintenance=sum((row.maintenance for row in cross), ZERO),
        # An isolated position has its own wallet; its open orders bind the cross one.
        cross_initial=sum((row.initial for row in cross), ZERO)
        + sum((row.order_initial for row in isolated), ZERO),
    )


def liquidation_price(row: SymbolMargin, assets: Mapping[str, AssetMargin]) -> Decimal:
    """The mark price at which this position is closed by force, all else standing still; zero where
    there is none."""
    position = row.position
    if not position.amount:
        return ZERO
    if position.isolated:
        behind = position.isolated_wallet
    else:
        asset = assets[row.asset]
        behind = (
            asset.cross_wallet
            + (asset.cross_unrealised - row.unrealised)
            - (asset.cross_maintenance - row.maintenance)
        )
    at = bracket(row.rules, abs(row.notional))
    sign = 1 if position.amount > 0 else -1
    size = abs(position.amount)
    below = size * at.maintenance_rate - sign * size
    price = (behind + at.cum - position.cost) / below if below else ZERO
    return max(price, ZERO)
