"""Settlement: what a match does to orders and money, and who is told.

Owns fills, fees, closing of orders, and the reports and truth entries that follow. Refuses
to decide who trades: `matching` found that out before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from nightdesk.lab.accounts import Account, Amendment
from nightdesk.lab.locks import Locks, reserved_for
from nightdesk.lab.market import Trade
from nightdesk.lab.matching import Clash, Cross
from nightdesk.lab.numbering import TradeNumbers, printed
from nightdesk.lab.orders import (
    NO_LIST,
    ZERO,
    ExpiryReason,
    Fill,
    Order,
    OrderRecord,
    Prevented,
    Side,
    Status,
    StpMode,
    floor8,
)
from nightdesk.lab.reports import Execution, ListReport, Report
from nightdesk.lab.settings import LabSettings, SymbolSettings
from nightdesk.lab.truth import Kind, Truth


@dataclass(slots=True)
class Withheld:
    """A fill the venue has made and its owner was not told of yet."""

    account: Account
    fill: Fill
    reserved: Decimal


@dataclass(slots=True)
class Settlement:
    """Books matches. Whoever drives the exchange drains `reports`, `prints` and what `locks` touched; the
    exchange itself drains `fresh`, the prints no trigger has heard of, and `stirred`, the orders
    of lists that traded or ended."""

    settings: LabSettings
    rules: Mapping[str, SymbolSettings]
    truth: Truth
    locks: Locks = field(init=False)
    owners: dict[int, Account] = field(default_factory=dict)
    reports: list[Report | ListReport] = field(default_factory=list)
    prints: list[Trade] = field(default_factory=list)
    fresh: list[Trade] = field(default_factory=list)
    stirred: list[Order] = field(default_factory=list)
    # What the market gained (negative: gave) and what the venue earned, per asset.
    market_gain: dict[str, Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    numbers: TradeNumbers = field(default_factory=TradeNumbers)
    _last_execution_id: int = 0
    _last_prevented_id: int = 0

    def __post_init__(self) -> None:
        self.locks = Locks(self.rules)

    # --- trades ----------------------------------------------------------------------------

    def settle(self, symbol: str, cross: Cross, at_ns: int) -> None:
        """Book one trade for every client in it, and print it."""
        trade_id = self.numbers.own(symbol)
        for order_id in (cross.maker, cross.taker):
            if order_id is not None:
                self._settle_order(self.owners[order_id], order_id, cross, trade_id, at_ns)
        self._market_side(symbol, cross)
        self._print(symbol, cross, trade_id, at_ns)

    def _settle_order(
        self, account: Account, order_id: int, cross: Cross, trade_id: int, at_ns: int
    ) -> None:
        record = account.orders[order_id]
        self.locks.take_over(account, record.now, at_ns)
        fill = self._fill(record.now, cross, trade_id, at_ns)
        reserved = reserved_for(record.now, fill)
        account.locks[order_id] -= reserved
        self._pay(account, fill, reserved, at_ns)
        order = self._filled(record, fill, at_ns)
        account.fills.append(fill)
        if order.status is Status.FILLED:
            del account.open_ids[order_id]
            self.locks.unlock(account, order, at_ns)
        self._stir(order)
        self._log_fill(order, fill, at_ns)
        self._report(Execution.TRADE, order, fill, at_ns)

    def _fill(self, order: Order, cross: Cross, trade_id: int, at_ns: int) -> Fill:
        maker = cross.taker != order.order_id
        quote = floor8(cross.price * cross.quantity)
        received = cross.quantity if order.side is Side.BUY else quote
        rate = self.settings.maker_fee if maker else self.settings.taker_fee
        return Fill(
            trade_id=trade_id,
            order_id=order.order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            price=cross.price,
            quantity=cross.quantity,
            quote=quote,
            fee=floor8(received * rate),
            fee_asset=self.locks.paid_asset(order.symbol, order.side.opposite),
            maker=maker,
            at_ns=at_ns,
            list_id=order.list_id,
        )

    def _filled(self, record: OrderRecord, fill: Fill, at_ns: int) -> Order:
        executed = record.now.executed + fill.quantity
        full = executed == record.now.quantity
        open_status = Status.PARTIALLY_FILLED if record.now.status.open else record.now.status
        order = msgspec.structs.replace(
            record.now,
            executed=executed,
            executed_quote=record.now.executed_quote + fill.quote,
            status=Status.FILLED if full else open_status,
            working=record.now.working and not full,
            updated_ns=at_ns,
        )
        record.versions.append(order)
        return order

    def _pay(self, account: Account, fill: Fill, reserved: Decimal, at_ns: int) -> None:
        """The paid asset leaves its lock, the received one comes in, less the fee."""
        paid_asset = self.locks.paid_asset(fill.symbol, fill.side)
        buying = fill.side is Side.BUY
        paid, received = (fill.quote, fill.quantity) if buying else (fill.quantity, fill.quote)
        account.wallet.move(paid_asset, at_ns, free=reserved - paid, locked=-reserved)
        account.wallet.move(fill.fee_asset, at_ns, free=received - fill.fee)
        self.fees[fill.fee_asset] = self.fees.get(fill.fee_asset, ZERO) + fill.fee
        self.locks.touch(account, paid_asset)
        self.locks.touch(account, fill.fee_asset)

    def _market_side(self, symbol: str, cross: Cross) -> None:
        """Book what the market gains when it is one side of a trade."""
        if cross.taker is not None and cross.maker is not None:
            return
        client_buys = (cross.taker_side is Side.BUY) == (cross.taker is not None)
        sign = 1 if client_buys else -1
        rules = self.rules[symbol]
        quote = floor8(cross.price * cross.quantity)
        for asset, amount in ((rules.base, -cross.quantity), (rules.quote, quote)):
            self.market_gain[asset] = self.market_gain.get(asset, ZERO) + sign * amount

    def _print(self, symbol: str, cross: Cross, trade_id: int, at_ns: int) -> None:
        trade = printed(symbol, cross, trade_id, at_ns)
        self.prints.append(trade)
        self.fresh.append(trade)

    # --- fills told late -------------------------------------------------------------------

    def withhold(self, account: Account, order: Order, quantity: Decimal, at_ns: int) -> Withheld:
        """Fill part of an order and keep it from its owner; what pays for it stays locked."""
        cross = Cross(
            price=order.price,
            quantity=quantity,
            taker_side=order.side.opposite,
            taker=None,
            maker=order.order_id,
        )
        trade_id = self.numbers.own(order.symbol)
        self.locks.take_over(account, order, at_ns)
        fill = self._fill(order, cross, trade_id, at_ns)
        reserved = reserved_for(order, fill)
        account.locks[order.order_id] -= reserved
        told = msgspec.structs.replace(order, executed=order.executed + quantity)
        self._log_fill(told, fill, at_ns)
        self._market_side(order.symbol, cross)
        self._print(order.symbol, cross, trade_id, at_ns)
        return Withheld(account, fill, reserved)

    def reveal(self, hidden: Withheld, at_ns: int) -> None:
        """Tell of a withheld fill: wallet, order, trades and report show it from now on."""
        account, fill = hidden.account, hidden.fill
        self._pay(account, fill, hidden.reserved, at_ns)
        order = self._filled(account.orders[fill.order_id], fill, at_ns)
        account.fills.append(msgspec.structs.replace(fill, at_ns=at_ns))
        if order.status is not Status.FILLED:
            # The step happened before the cancel, so it reports the status of back then.
            order = msgspec.structs.replace(order, status=Status.PARTIALLY_FILLED)
        self._report(Execution.TRADE, order, fill, fill.at_ns)

    # --- ends ------------------------------------------------------------------------------

    def accepted(self, account: Account, order: Order, lock: Decimal) -> None:
        """Book a new order: it is the account's, and what it needs is locked."""
        account.orders[order.order_id] = OrderRecord([order])
        account.index(order.symbol, order.client_order_id, order.order_id)
        account.open_ids[order.order_id] = None
        self.locks.hold(account, order, lock)
        self.owners[order.order_id] = account
        self.log(Kind.ACCEPT, order, order.created_ns)
        self._report(Execution.NEW, order, None, order.created_ns)

    def canceled(
        self, account: Account, record: OrderRecord, cancel_id: str, hidden: Decimal, at_ns: int
    ) -> None:
        """Close an order its owner cancels; the truth counts the `hidden` fill as well."""
        order = self._close(account, record, Status.CANCELED, at_ns, cancel_id=cancel_id)
        account.index(order.symbol, cancel_id, order.order_id)
        self.log(Kind.CANCEL, order, at_ns, cumulative=order.executed + hidden)
        self._report(Execution.CANCELED, order, None, at_ns)

    def expire(
        self, account: Account, record: OrderRecord, reason: ExpiryReason, at_ns: int
    ) -> None:
        """Close an order the rules of its type end."""
        order = self._close(account, record, Status.EXPIRED, at_ns, expiry=reason)
        self.log(Kind.EXPIRE, order, at_ns, reason=str(reason))
        self._report(Execution.EXPIRED, order, None, at_ns)

    def prevent(self, account: Account, clash: Clash, at_ns: int) -> None:
        """Expire what a prevented match expires: the taker, the maker or both."""
        self._last_prevented_id += 1
        sides = []
        if clash.mode is not StpMode.EXPIRE_TAKER:
            sides.append((clash.maker, clash.taker))
        if clash.mode is not StpMode.EXPIRE_MAKER:
            sides.append((clash.taker, clash.maker))
        for order_id, counter in sides:
            record = account.orders[order_id]
            prevented = Prevented(
                match_id=self._last_prevented_id,
                quantity=record.now.remaining,
                price=clash.price,
                counter_order_id=counter,
            )
            order = self._close(
                account, record, Status.EXPIRED_IN_MATCH, at_ns, prevented=prevented
            )
            self.log(Kind.EXPIRE, order, at_ns, reason="self-trade prevention")
            self._report(Execution.TRADE_PREVENTION, order, None, at_ns)

    def _close(
        self, account: Account, record: OrderRecord, status: Status, at_ns: int, **changes: object
    ) -> Order:
        order = msgspec.structs.replace(
            record.now, status=status, working=False, updated_ns=at_ns, **changes
        )
        record.versions.append(order)
        del account.open_ids[order.order_id]
        self.locks.part(account, order)
        self.locks.unlock(account, order, at_ns)
        self._stir(order)
        return order

    def _stir(self, order: Order) -> None:
        if order.list_id != NO_LIST:
            self.stirred.append(order)

    # --- waiting ---------------------------------------------------------------------------

    def trails(self, record: OrderRecord, at_ns: int) -> None:
        """An order begins to follow the price; nobody is told."""
        changes = {"trailing_ns": at_ns, "updated_ns": at_ns}
        record.versions.append(msgspec.structs.replace(record.now, **changes))

    def waits(self, record: OrderRecord, at_ns: int) -> None:
        """An order that waited for another now waits for its price."""
        order = msgspec.structs.replace(record.now, status=Status.NEW, updated_ns=at_ns)
        record.versions.append(order)
        self._report(Execution.NEW, order, None, at_ns)

    def works(self, record: OrderRecord, at_ns: int) -> None:
        """An order that waited comes to its book."""
        order = msgspec.structs.replace(
            record.now, status=Status.NEW, working=True, working_ns=at_ns, updated_ns=at_ns
        )
        record.versions.append(order)
        self.log(Kind.TRIGGER, order, at_ns)
        self._report(Execution.NEW, order, None, at_ns)

    def amended(
        self, account: Account, record: OrderRecord, quantity: Decimal, client_id: str, at_ns: int
    ) -> Amendment:
        """Make an order smaller, and give it another name."""
        old = record.now
        order = msgspec.structs.replace(
            old,
            quantity=quantity,
            client_order_id=client_id,
            amends=old.amends + 1,
            updated_ns=at_ns,
        )
        record.versions.append(order)
        account.rename(old.symbol, old.client_order_id, client_id, old.order_id)
        self.log(Kind.AMEND, order, at_ns)
        self._report(Execution.REPLACED, order, None, at_ns, old_id=old.client_order_id)
        amendment = Amendment(
            order_id=old.order_id,
            execution_id=self._last_execution_id,
            old_client_id=old.client_order_id,
            new_client_id=client_id,
            old_quantity=old.quantity,
            new_quantity=quantity,
            at_ns=at_ns,
        )
        account.amendments.append(amendment)
        return amendment

    def drop(self, account: Account, record: OrderRecord, at_ns: int) -> None:
        """End an order without a word to its owner; the other of its pair keeps what is locked."""
        other = account.pairs.get(record.now.order_id)
        if other is not None:
            self.locks.take_over(account, account.orders[other].now, at_ns)
        changes = {"status": Status.EXPIRED, "expiry": ExpiryReason.EXCHANGE}
        order = msgspec.structs.replace(record.now, working=False, updated_ns=at_ns, **changes)
        record.versions.append(order)
        del account.open_ids[order.order_id]
        self.locks.unlock(account, order, at_ns)
        self.locks.touched.clear()  # the balance is not told either
        self.log(Kind.EXPIRE, order, at_ns, reason=str(ExpiryReason.EXCHANGE))

    # --- telling ---------------------------------------------------------------------------

    def log(self, kind: Kind, order: Order, at_ns: int, **more: object) -> None:
        """Write a fact about an order into the truth."""
        fields: dict[str, object] = {
            "account": order.account,
            "symbol": order.symbol,
            "client_order_id": order.client_order_id,
            "order_id": order.order_id,
            "side": str(order.side),
            "order_type": str(order.type),
            "time_in_force": str(order.time_in_force),
            "quantity": order.quantity,
            "price": order.price,
            "stop_price": order.stop_price or None,
            "trailing_delta": order.trailing_delta,
            "order_list_id": None if order.list_id == NO_LIST else order.list_id,
            "cumulative": order.executed,
        }
        self.truth.add(kind, at_ns, **(fields | more))

    def _log_fill(self, order: Order, fill: Fill, at_ns: int) -> None:
        self.log(
            Kind.FILL,
            order,
            at_ns,
            last_quantity=fill.quantity,
            last_price=fill.price,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            trade_id=fill.trade_id,
            maker=fill.maker,
        )

    def _report(
        self,
        execution: Execution,
        order: Order,
        fill: Fill | None,
        at_ns: int,
        old_id: str = "",
    ) -> None:
        self._last_execution_id += 1
        self.reports.append(
            Report(
                execution=execution,
                execution_id=self._last_execution_id,
                order=order,
                fill=fill,
                at_ns=at_ns,
                old_id=old_id,
            )
        )
