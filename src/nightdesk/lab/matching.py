"""Matching of one symbol: clients' orders by price and time, inside a market that goes on.

Owns who trades with whom, at which price and how much. Refuses wallets, fees and reports:
it returns crosses, and the exchange settles them.

A resting order waits behind what the market showed at its price when it joined. Trades that
print at its price first eat that quantity, then fill it; the market's cancels shorten the
queue only as far as the level becomes smaller than the queue. Where the market does not show what
stands at its price, it is last in a queue of unknown length until it does. A touch does not fill. A trade
beyond its price, or an opposite quote beyond its price, fills it whole at its own price. A trade
that was made before the order came does neither.
"""

from bisect import insort
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from nightdesk.lab.book import Book, Ladder
from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, Trade
from nightdesk.lab.orders import ZERO, Side, StpMode

UNSEEN = Decimal("Infinity")  # a queue whose length the market has not shown yet


class Cross(msgspec.Struct, frozen=True, kw_only=True):
    """One trade. `taker` and `maker` are order ids; None stands for the market."""

    price: Decimal
    quantity: Decimal
    taker_side: Side
    taker: int | None
    maker: int | None


class Clash(msgspec.Struct, frozen=True, kw_only=True):
    """A match of an account with itself that its taker's mode forbids."""

    mode: StpMode
    taker: int
    maker: int
    price: Decimal


@dataclass(slots=True)
class Resting:
    """A client's order in the book, with its place in the queue."""

    order_id: int
    account: str
    side: Side
    price: Decimal
    remaining: Decimal
    ahead: Decimal
    level: Decimal
    since_ns: int
    # What the last shrinking of the level took from `ahead`. A trade printed right after it
    # usually is that shrinking, told twice; it must not shorten the queue a second time.
    credit: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Taking:
    """An order on its way into the book; `limit` None takes at any price."""

    order_id: int
    account: str
    side: Side
    limit: Decimal | None
    remaining: Decimal
    stp: StpMode
    crosses: list[Cross] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    stopped: bool = False

    def reaches(self, price: Decimal) -> bool:
        """Whether this order accepts `price`."""
        if self.limit is None:
            return True
        return price <= self.limit if self.side is Side.BUY else price >= self.limit


@dataclass(slots=True)
class Matcher:
    """The book of one symbol and the clients' orders in it."""

    book: Book = field(default_factory=Book)
    _resting: dict[Side, list[Resting]] = field(
        default_factory=lambda: {Side.BUY: [], Side.SELL: []}
    )

    # --- clients ---------------------------------------------------------------------------

    def would_take(self, side: Side, price: Decimal) -> bool:
        """Whether an order at `price` would trade at once."""
        best = self._best_opposite(side)
        if best is None:
            return False
        return price >= best if side is Side.BUY else price <= best

    def offers(
        self, side: Side, limit: Decimal | None, *, without: str | None = None
    ) -> list[tuple[Decimal, Decimal]]:
        """What an order of `side` could take, best first, orders of account `without` left out."""
        ladder = self.book.ladder(side.opposite)
        offers = list(ladder.walk())
        offers.extend(
            (r.price, r.remaining) for r in self._resting[side.opposite] if r.account != without
        )
        offers.sort(key=_price, reverse=side is Side.SELL)
        if limit is None:
            return offers
        return [o for o in offers if (o[0] <= limit if side is Side.BUY else o[0] >= limit)]

    def first_price(self, taking: Taking) -> Decimal | None:
        """The price at which `taking` would trade first; None when it would not."""
        price = self._best_opposite(taking.side)
        return price if price is not None and taking.reaches(price) else None

    def take(self, taking: Taking) -> None:
        """Let `taking` trade as far as it can; results are kept in it."""
        opposite = taking.side.opposite
        ladder = self.book.ladder(opposite)
        while taking.remaining and not taking.stopped:
            price = self._best_opposite(taking.side)
            if price is None or not taking.reaches(price):
                return
            for resting in [r for r in self._resting[opposite] if r.price == price]:
                self._take_from_market(taking, ladder, price, resting.ahead)
                if taking.remaining and not taking.stopped:
                    self._take_from_client(taking, resting)
            self._take_from_market(taking, ladder, price, None)

    def rest(
        self,
        order_id: int,
        account: str,
        side: Side,
        price: Decimal,
        qty: Decimal,
        since_ns: int = 0,
    ) -> None:
        """Put an order at the end of the queue at its price."""
        level = self.book.ladder(side).available(price)
        ahead = UNSEEN if self.book.hides(side, price) else level
        resting = Resting(order_id, account, side, price, qty, ahead, level, since_ns)
        insort(self._resting[side], resting, key=_priority)  # equal prices keep arrival order

    def remove(self, order_id: int, side: Side) -> None:
        """Take an order out of the book."""
        self._resting[side] = [r for r in self._resting[side] if r.order_id != order_id]

    def reduce(self, order_id: int, side: Side, remaining: Decimal) -> None:
        """Leave so much of an order, in its place."""
        for resting in self._resting[side]:
            if resting.order_id == order_id:
                resting.remaining = remaining

    def queue_ahead(self, order_id: int) -> Decimal | None:
        """The quantity before a resting order; None when it does not rest here."""
        for side in Side:
            for resting in self._resting[side]:
                if resting.order_id == order_id:
                    return resting.ahead
        return None

    def _best_opposite(self, side: Side) -> Decimal | None:
        ladder = self.book.ladder(side.opposite)
        best = ladder.best_available()
        clients = self._resting[side.opposite]
        if clients and (best is None or ladder.better(clients[0].price, best)):
            return clients[0].price
        return best

    def _take_from_market(
        self, taking: Taking, ladder: Ladder, price: Decimal, most: Decimal | None
    ) -> None:
        if taking.stopped:
            return
        quantity = min(taking.remaining, ladder.available(price))
        if most is not None:
            quantity = min(quantity, most)
        if not quantity:
            return
        ladder.take(price, quantity)
        for resting in self._resting[ladder.side]:
            if resting.price == price:
                resting.ahead = max(ZERO, resting.ahead - quantity)
        self._cross(taking, price, quantity, None)

    def _take_from_client(self, taking: Taking, resting: Resting) -> None:
        if taking.stp is not StpMode.NONE and taking.account == resting.account:
            self._clash(taking, resting)
            return
        quantity = min(taking.remaining, resting.remaining)
        self._fill(resting, quantity)
        self._cross(taking, resting.price, quantity, resting.order_id)

    def _clash(self, taking: Taking, resting: Resting) -> None:
        taking.clashes.append(
            Clash(
                mode=taking.stp,
                taker=taking.order_id,
                maker=resting.order_id,
                price=resting.price,
            )
        )
        if taking.stp is not StpMode.EXPIRE_TAKER:
            self.remove(resting.order_id, resting.side)
        taking.stopped = taking.stp is not StpMode.EXPIRE_MAKER

    def _cross(self, taking: Taking, price: Decimal, quantity: Decimal, maker: int | None) -> None:
        taking.remaining -= quantity
        taking.crosses.append(
            Cross(
                price=price,
                quantity=quantity,
                taker_side=taking.side,
                taker=taking.order_id,
                maker=maker,
            )
        )

    def _fill(self, resting: Resting, quantity: Decimal) -> None:
        resting.remaining -= quantity
        if not resting.remaining:
            self.remove(resting.order_id, resting.side)

    # --- the market ------------------------------------------------------------------------

    def on_quote(self, quote: BookTicker) -> list[Cross]:
        """A new best bid and ask; the fills it brings to resting orders."""
        return self._after_change() if self.book.on_quote(quote) else []

    def on_depth(self, update: DepthUpdate) -> list[Cross]:
        """Changed levels; the fills they bring to resting orders."""
        return self._after_change() if self.book.on_depth(update) else []

    def on_snapshot(self, snapshot: DepthSnapshot) -> list[Cross]:
        """A whole book; the fills it brings to resting orders."""
        changed = self.book.on_snapshot(snapshot)
        return self._after_change() if changed and not snapshot.passing else []

    def on_trade(self, trade: Trade) -> list[Cross]:
        """Others traded; the fills that brings to resting orders."""
        if not any(self._resting.values()):
            return []
        side = Side.BUY if trade.buyer_is_maker else Side.SELL
        crosses = self._through(side, trade.price, trade.trade_ns)
        crosses += self._through(side.opposite, trade.price, trade.trade_ns)
        left = trade.quantity if trade.touches else ZERO
        at_price = [r for r in self._resting[side] if r.price == trade.price]
        for resting in [r for r in at_price if r.since_ns <= trade.trade_ns]:
            reaching = left - min(resting.credit, left)
            resting.credit -= left - reaching
            eaten = min(resting.ahead, reaching)
            resting.ahead -= eaten
            quantity = min(resting.remaining, reaching - eaten)
            if quantity:
                left -= quantity
                crosses.append(self._passive(resting, quantity))
        return crosses

    def _through(self, side: Side, price: Decimal, made_ns: int | None = None) -> list[Cross]:
        """Fill, whole, every resting order of `side` whose price is better than `price`; of those that
        came after `made_ns`, none."""
        ladder = self.book.ladder(side)
        reached = [
            resting
            for resting in self._resting[side]
            if ladder.better(resting.price, price)
            and (made_ns is None or resting.since_ns <= made_ns)
        ]
        return [self._passive(resting, resting.remaining) for resting in reached]

    def _passive(self, resting: Resting, quantity: Decimal) -> Cross:
        self._fill(resting, quantity)
        return Cross(
            price=resting.price,
            quantity=quantity,
            taker_side=resting.side.opposite,
            taker=None,
            maker=resting.order_id,
        )

    def _after_change(self) -> list[Cross]:
        crosses: list[Cross] = []
        for side, clients in self._resting.items():
            if not clients:
                continue
            ladder = self.book.ladder(side)
            for resting in clients:
                if self.book.hides(side, resting.price):
                    continue
                level = ladder.available(resting.price)
                if resting.ahead == UNSEEN:
                    resting.ahead = resting.level = level
                elif level != resting.level:
                    resting.level = level
                    resting.credit = max(ZERO, resting.ahead - level)
                    resting.ahead = min(resting.ahead, level)
            best = self.book.ladder(side.opposite).best_available()
            if best is not None:
                crosses += self._through(side, best)
        return crosses


def spendable(
    offers: list[tuple[Decimal, Decimal]], quote_quantity: Decimal, step: Decimal
) -> Decimal:
    """The quantity, in whole steps, whose cost along `offers` comes closest below the amount."""
    quantity, left = ZERO, quote_quantity
    for price, offered in offers:
        part = min(offered, left / price)
        quantity += part
        left -= part * price
        if part < offered:
            break
    return quantity // step * step


def _price(offer: tuple[Decimal, Decimal]) -> Decimal:
    return offer[0]


def _priority(resting: Resting) -> Decimal:
    return -resting.price if resting.side is Side.BUY else resting.price
