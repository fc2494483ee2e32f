"""The exchange behind the protocol: accounts, books, and the engine's decisions.

Owns whether an order or a list is accepted, which order a cancel means, and that whatever one
change brings about is done before the next. Refuses the protocol: requests arrive here parsed,
signed and filtered, and shapes are made elsewhere.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from string import ascii_letters, digits

from nightdesk.lab.accounts import Account, Amendment, AmendOrder, CancelOrder, NewList, NewOrder
from nightdesk.lab.floor import Floor
from nightdesk.lab.market import MarketEvent, Trade
from nightdesk.lab.matching import Matcher
from nightdesk.lab.order_lists import ListRecord, Lists
from nightdesk.lab.orders import NO_LIST, ZERO, OrderRecord, OrderType, Side
from nightdesk.lab.refusals import (
    BAD_PRICES,
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    UNKNOWN_ORDER,
    WOULD_TAKE,
    WOULD_TRIGGER,
    Refused,
    amend_rejected,
    cancel_rejected,
    new_order_rejected,
)
from nightdesk.lab.settings import LabSettings, SymbolSettings
from nightdesk.lab.settlement import Settlement, Withheld
from nightdesk.lab.triggers import is_met
from nightdesk.lab.truth import Truth
from nightdesk.lab.wallet import open_wallet

_ID_LETTERS = ascii_letters + digits
_ID_LENGTH = 22
_FIRST_UID = 1000


@dataclass(slots=True)
class Exchange:
    """All accounts and all books of one lab."""

    settings: LabSettings
    truth: Truth
    rules: dict[str, SymbolSettings] = field(init=False)
    accounts: dict[str, Account] = field(init=False)
    matchers: dict[str, Matcher] = field(init=False)
    settlement: Settlement = field(init=False)
    floor: Floor = field(init=False)
    lists: Lists = field(init=False)
    _ids: Random = field(init=False)

    def __post_init__(self) -> None:
        self._ids = Random(f"{self.settings.seed}/client-order-ids")
        self.rules = {s.symbol: s for s in self.settings.symbols}
        self.matchers = {symbol: Matcher() for symbol in self.rules}
        self.settlement = Settlement(self.settings, self.rules, self.truth)
        self.floor = Floor(self.rules, self.matchers, self.settlement)
        self.lists = Lists(self.floor)
        assets = self.settings.assets()
        self.accounts = {
            a.name: Account(a, _FIRST_UID + n, open_wallet(a.balances, assets))
            for n, a in enumerate(self.settings.accounts)
        }

    def on_market(self, event: MarketEvent) -> MarketEvent:
        """Let the market happen; the event comes back as the venue publishes it."""
        if isinstance(event, Trade):
            event = self.settlement.numbers.numbered(event)
            self.settlement.fresh.append(event)
            self.floor.on_market(event)
            self._follow(event.at_ns)
        elif self.floor.on_market(event):
            self._follow(event.at_ns)
        return event

    # --- what a change brings about ----------------------------------------------------------

    def _follow(self, at_ns: int) -> None:
        """Let lists and triggers hear of what happened, until nothing more comes of it."""
        settlement, waiting = self.settlement, self.floor.waiting
        while settlement.stirred or settlement.fresh:
            if settlement.stirred:
                order = settlement.stirred.pop(0)
                self.lists.follow(self.accounts[order.account], order, at_ns)
                continue
            trailing, reached = waiting.heard(settlement.fresh.pop(0))
            for order_id in trailing:
                settlement.trails(self._record(order_id), at_ns)
            for order_id in reached:
                self._start(self._record(order_id), at_ns)

    def _record(self, order_id: int) -> OrderRecord:
        return self.settlement.owners[order_id].orders[order_id]

    def _start(self, record: OrderRecord, at_ns: int) -> None:
        """Bring an order whose price has come to its book, unless another's start ended it."""
        order = record.now
        if not self.floor.waiting.remove(order):
            return
        account = self.accounts[order.account]
        self.settlement.locks.take_over(account, order, at_ns)
        if order.list_id != NO_LIST:
            self.lists.follow(account, order, at_ns)
        self.floor.start(account, record, at_ns)

    # --- placing ---------------------------------------------------------------------------

    def place(self, account: Account, new: NewOrder, at_ns: int) -> OrderRecord:
        """Accept an order and match it. Raises `Refused` when the engine does not want it."""
        client_id = self._client_id(account, new)
        self._check_prices(new)
        quantity = self.floor.quantity(account, new)
        lock = self.floor.lock(account, new, quantity)
        self._check_money(account, new, lock)
        order = self.floor.new(account, new, client_id, quantity, at_ns)
        self.settlement.accepted(account, order, lock)
        record = account.orders[order.order_id]
        self.floor.begin(account, record, at_ns)
        self._follow(at_ns)
        return record

    def place_list(self, account: Account, new: NewList, at_ns: int) -> ListRecord:
        """Accept an order list, all of it or nothing. Raises `Refused`."""
        list_client_id = new.client_list_id or self.fresh_id()
        known = self.lists.find(account, None, list_client_id)
        if known is not None and known.now.open:
            raise new_order_rejected(DUPLICATE_ORDER)
        client_ids = [self._client_id(account, one) for one in new.orders]
        if len(set(client_ids)) < len(client_ids):
            raise new_order_rejected(DUPLICATE_ORDER)
        first = new.orders if new.working is None else (new.working,)
        if new.working is None:
            self._check_pair(new)
        for one in first:
            self._check_prices(one)
        lock = max(self.floor.lock(account, one, _quantity(one)) for one in first)
        self._check_money(account, first[0], lock)
        list_id = self.lists.next_id()
        orders = [
            self.floor.new(
                account,
                one,
                client_id,
                _quantity(one),
                at_ns,
                list_id=list_id,
                pending=number >= len(first),
            )
            for number, (one, client_id) in enumerate(zip(new.orders, client_ids, strict=True))
        ]
        for order, amount in zip(orders, (lock, ZERO, ZERO), strict=False):
            self.settlement.accepted(account, order, amount)
        if new.working is None:
            self.settlement.locks.pair(account, *orders)
        record = self.lists.add(account, new, list_id, list_client_id, orders, at_ns)
        for order in orders[: len(first)]:
            self.floor.begin(account, account.orders[order.order_id], at_ns)
        self._follow(at_ns)
        return record

    def fresh_id(self) -> str:
        """A client order id as the venue makes one up."""
        return "".join(self._ids.choices(_ID_LETTERS, k=_ID_LENGTH))

    def _client_id(self, account: Account, new: NewOrder) -> str:
        client_id = new.client_order_id or self.fresh_id()
        if account.has_open(new.symbol, client_id):
            raise new_order_rejected(DUPLICATE_ORDER)
        return client_id

    def _check_prices(self, new: NewOrder) -> None:
        """Refuse what the book or the last price would not let wait."""
        matcher = self.matchers[new.symbol]
        if new.type is OrderType.LIMIT_MAKER and matcher.would_take(new.side, new.price):
            raise new_order_rejected(WOULD_TAKE)
        price = self.floor.market_price(new.symbol)
        if not new.type.conditional or not new.stop_price or price is None:
            return
        if is_met(new.type, new.side, new.stop_price, price):
            raise new_order_rejected(WOULD_TRIGGER)

    def _check_pair(self, new: NewList) -> None:
        """Refuse a pair that does not have the market between its prices."""
        market = self.floor.market_price(new.symbol)
        for one in new.others:
            above = one.type.stop_loss == (one.side is Side.BUY)
            limited = one.type in (OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT_LIMIT)
            price = one.price if limited else one.stop_price
            if market is None or not price:
                continue
            if price <= market if above else price >= market:
                raise new_order_rejected(BAD_PRICES)

    def _check_money(self, account: Account, new: NewOrder, lock: Decimal) -> None:
        asset = self.settlement.locks.paid_asset(new.symbol, new.side)
        if lock > account.wallet.free(asset):
            raise new_order_rejected(INSUFFICIENT_BALANCE)

    # --- cancelling ------------------------------------------------------------------------

    def to_cancel(self, account: Account, cancel: CancelOrder) -> OrderRecord:
        """The open order a cancel means. Raises `Refused` when there is none."""
        record = account.find(cancel.symbol, cancel.order_id, cancel.client_order_id)
        if record is None or not record.now.status.open:
            raise cancel_rejected(UNKNOWN_ORDER)
        if cancel.only_status is not None and record.now.status is not cancel.only_status:
            raise cancel_rejected("Order was not canceled due to cancel restrictions.")
        return record

    def cancel(
        self,
        account: Account,
        record: OrderRecord,
        cancel_id: str | None,
        at_ns: int,
        *,
        withheld: Decimal = ZERO,
    ) -> Withheld | None:
        """Cancel an open order. With `withheld`, so much of it was filled an instant before
        and its owner does not know; the returned value reveals it later."""
        order = record.now
        self.floor.leave(order)
        hidden = self.settlement.withhold(account, order, withheld, at_ns) if withheld else None
        self.settlement.canceled(account, record, cancel_id or self.fresh_id(), withheld, at_ns)
        self._follow(at_ns)
        return hidden

    # --- amending --------------------------------------------------------------------------

    def to_amend(self, account: Account, amend: AmendOrder) -> OrderRecord:
        """The open order an amendment means. Raises `Refused` when it cannot be amended so."""
        record = account.find(amend.symbol, amend.order_id, amend.client_order_id)
        if record is None or not record.now.status.open:
            raise amend_rejected(UNKNOWN_ORDER)
        order = record.now
        if amend.quantity > order.quantity:
            raise amend_rejected("Order amend (quantity increase) is not supported.")
        if amend.quantity == order.quantity:
            raise amend_rejected("The requested action would change no state; rejecting")
        # No document says what comes of an order of which more has traded than is to be left.
        if amend.quantity <= order.executed:
            raise Refused(-1013, "Invalid quantity.")
        if order.amends >= self.rules[order.symbol].amends_max:
            raise amend_rejected("Filter failure: MAX_NUM_ORDER_AMENDS")
        new_id = amend.new_client_id
        own = new_id in (None, order.client_order_id)
        if not own and account.has_open(order.symbol, new_id or ""):
            raise amend_rejected(DUPLICATE_ORDER)
        return record

    def amend(
        self, account: Account, record: OrderRecord, amend: AmendOrder, at_ns: int
    ) -> Amendment:
        """Make an order smaller where it is; both orders of a pair stay equally large."""
        settlement, old_id = self.settlement, record.now.client_order_id
        client_id = amend.new_client_id or self.fresh_id()
        amendment = settlement.amended(account, record, amend.quantity, client_id, at_ns)
        self.floor.reduce(account, record.now, at_ns)
        twin = self.lists.twin(account, record.now)
        if twin is not None and twin.now.status.open:
            same_id = twin.now.client_order_id
            settlement.amended(account, twin, amend.quantity, same_id, at_ns)
            self.floor.reduce(account, twin.now, at_ns)
        if record.now.list_id != NO_LIST and client_id != old_id:
            self.lists.rename(account, record.now, at_ns)
        return amendment

    def drop(self, account: Account, record: OrderRecord, at_ns: int) -> None:
        """Lose an order that rests or waits: it ends, and its owner is not told."""
        self.floor.leave(record.now)
        self.settlement.drop(account, record, at_ns)


def _quantity(new: NewOrder) -> Decimal:
    assert new.quantity is not None, "the orders of a list have quantities"
    return new.quantity
