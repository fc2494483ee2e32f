"""Settlement: what a match does to orders, positions and balances, and who is told.

Owns fills, fees, realised profit, income, the ends of orders, and the truth about them. Refuses to
decide who trades.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from nightdesk.lab.market import Trade
from nightdesk.lab.matching import Cross
from nightdesk.lab.numbering import TradeNumbers, printed
from nightdesk.lab.orders import ZERO, Side, Status
from nightdesk.lab.truth import Kind, Truth
from nightdesk.lab.usdm.accounts import Income, PerpAccount
from nightdesk.lab.usdm.news import AccountNews, Execution, News, OrderNews, Reason
from nightdesk.lab.usdm.orders import Knocked, PerpFill, PerpOrder, PerpRecord
from nightdesk.lab.usdm.positions import Position, filled, rounded
from nightdesk.lab.usdm.settings import PerpSettings, UsdmSettings

VENUE = "usdm"


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """One execution as it is booked for one side."""

    price: Decimal
    quantity: Decimal
    fee: Decimal
    trade_id: int
    maker: bool = False
    execution: Execution = Execution.TRADE
    reason: Reason = Reason.ORDER


@dataclass(slots=True)
class PerpSettlement:
    """Books matches. Whoever drives the engine drains `news`, `prints` and `forced`, the
    liquidations that everybody may know of."""

    settings: UsdmSettings
    rules: Mapping[str, PerpSettings]
    truth: Truth
    owners: dict[int, PerpAccount] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    prints: list[Trade] = field(default_factory=list)
    forced: list[tuple[PerpOrder, PerpFill]] = field(default_factory=list)
    numbers: TradeNumbers = field(default_factory=TradeNumbers)
    # What the venue earned by fees, and what its insurance fund gained (below zero: gave), per asset.
    fees: dict[str, Decimal] = field(default_factory=dict)
    insurance: dict[str, Decimal] = field(default_factory=dict)
    _last_transfer_id: int = 0

    # --- trades ----------------------------------------------------------------------------

    def settle(self, symbol: str, cross: Cross, at_ns: int) -> Decimal:
        """Book one trade for every client in it, and print it. What an order that only reduces has
        nothing left to reduce with does not trade; the quantity that did comes back."""
        sides = [(cross.maker, True), (cross.taker, False)]
        ours = [(order_id, maker) for order_id, maker in sides if order_id is not None]
        quantity = min(cross.quantity, *(self._most(order_id) for order_id, _ in ours))
        if not quantity:
            return ZERO
        trade_id = self.numbers.own(symbol)
        for order_id, maker in ours:
            self._settle_order(order_id, cross.price, quantity, trade_id, at_ns, maker=maker)
        traded = replace(cross, quantity=quantity)
        self.prints.append(printed(symbol, traded, trade_id, at_ns))
        return quantity

    def _most(self, order_id: int) -> Decimal:
        account = self.owners[order_id]
        order = account.orders[order_id].now
        if not order.reduce_only:
            return order.remaining
        return min(order.remaining, account.position(order.symbol).reducible(order.side))

    def _settle_order(
        self,
        order_id: int,
        price: Decimal,
        quantity: Decimal,
        trade_id: int,
        at_ns: int,
        *,
        maker: bool,
    ) -> None:
        account = self.owners[order_id]
        rate = self.settings.maker_fee if maker else self.settings.taker_fee
        deal = Deal(
            price=price,
            quantity=quantity,
            fee=rounded(price * quantity * rate),
            trade_id=trade_id,
            maker=maker,
        )
        self.execute(account, account.orders[order_id], deal, at_ns)

    def execute(self, account: PerpAccount, record: PerpRecord, deal: Deal, at_ns: int) -> PerpFill:
        """Book one execution of one order."""
        order, asset = record.now, self.rules[record.now.symbol].quote
        before = account.position(order.symbol)
        after, realised = filled(before, order.side, deal.price, deal.quantity)
        after = _with_isolated_margin(before, after, order.side, deal.price, deal.quantity)
        held = account.holdings.with_balance(asset, realised - deal.fee, at_ns)
        account.change(held.with_position(after, at_ns))
        fill = PerpFill(
            trade_id=deal.trade_id,
            order_id=order.order_id,
            account=account.name,
            symbol=order.symbol,
            side=order.side,
            price=deal.price,
            quantity=deal.quantity,
            quote=deal.price * deal.quantity,
            fee=deal.fee,
            fee_asset=asset,
            realised=realised,
            maker=deal.maker,
            at_ns=at_ns,
        )
        account.fills.append(fill)
        self._earn(account, fill, deal.execution)
        order = self._filled(account, record, fill)
        self._log_fill(order, fill, after)
        self.tell_account(account, deal.reason, at_ns, symbols=(order.symbol,), assets=(asset,))
        self._report(deal.execution, order, fill, at_ns)
        return fill

    def _earn(self, account: PerpAccount, fill: PerpFill, execution: Execution) -> None:
        """Note profit and fee as income; a liquidation's fee is the insurance fund's."""
        if fill.realised:
            self.income(account, "REALIZED_PNL", fill.realised, fill)
        if not fill.fee:
            return
        cleared = execution is Execution.CALCULATED
        self.income(account, "INSURANCE_CLEAR" if cleared else "COMMISSION", -fill.fee, fill)
        pot = self.insurance if cleared else self.fees
        pot[fill.fee_asset] = pot.get(fill.fee_asset, ZERO) + fill.fee

    def income(self, account: PerpAccount, kind: str, amount: Decimal, fill: PerpFill) -> None:
        """Note a change of balance that a fill made."""
        self._last_transfer_id += 1
        account.incomes.append(
            Income(
                kind=kind,
                symbol=fill.symbol,
                asset=fill.fee_asset,
                amount=amount,
                at_ns=fill.at_ns,
                transfer_id=self._last_transfer_id,
                trade_id=fill.trade_id,
            )
        )

    def receive(
        self, account: PerpAccount, kind: str, symbol: str, asset: str, amount: Decimal, at_ns: int
    ) -> None:
        """Change a balance without a trade, and note why."""
        self._last_transfer_id += 1
        account.change(account.holdings.with_balance(asset, amount, at_ns))
        account.incomes.append(
            Income(
                kind=kind,
                symbol=symbol,
                asset=asset,
                amount=amount,
                at_ns=at_ns,
                transfer_id=self._last_transfer_id,
            )
        )

    def _filled(self, account: PerpAccount, record: PerpRecord, fill: PerpFill) -> PerpOrder:
        executed = record.now.executed + fill.quantity
        full = executed == record.now.quantity
        order = replace(
            record.now,
            executed=executed,
            executed_quote=record.now.executed_quote + fill.quote,
            status=Status.FILLED if full else Status.PARTIALLY_FILLED,
            updated_ns=fill.at_ns,
        )
        record.versions.append(order)
        if full:
            account.open_ids.pop(order.order_id, None)
        return order

    # --- orders ----------------------------------------------------------------------------

    def accepted(self, account: PerpAccount, order: PerpOrder, **more: object) -> PerpRecord:
        """Book a new order: it is the account's."""
        record = account.orders[order.order_id] = PerpRecord([order])
        key = (order.symbol, order.client_order_id)
        account.by_client_id.setdefault(key, []).append(order.order_id)
        account.open_ids[order.order_id] = None
        self.owners[order.order_id] = account
        self.log(Kind.ACCEPT, order, order.created_ns, **more)
        self._report(Execution.NEW, order, None, order.created_ns)
        return record

    def amended(self, record: PerpRecord, at_ns: int, **changes: object) -> None:
        """Book new terms of an open order."""
        order = replace(
            record.now, updated_ns=at_ns, amendments=record.now.amendments + 1, **changes
        )
        record.versions.append(order)
        self.log(Kind.AMEND, order, at_ns)
        self._report(Execution.AMENDMENT, order, None, at_ns)

    def canceled(self, account: PerpAccount, record: PerpRecord, at_ns: int) -> None:
        """Close an order its owner cancels."""
        order = self._close(account, record, at_ns, status=Status.CANCELED)
        self.log(Kind.CANCEL, order, at_ns)
        self._report(Execution.CANCELED, order, None, at_ns)

    def expire(self, account: PerpAccount, record: PerpRecord, why: Knocked, at_ns: int) -> None:
        """Close an order that the venue ends."""
        status = Status.EXPIRED_IN_MATCH if why is Knocked.SELF_TRADE else Status.EXPIRED
        order = self._close(account, record, at_ns, status=status, knocked=why)
        self.log(Kind.EXPIRE, order, at_ns, reason=why.name.lower())
        self._report(Execution.EXPIRED, order, None, at_ns)

    def _close(
        self, account: PerpAccount, record: PerpRecord, at_ns: int, **changes: object
    ) -> PerpOrder:
        order = replace(record.now, updated_ns=at_ns, **changes)
        record.versions.append(order)
        account.open_ids.pop(order.order_id, None)
        return order

    # --- telling ---------------------------------------------------------------------------

    def _report(
        self, execution: Execution, order: PerpOrder, fill: PerpFill | None, at_ns: int
    ) -> None:
        self.news.append(
            OrderNews(
                account=order.account, execution=execution, order=order, fill=fill, at_ns=at_ns
            )
        )

    def tell_account(
        self,
        account: PerpAccount,
        reason: Reason,
        at_ns: int,
        *,
        assets: tuple[str, ...] = (),
        symbols: tuple[str, ...] = (),
        moved: Decimal = ZERO,
        about: str | None = None,
    ) -> None:
        """Tell what an account holds of these now."""
        self.news.append(
            AccountNews(
                account=account.name,
                reason=reason,
                holdings=account.holdings,
                assets=assets,
                symbols=symbols,
                at_ns=at_ns,
                moved=moved,
                about=about,
            )
        )

    def log(self, kind: Kind, order: PerpOrder, at_ns: int, **more: object) -> None:
        """Write a fact about an order into the truth."""
        fields: dict[str, object] = {
            "venue": VENUE,
            "account": order.account,
            "symbol": order.symbol,
            "client_order_id": order.client_order_id,
            "order_id": order.order_id,
            "side": str(order.side),
            "order_type": str(order.type),
            "time_in_force": str(order.time_in_force),
            "quantity": order.quantity,
            "price": order.price,
            "cumulative": order.executed,
            "reduce_only": order.reduce_only or None,
        }
        self.truth.add(kind, at_ns, **(fields | more))

    def _log_fill(self, order: PerpOrder, fill: PerpFill, after: Position) -> None:
        self.log(
            Kind.FILL,
            order,
            fill.at_ns,
            last_quantity=fill.quantity,
            last_price=fill.price,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            trade_id=fill.trade_id,
            maker=fill.maker,
            realised=fill.realised,
            position=after.amount,
        )


def _with_isolated_margin(
    before: Position, after: Position, side: Side, price: Decimal, quantity: Decimal
) -> Position:
    """What opens takes its initial margin into the position's own wallet; what closes gives its share
    of that wallet back."""
    if not before.isolated:
        return after
    closing = min(quantity, before.reducible(side))
    kept = before.isolated_wallet
    if closing:
        kept -= rounded(kept * closing / abs(before.amount))
    added = rounded((quantity - closing) * price / before.leverage)
    return replace(after, isolated_wallet=kept + added)
