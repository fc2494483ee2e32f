"""Order lists: orders of which one cancels, or triggers, the others.

Owns what the end, the fill or the start of one order means for the others of its list. Refuses
to match and to judge a request: the floor and the exchange do.

An OCO is a pair: when one of the two trades or comes to the book for its price, the other
expires. An OTO has a working order, and one order or a pair that comes to the book when that is
filled whole (REST documents, "Order lists", read 2026-11-22).
"""

from dataclasses import dataclass, field

import msgspec

from nightdesk.lab.accounts import Account, NewList
from nightdesk.lab.floor import Floor
from nightdesk.lab.orders import NO_LIST, ZERO, ExpiryReason, Order, OrderRecord, OrderType, Status
from nightdesk.lab.reports import Contingency, ListReport, ListStatus, OrderList
from nightdesk.lab.triggers import is_met

_PAIR = 2


@dataclass(slots=True)
class ListRecord:
    """Every version of one list, oldest first."""

    versions: list[OrderList]

    @property
    def now(self) -> OrderList:
        """The newest version."""
        return self.versions[-1]

    def as_of(self, at_ns: int) -> OrderList | None:
        """The version that was newest at `at_ns`; None when the list did not exist yet."""
        return next((v for v in reversed(self.versions) if v.updated_ns <= at_ns), None)


@dataclass(slots=True)
class Lists:
    """Every order list of one lab."""

    floor: Floor
    records: dict[int, ListRecord] = field(default_factory=dict)
    _last_id: int = 0

    def of(self, account: Account) -> list[ListRecord]:
        """The lists of an account, oldest first."""
        return [r for r in self.records.values() if r.now.account == account.name]

    def find(
        self, account: Account, list_id: int | None, client_list_id: str | None
    ) -> ListRecord | None:
        """The newest list with these ids; with both given, both must fit the same list."""
        for record in reversed(self.of(account)):
            same_id = list_id in (None, record.now.list_id)
            if same_id and client_list_id in (None, record.now.client_list_id):
                return record
        return None

    def next_id(self) -> int:
        """The number of a list that is about to be."""
        self._last_id += 1
        return self._last_id

    def add(
        self,
        account: Account,
        new: NewList,
        list_id: int,
        client_list_id: str,
        orders: list[Order],
        at_ns: int,
    ) -> ListRecord:
        """Take in a list whose orders were just accepted."""
        group = OrderList(
            list_id=list_id,
            account=account.name,
            symbol=new.symbol,
            client_list_id=client_list_id,
            contingency=Contingency.OCO if new.working is None else Contingency.OTO,
            orders=tuple(order.order_id for order in orders),
            client_ids=tuple(order.client_order_id for order in orders),
            created_ns=at_ns,
            updated_ns=at_ns,
        )
        record = self.records[list_id] = ListRecord([group])
        self._tell(group, at_ns)
        return record

    # --- one order means something for the others --------------------------------------------

    def follow(self, account: Account, order: Order, at_ns: int) -> None:
        """An order of a list traded, started or ended: do what that means for the others."""
        record = self.records[order.list_id]
        others = [account.orders[i] for i in record.now.orders if i != order.order_id]
        waiting = [r for r in others if r.now.status.open]
        first = order.order_id == record.now.orders[0]
        working = first and record.now.contingency is Contingency.OTO
        if working and order.status is Status.FILLED:
            self._release(account, record, waiting, at_ns)
        elif not working or not order.status.open:
            for other in waiting:
                self._end(account, order, other, at_ns, working=working)
        self._note_end(account, record, at_ns)

    def _end(
        self, account: Account, order: Order, other: OrderRecord, at_ns: int, *, working: bool
    ) -> None:
        """End the other order of a list, for the reason that `order` gives."""
        self.floor.leave(other.now)
        settlement = self.floor.settlement
        if order.status is Status.CANCELED:
            assert order.cancel_id is not None, "every cancel has an id"
            settlement.canceled(account, other, order.cancel_id, ZERO, at_ns)
        else:
            reason = ExpiryReason.OTO_PHASE_ONE if working else ExpiryReason.OCO_TRIGGER
            settlement.expire(account, other, reason, at_ns)
        settlement.stirred.pop()  # an end that a list brought about means nothing more for the list

    def _release(
        self, account: Account, record: ListRecord, pending: list[OrderRecord], at_ns: int
    ) -> None:
        """The working order is filled: the others come to the book, or end where they cannot."""
        settlement = self.floor.settlement
        pending = [r for r in pending if r.now.status is Status.PENDING_NEW]
        if not pending:
            return
        costs = [self.floor.lock(account, r.now, r.now.quantity) for r in pending]
        good = not any(self._unwanted(r.now) for r in pending)
        first = pending[0]
        if not good or not settlement.locks.change(account, first.now, max(costs), at_ns):
            settlement.expire(account, first, ExpiryReason.REJECTED, at_ns)
            return
        if len(pending) == _PAIR:
            settlement.locks.pair(account, first.now, pending[1].now)
        for one in pending:
            if not one.now.status.open:
                continue
            if one.now.type.conditional:
                settlement.waits(one, at_ns)
            else:
                settlement.works(one, at_ns)
            self.floor.begin(account, one, at_ns)
        self._tell(record.now, at_ns)

    def _unwanted(self, order: Order) -> bool:
        """Whether the book would refuse a pending order now."""
        if order.type is OrderType.LIMIT_MAKER:
            return self.floor.matchers[order.symbol].would_take(order.side, order.price)
        price = self.floor.market_price(order.symbol)
        if not order.type.conditional or not order.stop_price or price is None:
            return False
        return is_met(order.type, order.side, order.stop_price, price)

    # --- telling -----------------------------------------------------------------------------

    def twin(self, account: Account, order: Order) -> OrderRecord | None:
        """The other order of a pair, open or not; None for an order that is in no pair."""
        if order.list_id == NO_LIST:
            return None
        group = self.records[order.list_id].now
        pair = group.orders if group.contingency is Contingency.OCO else group.orders[1:]
        others = [i for i in pair if i != order.order_id]
        if order.order_id not in pair or not others:
            return None
        return account.orders[others[0]]

    def rename(self, account: Account, order: Order, at_ns: int) -> OrderList:
        """An order of a list has another client id."""
        record = self.records[order.list_id]
        ids = tuple(account.orders[i].now.client_order_id for i in record.now.orders)
        group = msgspec.structs.replace(record.now, client_ids=ids, updated_ns=at_ns)
        record.versions.append(group)
        self._tell(msgspec.structs.replace(group, status=ListStatus.UPDATED), at_ns)
        return group

    def _note_end(self, account: Account, record: ListRecord, at_ns: int) -> None:
        over = not any(account.orders[i].now.status.open for i in record.now.orders)
        if over and record.now.status is not ListStatus.ALL_DONE:
            changes = {"status": ListStatus.ALL_DONE, "updated_ns": at_ns}
            group = msgspec.structs.replace(record.now, **changes)
            record.versions.append(group)
            self._tell(group, at_ns)

    def _tell(self, group: OrderList, at_ns: int) -> None:
        self.floor.settlement.reports.append(ListReport(group=group, at_ns=at_ns))
