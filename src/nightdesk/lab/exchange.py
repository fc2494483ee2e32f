"""The exchange behind the protocol: accounts, books, and the engine's decisions.

Owns whether an order is accepted, when it ends, and which order a cancel means. Refuses the
protocol: requests arrive here parsed, signed and filtered, and shapes are made elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from string import ascii_letters, digits

from nightdesk.lab.accounts import Account, CancelOrder, NewOrder
from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, MarketEvent, Trade
from nightdesk.lab.matching import Clash, Cross, Matcher, Taking, spendable
from nightdesk.lab.orders import (
    ZERO,
    ExpiryReason,
    Order,
    OrderRecord,
    OrderType,
    Side,
    StpMode,
    TimeInForce,
)
from nightdesk.lab.refusals import (
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    UNKNOWN_ORDER,
    WOULD_TAKE,
    cancel_rejected,
    new_order_rejected,
)
from nightdesk.lab.settings import LabSettings, SymbolSettings
from nightdesk.lab.settlement import Settlement, Withheld
from nightdesk.lab.truth import Truth
from nightdesk.lab.wallet import open_wallet

_ID_LETTERS = ascii_letters + digits
_ID_LENGTH = 22
_FIRST_UID = 1000

Offers = list[tuple[Decimal, Decimal]]


@dataclass(slots=True)
class Exchange:
    """All accounts and all books of one lab."""

    settings: LabSettings
    truth: Truth
    rules: dict[str, SymbolSettings] = field(init=False)
    accounts: dict[str, Account] = field(init=False)
    matchers: dict[str, Matcher] = field(init=False)
    settlement: Settlement = field(init=False)
    # Whether a match expires an order of ours as a match with its own account's would.
    prevents: Callable[[Order, int], bool] = lambda _order, _now_ns: False
    _last_order_id: int = 0
    _ids: Random = field(init=False)

    def __post_init__(self) -> None:
        self._ids = Random(f"{self.settings.seed}/client-order-ids")
        self.rules = {s.symbol: s for s in self.settings.symbols}
        self.matchers = {symbol: Matcher() for symbol in self.rules}
        self.settlement = Settlement(self.settings, self.rules, self.truth)
        assets = self.settings.assets()
        self.accounts = {
            a.name: Account(a, _FIRST_UID + n, open_wallet(a.balances, assets))
            for n, a in enumerate(self.settings.accounts)
        }

    def on_market(self, event: MarketEvent) -> MarketEvent:
        """Let the market happen; the event comes back as the venue publishes it."""
        published = self.settlement.numbered(event) if isinstance(event, Trade) else event
        for cross in self._crosses(published):
            if not self._prevented(cross, event.at_ns):
                self.settlement.settle(event.symbol, cross, event.at_ns)
        return published

    def _prevented(self, cross: Cross, at_ns: int) -> bool:
        """Expire a resting order instead of filling it, where a fault says so."""
        assert cross.maker is not None, "the market trades only with orders that rest"
        account = self.settlement.owners[cross.maker]
        order = account.orders[cross.maker].now
        if not self.prevents(order, at_ns):
            return False
        self.matchers[order.symbol].remove(order.order_id, order.side)
        self._prevent(account, order, StpMode.EXPIRE_MAKER, cross.price, at_ns)
        return True

    def _prevent(
        self, account: Account, order: Order, mode: StpMode, price: Decimal, at_ns: int
    ) -> None:
        """Expire an order as if it had met one of its own trade group."""
        self._last_order_id += 1
        other, own = self._last_order_id, order.order_id
        takes = mode is StpMode.EXPIRE_TAKER
        taker, maker = (own, other) if takes else (other, own)
        clash = Clash(mode=mode, taker=taker, maker=maker, price=price)
        self.settlement.prevent(account, clash, at_ns)

    def _crosses(self, event: MarketEvent) -> list[Cross]:
        matcher = self.matchers[event.symbol]
        match event:
            case BookTicker():
                return matcher.on_quote(event)
            case DepthUpdate():
                return matcher.on_depth(event)
            case DepthSnapshot():
                return matcher.on_snapshot(event)
            case Trade():
                return matcher.on_trade(event)

    # --- placing ---------------------------------------------------------------------------

    def place(self, account: Account, new: NewOrder, at_ns: int) -> OrderRecord:
        """Accept an order and match it. Raises `Refused` when the engine does not want it."""
        client_id = new.client_order_id or self.fresh_id()
        if any(
            i in account.open_ids for i in account.by_client_id.get((new.symbol, client_id), ())
        ):
            raise new_order_rejected(DUPLICATE_ORDER)
        matcher = self.matchers[new.symbol]
        if new.type is OrderType.LIMIT_MAKER and matcher.would_take(new.side, new.price):
            raise new_order_rejected(WOULD_TAKE)
        offers = self._offers(account, new)
        quantity = self._quantity(new, offers)
        lock = _lock(new, quantity, offers)
        if lock > account.wallet.free(self.settlement.paid_asset(new.symbol, new.side)):
            raise new_order_rejected(INSUFFICIENT_BALANCE)
        order = self._new(account, new, client_id, quantity, at_ns)
        self.settlement.accepted(account, order, lock)
        record = account.orders[order.order_id]
        if new.time_in_force is TimeInForce.FOK and sum(q for _, q in offers) < quantity:
            self.settlement.expire(account, record, ExpiryReason.FOK, at_ns)
        else:
            self._match(account, record, at_ns)
        return record

    def fresh_id(self) -> str:
        """A client order id as the venue makes one up."""
        return "".join(self._ids.choices(_ID_LETTERS, k=_ID_LENGTH))

    def _offers(self, account: Account, new: NewOrder) -> Offers:
        """What a market or fill-or-kill order could take; others need not know beforehand."""
        limit = None if new.type is OrderType.MARKET else new.price
        if limit is not None and new.time_in_force is not TimeInForce.FOK:
            return []
        without = None if new.stp is StpMode.NONE else account.name
        return self.matchers[new.symbol].offers(new.side, limit, without=without)

    def _quantity(self, new: NewOrder, offers: Offers) -> Decimal:
        if new.quantity is not None:
            return new.quantity
        assert new.quote_quantity is not None
        rules = self.rules[new.symbol]
        quantity = spendable(offers, new.quote_quantity, rules.step)
        if not offers:
            raise new_order_rejected("Order book liquidity is less than symbol minimum quantity.")
        if quantity < rules.quantity_min:
            raise new_order_rejected(
                "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
            )
        return quantity

    def _new(
        self, account: Account, new: NewOrder, client_id: str, quantity: Decimal, at_ns: int
    ) -> Order:
        self._last_order_id += 1
        return Order(
            order_id=self._last_order_id,
            account=account.name,
            symbol=new.symbol,
            client_order_id=client_id,
            side=new.side,
            type=new.type,
            time_in_force=new.time_in_force,
            price=new.price,
            quantity=quantity,
            quote_quantity=new.quote_quantity or ZERO,
            stp=new.stp,
            strategy_id=new.strategy_id,
            strategy_type=new.strategy_type,
            created_ns=at_ns,
            updated_ns=at_ns,
            working=True,
        )

    def _match(self, account: Account, record: OrderRecord, at_ns: int) -> None:
        order = record.now
        at_market = order.type is OrderType.MARKET
        taking = Taking(
            order_id=order.order_id,
            account=account.name,
            side=order.side,
            limit=None if at_market else order.price,
            remaining=order.quantity,
            stp=order.stp,
        )
        matcher = self.matchers[order.symbol]
        price = matcher.first_price(taking)
        if price is not None and self.prevents(order, at_ns):
            self._prevent(account, order, StpMode.EXPIRE_TAKER, price, at_ns)
            return
        matcher.take(taking)
        for cross in taking.crosses:
            self.settlement.settle(order.symbol, cross, at_ns)
        for clash in taking.clashes:
            self.settlement.prevent(account, clash, at_ns)
        if taking.stopped or not taking.remaining:
            return
        if at_market:
            self.settlement.expire(account, record, ExpiryReason.LIQUIDITY, at_ns)
        elif order.time_in_force is TimeInForce.IOC:
            self.settlement.expire(account, record, ExpiryReason.IOC, at_ns)
        else:
            left = taking.remaining
            matcher.rest(order.order_id, account.name, order.side, order.price, left, at_ns)

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
        self.matchers[order.symbol].remove(order.order_id, order.side)
        hidden = self.settlement.withhold(account, order, withheld, at_ns) if withheld else None
        self.settlement.canceled(account, record, cancel_id or self.fresh_id(), withheld, at_ns)
        return hidden


def _lock(new: NewOrder, quantity: Decimal, offers: Offers) -> Decimal:
    """What an order must have: sells their quantity, buys their cost at the limit or, at
    market, along what is on offer."""
    if new.side is Side.SELL:
        return quantity
    if new.type is not OrderType.MARKET:
        return new.price * quantity
    cost, left = ZERO, quantity
    for price, offered in offers:
        part = min(offered, left)
        cost += part * price
        left -= part
        if not left:
            break
    return cost
