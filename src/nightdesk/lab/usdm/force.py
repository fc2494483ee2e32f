"""What the venue does by force: liquidations, and closing positions for others' sake (ADL).

Owns when an account is liquidated and what that costs it. A position whose margin has fallen below
maintenance is taken over whole, at the mark price, by the insurance fund, which charges its fee from what
is left and bears what is missing. Partial liquidation and a queue of counterparties are not played.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab.orders import ZERO, Side
from nightdesk.lab.truth import Kind
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.margin import AssetMargin, SymbolMargin
from nightdesk.lab.usdm.news import Execution, MarginCallNews, Reason
from nightdesk.lab.usdm.orders import Knocked, NewPerp, PerpFill, PerpType, Tif
from nightdesk.lab.usdm.positions import rounded
from nightdesk.lab.usdm.settlement import VENUE, Deal

LIQUIDATION_ID = "autoclose-"
ADL_ID = "adl_autoclose"
TAKEN_BACK_ID = "taken-back-"
# Of the margin balance, how much maintenance may take before the account is warned.
_CALL_AT = Decimal("0.7")


@dataclass(slots=True)
class Force:
    """The venue's hand in the positions of its accounts."""

    exchange: PerpExchange

    def watch(self, now_ns: int, made_ns: int | None = None) -> None:
        """Warn and liquidate whoever has too little margin, at marks that were made at `made_ns` (None: now):
        what was traded since is not judged by them."""
        made_ns = now_ns if made_ns is None else made_ns
        for account in self.exchange.accounts.values():
            if any(held.amount for held in account.holdings.positions.values()):
                self._watch(account, now_ns, made_ns)

    def _watch(self, account: PerpAccount, now_ns: int, made_ns: int) -> None:
        rows, sums = self.exchange.margins(account)
        short = self._short(rows, sums, made_ns)
        if not short:
            self._warn(account, rows, sums, now_ns)
            return
        for symbol in short:
            self._cancel_orders(account, symbol, now_ns)
        for symbol, why in self._short(*self.exchange.margins(account), made_ns).items():
            self.liquidate(account, symbol, why, now_ns)

    def _short(
        self, rows: Mapping[str, SymbolMargin], sums: Mapping[str, AssetMargin], made_ns: int
    ) -> dict[str, str]:
        """Contracts whose positions are to be taken over, and why: isolated ones each by itself,
        cross ones all together."""
        short = {}
        for symbol, row in rows.items():
            if not row.position.amount or row.position.grown_ns > made_ns:
                continue
            if row.position.isolated:
                worth, least = row.position.isolated_wallet + row.unrealised, row.maintenance
            else:
                worth = sums[row.asset].cross_balance
                least = sums[row.asset].cross_maintenance
            if worth < least:
                short[symbol] = f"margin {worth:f} below maintenance {least:f}"
        return short

    def _cancel_orders(self, account: PerpAccount, symbol: str, now_ns: int) -> None:
        for record in account.open_orders(symbol):
            self.exchange.expire(account, record, Knocked.LIQUIDATED, now_ns)

    def _warn(
        self,
        account: PerpAccount,
        rows: Mapping[str, SymbolMargin],
        sums: Mapping[str, AssetMargin],
        now_ns: int,
    ) -> None:
        """Call for margin, once while it is short."""
        called = [
            row.position.symbol
            for row in rows.values()
            if row.position.amount and not row.position.isolated and _thin(row, sums[row.asset])
        ]
        if called and not account.warned:
            self.exchange.settlement.news.append(
                MarginCallNews(account=account.name, symbols=tuple(called), at_ns=now_ns)
            )
        account.warned = bool(called)

    # --- taking over -----------------------------------------------------------------------

    def liquidate(self, account: PerpAccount, symbol: str, why: str, now_ns: int) -> None:
        """Take a position over, at the mark price; the truth says why."""
        row = self.exchange.symbol_margin(account, symbol)
        self._cancel_orders(account, symbol, now_ns)
        held = row.position
        if held.isolated:
            left = held.isolated_wallet + row.unrealised
        else:
            _, sums = self.exchange.margins(account)
            left = sums[row.asset].cross_balance
        charged = rounded(abs(row.notional) * row.rules.liquidation_fee)
        fee = min(charged, max(left, ZERO))
        client_id = f"{LIQUIDATION_ID}{now_ns // 1000}"
        order = self._order(row, abs(held.amount), PerpType.LIQUIDATION, client_id)
        self._close(account, order, fee, f"liquidation: {why}", now_ns)
        self._cover(account, row, left, now_ns)

    def _cover(self, account: PerpAccount, row: SymbolMargin, left: Decimal, now_ns: int) -> None:
        """The insurance fund bears what an isolated wallet, or the cross one without any position
        left, cannot."""
        missing = max(-left, ZERO)
        if not row.position.isolated:
            rows, sums = self.exchange.margins(account)
            held = [r for r in rows.values() if r.position.amount and not r.position.isolated]
            missing = ZERO if held else max(-sums[row.asset].cross_wallet, ZERO)
        if not missing:
            return
        settlement = self.exchange.settlement
        symbol = row.position.symbol
        settlement.insurance[row.asset] = settlement.insurance.get(row.asset, ZERO) - missing
        settlement.receive(account, "INSURANCE_CLEAR", symbol, row.asset, missing, now_ns)
        settlement.truth.add(
            Kind.INSURANCE,
            now_ns,
            venue=VENUE,
            account=account.name,
            symbol=symbol,
            asset=row.asset,
            amount=missing,
            reason="more was lost than stood behind the position",
        )
        settlement.tell_account(account, Reason.INSURANCE_CLEAR, now_ns, assets=(row.asset,))

    def reduce(self, account: PerpAccount, symbol: str, fraction: Decimal, now_ns: int) -> None:
        """Close a share of a position for others' sake (ADL), at the mark price and without a fee."""
        row = self.exchange.symbol_margin(account, symbol)
        size, step = abs(row.position.amount), row.rules.step
        part = min(max(size * fraction // step * step, step), size)
        order = self._order(row, part, PerpType.MARKET, ADL_ID)
        self._close(account, order, ZERO, "adl", now_ns)

    def take_back(self, account: PerpAccount, fill: PerpFill, now_ns: int) -> None:
        """A trade was none: an order of the venue's own undoes it at its own price, without a fee."""
        new = NewPerp(
            symbol=fill.symbol,
            side=fill.side.opposite,
            type=PerpType.MARKET,
            time_in_force=Tif.IOC,
            price=ZERO,
            quantity=fill.quantity,
            reduce_only=False,
            client_order_id=f"{TAKEN_BACK_ID}{fill.trade_id}",
        )
        self._close(account, new, ZERO, "taken back", now_ns, fill.price)

    def _order(
        self, row: SymbolMargin, quantity: Decimal, kind: PerpType, client_id: str
    ) -> NewPerp:
        held = row.position
        return NewPerp(
            symbol=held.symbol,
            side=Side.SELL if held.amount > 0 else Side.BUY,
            type=kind,
            time_in_force=Tif.IOC,
            price=ZERO,
            quantity=quantity,
            reduce_only=True,
            client_order_id=client_id,
        )

    def _close(
        self,
        account: PerpAccount,
        new: NewPerp,
        fee: Decimal,
        reason: str,
        now_ns: int,
        price: Decimal | None = None,
    ) -> None:
        """Book an order of the venue's own, at the mark price where no other is said."""
        settlement, adl = self.exchange.settlement, new.client_order_id == ADL_ID
        liquidates = str(new.client_order_id).startswith(LIQUIDATION_ID)
        order = self.exchange.forced(account, new, now_ns)
        record = settlement.accepted(account, order, reason=reason)
        deal = Deal(
            price=price or self.exchange.symbol_margin(account, new.symbol).mark,
            quantity=new.quantity,
            fee=fee,
            trade_id=settlement.numbers.own(new.symbol),
            execution=Execution.CALCULATED if liquidates else Execution.TRADE,
            reason=Reason.ADL if adl else Reason.ORDER,
        )
        fill = settlement.execute(account, record, deal, now_ns)
        if liquidates:
            settlement.forced.append((record.now, fill))
        self.exchange.position_changed(account, new.symbol, now_ns)


def _thin(row: SymbolMargin, asset: AssetMargin) -> bool:
    return row.maintenance > 0 and asset.cross_maintenance > asset.cross_balance * _CALL_AT
