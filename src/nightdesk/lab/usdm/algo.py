"""The algo service: conditional orders, from waiting to what comes of them.

Owns their lives and ids. Refuses to match: what is triggered goes to the engine as a plain order of its
own, under the same client id, and its number is told as the actual order's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from nightdesk.lab.orders import ZERO, Side
from nightdesk.lab.refusals import Refused
from nightdesk.lab.truth import Kind
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.algo_orders import (
    AlgoOrder,
    AlgoRecord,
    AlgoStatus,
    AlgoTif,
    AlgoType,
    NewAlgo,
    WorkingType,
    reached,
    trailed,
)
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.news import AlgoNews
from nightdesk.lab.usdm.orders import NewPerp, PerpOrder, PerpType, Tif
from nightdesk.lab.usdm.settlement import VENUE

_FIRST_ALGO_ID = 1_000_000


@dataclass(slots=True)
class AlgoService:
    """Every conditional order of one USD-M venue."""

    exchange: PerpExchange
    last_price: Callable[[str], Decimal | None]
    records: dict[int, AlgoRecord] = field(default_factory=dict)
    _by_account: dict[str, dict[int, AlgoRecord]] = field(default_factory=dict)
    _open: dict[int, AlgoRecord] = field(default_factory=dict)
    _by_order_id: dict[int, AlgoRecord] = field(default_factory=dict)
    _last_algo_id: int = _FIRST_ALGO_ID

    def of(self, account: PerpAccount) -> list[AlgoRecord]:
        """Every conditional order of an account, oldest first."""
        return list(self._by_account.get(account.name, {}).values())

    def open_of(self, account: PerpAccount, symbol: str | None = None) -> list[AlgoRecord]:
        """Those that still wait for their price."""
        return [
            record
            for record in self._open.values()
            if record.now.account == account.name and symbol in (None, record.now.terms.symbol)
        ]

    def find(
        self, account: PerpAccount, algo_id: int | None, client_id: str | None
    ) -> AlgoRecord | None:
        """The newest one with this id; the venue's own id is looked at first."""
        records = self._by_account.get(account.name, {})
        if algo_id is not None:
            return records.get(algo_id)
        named = [r for r in records.values() if r.now.client_algo_id == client_id]
        return named[-1] if named else None

    # --- placing and ending ----------------------------------------------------------------

    def place(self, account: PerpAccount, new: NewAlgo, at_ns: int) -> AlgoRecord:
        """Take a conditional order. Raises `Refused` where the service does not want it."""
        client_id = new.client_algo_id or self.exchange.fresh_id()
        waiting = self.open_of(account)
        if any(record.now.client_algo_id == client_id for record in waiting):
            raise Refused(-4116, "ClientOrderId is duplicated.")
        if len(waiting) >= self.exchange.rules[new.symbol].algo_orders_max:
            raise Refused(-4045, "Reach max stop order limit.")
        self._check_waits(new)
        self._last_algo_id += 1
        order = AlgoOrder(
            algo_id=self._last_algo_id,
            account=account.name,
            client_algo_id=client_id,
            terms=new,
            created_ns=at_ns,
            updated_ns=at_ns,
            # "activatePrice: default as the latest price" (New Algo Order, read 2026-11-22): it trails at once.
            best=None if new.activate_price else self._price(new.symbol, new.working_type),
        )
        record = AlgoRecord([order])
        self.records[order.algo_id] = self._open[order.algo_id] = record
        self._by_account.setdefault(account.name, {})[order.algo_id] = record
        self._told(order, at_ns)
        return record

    def _check_waits(self, new: NewAlgo) -> None:
        price = self._price(new.symbol, new.working_type)
        if price is None:
            return
        if new.type is AlgoType.TRAILING_STOP_MARKET:
            sells = new.side is Side.SELL
            far = new.activate_price > price if sells else new.activate_price < price
            at_once = bool(new.activate_price) and not far
        else:
            at_once = reached(new, price)
        if at_once:
            raise Refused(-2021, "Order would immediately trigger.")

    def _price(self, symbol: str, working: WorkingType) -> Decimal | None:
        if working is WorkingType.MARK_PRICE:
            return self.exchange.mark(symbol)
        return self.last_price(symbol)

    def cancel(self, record: AlgoRecord, at_ns: int) -> None:
        """End one that waits, for its owner."""
        self._close(record, AlgoStatus.CANCELED, at_ns)

    def expire(self, record: AlgoRecord, at_ns: int, why: str) -> None:
        """End one that waits, for the venue."""
        self._close(record, AlgoStatus.EXPIRED, at_ns, rejection=why)

    def _close(self, record: AlgoRecord, status: AlgoStatus, at_ns: int, **changes: object) -> None:
        self._open.pop(record.now.algo_id, None)
        self._change(record, at_ns, status=status, **changes)

    def _change(self, record: AlgoRecord, at_ns: int, **changes: object) -> None:
        order = replace(record.now, updated_ns=at_ns, **changes)
        record.versions.append(order)
        self._told(order, at_ns)

    def _told(self, order: AlgoOrder, at_ns: int) -> None:
        terms = order.terms
        self.exchange.truth.add(
            Kind.ALGO,
            at_ns,
            venue=VENUE,
            account=order.account,
            what=str(order.status),
            symbol=terms.symbol,
            client_order_id=order.client_algo_id,
            algo_id=order.algo_id,
            side=str(terms.side),
            order_type=str(terms.type),
            time_in_force=str(terms.time_in_force),
            quantity=terms.quantity,
            price=terms.price,
            stop_price=terms.trigger_price,
            reduce_only=terms.reduce_only or terms.close_position or None,
            reason=order.rejection or None,
        )
        self.exchange.settlement.news.append(
            AlgoNews(account=order.account, order=order, at_ns=at_ns)
        )

    # --- prices ----------------------------------------------------------------------------

    def hear(
        self, symbol: str, working: WorkingType, price: Decimal, at_ns: int, made_ns: int
    ) -> None:
        """A contract traded at, or was marked at, this price at `made_ns`: trigger whoever waited then."""
        for record in list(self._open.values()):
            order = record.now
            if order.terms.symbol != symbol or order.terms.working_type is not working:
                continue
            waited = order.open and order.created_ns <= made_ns
            if waited and self._reached(record, price):
                self._trigger(record, at_ns)

    def _reached(self, record: AlgoRecord, price: Decimal) -> bool:
        order = record.now
        if order.terms.type is not AlgoType.TRAILING_STOP_MARKET:
            return reached(order.terms, price)
        # How far a stop has trailed is nobody's news.
        record.versions[-1], far = trailed(order, price)
        return far

    def _trigger(self, record: AlgoRecord, at_ns: int) -> None:
        """Send what comes of an order to the engine, and tell what the engine made of it."""
        account = self.exchange.accounts[record.now.account]
        self._open.pop(record.now.algo_id, None)
        self._change(record, at_ns, status=AlgoStatus.TRIGGERING, triggered_ns=at_ns)
        quantity = self._quantity(account, record.now)
        if not quantity:
            self._close(record, AlgoStatus.EXPIRED, at_ns, rejection="No position to close.")
            return
        try:
            placed = self.exchange.place(account, _child(record.now, quantity), at_ns)
        except Refused as e:
            self._close(record, AlgoStatus.REJECTED, at_ns, rejection=e.msg)
            return
        self._by_order_id[placed.now.order_id] = record
        self._change(record, at_ns, status=AlgoStatus.TRIGGERED, order_id=placed.now.order_id)
        if not placed.now.status.open:
            self.on_end(placed.now, at_ns)

    def _quantity(self, account: PerpAccount, order: AlgoOrder) -> Decimal:
        if not order.terms.close_position:
            return order.terms.quantity
        return account.position(order.terms.symbol).reducible(order.terms.side)

    # --- what the engine does ---------------------------------------------------------------

    def on_end(self, order: PerpOrder, at_ns: int) -> None:
        """A plain order has come to its end: so has the conditional one it came from."""
        record = self._by_order_id.get(order.order_id)
        if record is not None and record.now.status is AlgoStatus.TRIGGERED:
            self._change(
                record,
                at_ns,
                status=AlgoStatus.FINISHED,
                executed=order.executed,
                average_price=order.average_price,
            )

    def on_position(self, account: PerpAccount, symbol: str, at_ns: int) -> None:
        """A position changed: with its end, the orders end that were to last as long as it."""
        if account.position(symbol).amount:
            return
        for record in self.open_of(account, symbol):
            if record.now.terms.time_in_force is AlgoTif.GTE_GTC:
                self.expire(record, at_ns, "The position was closed.")


def _child(order: AlgoOrder, quantity: Decimal) -> NewPerp:
    """The plain order that comes of a conditional one."""
    terms = order.terms
    tif = Tif.GTC if terms.time_in_force is AlgoTif.GTE_GTC else Tif(terms.time_in_force)
    return NewPerp(
        symbol=terms.symbol,
        side=terms.side,
        type=PerpType.MARKET if terms.type.at_market else PerpType.LIMIT,
        time_in_force=Tif.GTC if terms.type.at_market else tif,
        price=ZERO if terms.type.at_market else terms.price,
        quantity=quantity,
        reduce_only=terms.reduce_only or terms.close_position,
        client_order_id=order.client_algo_id,
        stp=terms.stp,
        original_type=str(terms.type),
        stop_price=terms.trigger_price,
        working_type=str(terms.working_type),
        close_position=terms.close_position,
        algo_id=order.algo_id,
    )
