"""The trading floor: what an order needs, how it enters the books, and how the market meets it.

Owns order numbers, locks, and the way of one order into its book. Refuses to judge whether an
order is wanted, and what one order means for another: the exchange and its lists do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from nightdesk.lab.accounts import Account, NewOrder
from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, MarketEvent, Trade
from nightdesk.lab.matching import Clash, Cross, Matcher, Taking, spendable
from nightdesk.lab.orders import (
    NO_LIST,
    ZERO,
    ExpiryReason,
    Order,
    OrderRecord,
    Side,
    Status,
    StpMode,
    TimeInForce,
)
from nightdesk.lab.refusals import new_order_rejected
from nightdesk.lab.settings import SymbolSettings
from nightdesk.lab.settlement import Settlement
from nightdesk.lab.triggers import Waiting

Offers = list[tuple[Decimal, Decimal]]


@dataclass(slots=True)
class Floor:
    """The books of one lab, and the orders that wait for a price outside them."""

    rules: dict[str, SymbolSettings]
    matchers: dict[str, Matcher]
    settlement: Settlement
    # Whether a match expires an order of ours as a match with its own account's would.
    prevents: Callable[[Order, int], bool] = lambda _order, _now_ns: False
    waiting: Waiting = field(default_factory=Waiting)
    _last_order_id: int = 0

    # --- the market ------------------------------------------------------------------------

    def on_market(self, event: MarketEvent) -> int:
        """Let the market happen; how many orders that filled or ended."""
        crosses = self._crosses(event)
        for cross in crosses:
            if not self._prevented(cross, event.at_ns):
                self.settlement.settle(event.symbol, cross, event.at_ns)
        return len(crosses)

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

    def _prevented(self, cross: Cross, at_ns: int) -> bool:
        """Expire a resting order instead of filling it, where a fault says so."""
        assert cross.maker is not None, "the market trades only with orders that rest"
        account = self.settlement.owners[cross.maker]
        order = account.orders[cross.maker].now
        if not self.prevents(order, at_ns):
            return False
        self.leave(order)
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

    def market_price(self, symbol: str) -> Decimal | None:
        """The last trade price; before there is any, the middle of the book."""
        fresh = [trade.price for trade in self.settlement.fresh if trade.symbol == symbol]
        last = fresh[-1] if fresh else self.waiting.last.get(symbol)
        return self.matchers[symbol].book.mid() if last is None else last

    # --- what an order needs ---------------------------------------------------------------

    def quantity(self, account: Account, new: NewOrder) -> Decimal:
        """What is to be traded. Raises `Refused` where a quote amount buys too little."""
        if new.quantity is not None:
            return new.quantity
        assert new.quote_quantity is not None, "an order has a quantity or a quote amount"
        rules, offers = self.rules[new.symbol], self._offers(account, new)
        quantity = spendable(offers, new.quote_quantity, rules.step)
        if not offers:
            raise new_order_rejected("Order book liquidity is less than symbol minimum quantity.")
        if quantity < rules.quantity_min:
            raise new_order_rejected(
                "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
            )
        return quantity

    def lock(self, account: Account, order: NewOrder | Order, quantity: Decimal) -> Decimal:
        """What an order must have when it comes: sells their quantity, buys their cost. A market
        buy that waits for a price is held to its stop price, or the market's where it only trails;
        no document says so, and what it really costs is asked again when it works."""
        if order.side is Side.BUY and order.type.at_market and order.type.conditional:
            return (order.stop_price or self.market_price(order.symbol) or ZERO) * quantity
        return self._cost(account, order, quantity)

    def _cost(self, account: Account, order: NewOrder | Order, quantity: Decimal) -> Decimal:
        if order.side is Side.SELL:
            return quantity
        if not order.type.at_market:
            return order.price * quantity
        cost, left = ZERO, quantity
        for price, offered in self._offers(account, order):
            part = min(offered, left)
            cost += part * price
            left -= part
            if not left:
                break
        return cost

    def _offers(self, account: Account, order: NewOrder | Order) -> Offers:
        limit = None if order.type.at_market else order.price
        without = None if order.stp is StpMode.NONE else account.name
        return self.matchers[order.symbol].offers(order.side, limit, without=without)

    def new(
        self,
        account: Account,
        new: NewOrder,
        client_id: str,
        quantity: Decimal,
        at_ns: int,
        *,
        list_id: int = NO_LIST,
        pending: bool = False,
    ) -> Order:
        """The order that becomes of a request. `pending` waits for another order first."""
        self._last_order_id += 1
        works = not pending and not new.type.conditional
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
            working=works,
            working_ns=at_ns if works else None,
            status=Status.PENDING_NEW if pending else Status.NEW,
            stop_price=new.stop_price,
            trailing_delta=new.trailing_delta,
            list_id=list_id,
        )

    # --- into the book ---------------------------------------------------------------------

    def begin(self, account: Account, record: OrderRecord, at_ns: int) -> None:
        """Take an accepted order where it belongs: to its book, or to wait for its price."""
        if not record.now.type.conditional:
            self._enter(account, record, at_ns)
        elif self.waiting.add(record.now, at_ns, len(self.settlement.fresh)):
            self.settlement.trails(record, at_ns)

    def start(self, account: Account, record: OrderRecord, at_ns: int) -> None:
        """Bring an order that has waited to its book; one that can no longer pay expires."""
        settlement, order = self.settlement, record.now
        settlement.locks.take_over(account, order, at_ns)
        cost = self._cost(account, order, order.remaining)
        if not settlement.locks.change(account, order, cost, at_ns):
            settlement.expire(account, record, ExpiryReason.REJECTED, at_ns)
            return
        settlement.works(record, at_ns)
        self._enter(account, record, at_ns)

    def leave(self, order: Order) -> None:
        """Take an order out of its book, or let it wait no longer."""
        self.matchers[order.symbol].remove(order.order_id, order.side)
        self.waiting.remove(order)

    def reduce(self, account: Account, order: Order, at_ns: int) -> None:
        """Keep less of an order in its place, and less locked for it; of a pair, the order that has
        the lock of both gives back its share."""
        self.matchers[order.symbol].reduce(order.order_id, order.side, order.remaining)
        held = account.locks[order.order_id]
        other = account.pairs.get(order.order_id)
        needs = self.lock(account, order, order.remaining)
        if other is not None:
            twin = account.orders[other].now
            needs = max(needs, self.lock(account, twin, order.remaining))
        if needs < held:
            self.settlement.locks.change(account, order, needs, at_ns)

    def _enter(self, account: Account, record: OrderRecord, at_ns: int) -> None:
        order = record.now
        if order.time_in_force is TimeInForce.FOK:
            on_offer = sum(quantity for _, quantity in self._offers(account, order))
            if on_offer < order.quantity:
                self.settlement.expire(account, record, ExpiryReason.FOK, at_ns)
                return
        self._match(account, record, at_ns)

    def _match(self, account: Account, record: OrderRecord, at_ns: int) -> None:
        order = record.now
        taking = Taking(
            order_id=order.order_id,
            account=account.name,
            side=order.side,
            limit=None if order.type.at_market else order.price,
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
        if order.type.at_market:
            self.settlement.expire(account, record, ExpiryReason.LIQUIDITY, at_ns)
        elif order.time_in_force is TimeInForce.IOC:
            self.settlement.expire(account, record, ExpiryReason.IOC, at_ns)
        else:
            left = taking.remaining
            matcher.rest(order.order_id, account.name, order.side, order.price, left, at_ns)
