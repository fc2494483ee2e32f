"""Protections: where a strategy wants out of what it holds, kept alive at the venue.

Level-triggered as targets are: look at what is held, look at the protective orders that live, do one thing,
look again. A position is covered by one or a few pieces, each a conditional order, or a pair of them of which
the venue lets only one trade. More to protect is a further piece, so that what was covered stays covered. Less,
or another price, ends pieces first and places anew once their end is final, since what may have traded unseen
must not be sold twice: that while is measured, told, and bounded by settle window and read lag. On contracts
none of this is needed: the venue lets such orders only reduce, so that each price has one order of the whole
size, and the new one stands before the old one is ended (a trailing one then trails anew).

A target that goes towards flat makes the protection smaller first: the rest stays covered, what leaves is free.
Where the price is reached and nothing of ours waits there (the venue dropped it, refused it, or has no such
order), the desk itself leaves at the market.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from nightdesk.desk.placing import Wish, cancel, sized, submit, submit_pair
from nightdesk.desk.protection import Protection
from nightdesk.desk.state import Owner
from nightdesk.desk.targets import crossing
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, OrderType, Origin, Side
from nightdesk.model.records import ProtectionSet
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.modes.ladder import Action, scopes, strategy_scope
from nightdesk.orders.book import Order
from nightdesk.orders.lifecycle import State
from nightdesk.reconcile.resolve import SETTLE_NS
from nightdesk.risk.gate import Refused

CAUSE = "unprotected"
RETRY_NS = 500 * MS_NS  # after a refusal, or an exit that found nobody
PIECES_MAX = (
    2  # of one position; Binance spot takes five conditional orders of a symbol, a pair is two
)
SLIPPAGE_BPS = Decimal(20)  # of an exit that the desk makes itself: as far as a flatten goes
BARE_SLACK_NS = 5 * SECOND_NS  # beyond what ending and placing anew takes; then something is wrong
BARE_SAID_NS = CALM_NS = SECOND_NS
_PROTECT, _EXIT, _OPEN = Origin.PROTECT, OrderType.IOC, State.OPEN  # members are looked up slowly


Terms = tuple[OrderType, Decimal | None, int]  # type, trigger, trail


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Live orders that cover one part of a position."""

    orders: tuple[Order, ...]

    @property
    def qty(self) -> Decimal:
        """How much it covers."""
        return max(order.remaining for order in self.orders)

    @property
    def stands(self) -> bool:
        """Whether the venue has it, as far as anybody knows."""
        return all(order.state is _OPEN for order in self.orders)

    @property
    def ending(self) -> bool:
        """Whether its end was asked for."""
        return any(order.cancel_asked for order in self.orders)


def step(work: Work) -> None:
    """Whatever is next for every protection, and for protective orders that none asks for."""
    state = work.state
    for owner, protection in list(state.protections.items()):
        _keep(work, owner, protection)
    for order in list(state.orders.live.values()):
        intent = order.intent
        if intent.origin is not _PROTECT or order.cancel_asked or not intent.type.conditional:
            continue
        if (intent.strategy, intent.instrument) not in state.protections:
            cancel(work, order, why="no protection asks for it")


def dues(work: Work) -> Iterator[Wall]:
    """When `step` has something to do next, as long as nothing happens: at once while anything is uncovered."""
    causes = work.state.ladder.causes
    said = any(causes.get(strategy_scope(s), {}).get(CAUSE) for s, _ in work.state.protections)
    if work.views.bare_since or said:
        yield work.now
    yield from (at for at in work.views.protect_tried.values() if at > work.now)


def drop(work: Work) -> None:
    """Take every protection back: a person wants nothing at the venue."""
    for strategy, instrument in list(work.state.protections):
        work.record(
            ProtectionSet(strategy=strategy, instrument=instrument, why="cancelled by an operator")
        )


def _keep(work: Work, owner: Owner, protection: Protection) -> None:
    strategy, instrument = owner
    rules = work.settings.instruments.get(instrument)
    if rules is None or work.state.ladder.mode(*scopes(*owner)) is Mode.FLATTENING:
        return  # what is held is being sold, and nothing may hold it back
    held = work.state.position(*owner).qty
    if protection.held and money.magnitude(held) < rules.qty_min:
        ended = ProtectionSet(strategy=strategy, instrument=instrument, why="flat")
        work.record(ended)
        _bare(work, owner, ZERO)
        return
    side = Side.SELL if held > 0 else Side.BUY
    if rules.contract:
        _keep_reducing(work, owner, protection, side)
        return
    wanted = rules.qty_down(_to_cover(work, owner, held))
    guarding = work.state.guarding(owner)
    pieces = [p for p in _pieces(guarding) if _fits(p, protection, side) and not p.ending]
    standing = {order.intent.client_id for piece in pieces for order in piece.orders}
    for order in guarding:
        if order.intent.client_id not in standing:
            _end(work, order, why="the protection changed")
    covered = money.total(piece.qty for piece in pieces)
    while pieces and covered > wanted:
        piece = pieces.pop()
        covered = money.subtract(covered, piece.qty)
        for order in piece.orders:
            _end(work, order, why="less is held")
    free = money.subtract(
        money.subtract(money.magnitude(held), covered), _leaving(work, owner, side)
    )
    missing = min(money.subtract(wanted, covered), free, rules.qty_max)
    bare = money.subtract(wanted, money.total(piece.qty for piece in pieces if piece.stands))
    _bare(work, owner, bare if _sellable(rules, bare, held, protection) else ZERO)
    if missing > 0 and not _occupied(work, owner, pieces):
        _cover(work, owner, protection, missing, pieces)


def _keep_reducing(work: Work, owner: Owner, protection: Protection, side: Side) -> None:
    """On a contract such orders only reduce what is held: each price has one of its own, of the whole size, and
    a changed one stands before the old one is ended."""
    rules = work.settings.instruments[owner[1]]
    held = money.magnitude(work.state.position(*owner).qty)
    wanted = min(rules.qty_down(held), rules.qty_max)
    guarding = work.state.guarding(owner)
    waiting = [o for o in guarding if o.intent.type is not _EXIT and not o.cancel_asked]
    legs = _legs(protection) if wanted >= rules.qty_min else []
    right = {
        _terms(o.intent): o
        for o in reversed(waiting)  # the oldest stays
        if o.intent.side is side and o.remaining == wanted
    }
    missing = [leg for leg in legs if leg not in right]
    kept = [right[leg] for leg in legs if leg in right]
    if not missing and all(order.state is _OPEN for order in kept):
        for order in waiting:
            if order not in kept:
                _end(work, order, why="the protection changed")
    standing = {o.intent.type for o in waiting if o.intent.side is side and o.state is _OPEN}
    bare = any(kind not in standing for kind, _, _ in legs)
    beyond = money.subtract(rules.qty_down(held), wanted)  # more than one order may close
    _bare(work, owner, wanted if bare else beyond)
    leaving = any(order.intent.type is _EXIT for order in guarding)
    tried = work.views.protect_tried
    if not missing or leaving or work.now < tried.get(owner, 0):
        return
    tried[owner] = Wall(work.now + RETRY_NS)
    seen = work.quote(owner[1])
    # Only what does not stand at all: what stands with another size is triggered by the venue.
    priced = {_terms(o.intent) for o in waiting if o.intent.side is side and o.state is _OPEN}
    open_to = [leg for leg in missing if leg not in priced]
    if seen is not None and _reached(_only(open_to), seen[0], money.minus(Decimal(side.sign))):
        _leave(work, owner, wanted, seen[0])
        return
    for wish in _wishes(owner, rules, seen, side, missing, wanted):
        result = submit(work, wish)
        if isinstance(result, Refused):
            work.note("warning", "protection.not_placed", strategy=owner[0], why=result)


def _only(legs: Sequence[Terms]) -> Protection:
    """A protection of nothing but these."""
    prices = {kind: trigger for kind, trigger, _ in legs}
    return Protection(
        stop=prices.get(OrderType.STOP), take_profit=prices.get(OrderType.TAKE_PROFIT)
    )


def _to_cover(work: Work, owner: Owner, held: Decimal) -> Decimal:
    """What stays when the strategy's target was followed, as far as it can be followed now."""
    target = work.state.targets.get(owner)
    size = money.magnitude(held)
    if target is None or target.suspended or not work.views.trading:
        return size
    by = target.by(work.now)
    towards = by if by * held > 0 else ZERO
    less = money.magnitude(towards) < size
    if less and work.quote(owner[1]) and work.state.ladder.allows(Action.REDUCE, *scopes(*owner)):
        return money.magnitude(towards)
    return size


def _leaving(work: Work, owner: Owner, side: Side) -> Decimal:
    """What other orders of the strategy that cannot rest may be closing at this moment: not sold twice."""
    leaving = ZERO
    for order in work.state.orders.live.values():
        intent = order.intent
        if intent.side is not side or intent.origin is _PROTECT:
            continue
        rests = order.state is _OPEN and intent.type not in (_EXIT, OrderType.FOK)
        if (intent.strategy, intent.instrument) == owner and not rests:
            leaving = money.add(leaving, order.remaining)
    return leaving


def _pieces(guarding: Sequence[Order]) -> list[Piece]:
    """Oldest first; an exit that the desk makes itself is none."""
    found: dict[ClientOrderId, list[Order]] = {}
    for order in guarding:
        if order.intent.type is not _EXIT:
            found.setdefault(order.intent.pair, []).append(order)
    return [Piece(orders=tuple(orders)) for orders in found.values()]


def _fits(piece: Piece, protection: Protection, side: Side) -> bool:
    """Whether it is what the protection would place now. Of a pair one order may have ended because the other
    trades: what is left of it then still does its work."""
    asked = {_terms(intent) for intent in (order.intent for order in piece.orders)}
    wanted = {(kind, trigger, trail) for kind, trigger, trail in _legs(protection)}
    whole = piece.orders[0].intent.other is not None
    return (
        piece.orders[0].intent.side is side
        and asked <= wanted
        and whole == (len(wanted) > 1)
        and (len(piece.orders) == len(wanted) or piece.orders[0].filled > 0)
    )


def _terms(intent: Intent) -> Terms:
    return intent.type, intent.trigger, intent.trail_bps


def _legs(protection: Protection) -> list[Terms]:
    legs: list[Terms] = []
    if protection.stop is not None:
        legs.append((OrderType.STOP, protection.stop, 0))
    if protection.trail_bps:
        legs.append((OrderType.TRAILING_STOP, None, protection.trail_bps))
    if protection.take_profit is not None:
        legs.append((OrderType.TAKE_PROFIT, protection.take_profit, 0))
    return legs


def _end(work: Work, order: Order, why: str) -> None:
    if not order.cancel_asked and order.intent.type is not _EXIT:
        cancel(work, order, why=why)


def _occupied(work: Work, owner: Owner, pieces: Sequence[Piece]) -> bool:
    """Whether something that may still sell the uncovered part is on its way or not final."""
    standing = {order.intent.client_id for piece in pieces for order in piece.orders}
    if any(o.intent.client_id not in standing for o in work.state.guarding(owner)):
        return True
    for client_id in (*work.state.settling, *work.state.untraded):
        order = work.state.orders.get(client_id)
        if order is None or (order.intent.strategy, order.intent.instrument) != owner:
            continue
        if order.intent.side.sign * work.state.position(*owner).qty < 0:
            return True
    return False


def _cover(
    work: Work, owner: Owner, protection: Protection, missing: Decimal, pieces: Sequence[Piece]
) -> None:
    """Place what is missing, or leave where its price is reached already."""
    tried = work.views.protect_tried
    held = work.state.position(*owner).qty
    rules = work.settings.instruments[owner[1]]
    if work.now < tried.get(owner, 0) or not _sellable(rules, missing, held, protection):
        return
    missing = rules.qty_down(min(missing, _room(work, owner, held)))
    if not _sellable(rules, missing, held, protection):
        return
    tried[owner] = Wall(work.now + RETRY_NS)
    seen = work.quote(owner[1])
    if seen is not None and _reached(protection, seen[0], held):
        _leave(work, owner, missing, seen[0])
        return
    if len(pieces) >= PIECES_MAX:
        for order in pieces[-1].orders:
            _end(work, order, why="two pieces become one")
        return
    side = Side.SELL if held > 0 else Side.BUY
    wishes = _wishes(owner, rules, seen, side, _legs(protection), missing)
    if not wishes:
        return
    result = submit_pair(work, *wishes) if len(wishes) > 1 else submit(work, wishes[0])
    if isinstance(result, Refused):
        work.note("warning", "protection.not_placed", strategy=owner[0], why=result)


def _room(work: Work, owner: Owner, held: Decimal) -> Decimal:
    """How much may be covered: all of it while new risk is allowed. Else only what brings the desk as a whole
    nearer to flat: where others hold the other side, closing one side opens the whole."""
    if work.state.ladder.allows(Action.NEW_RISK, *scopes(*owner)):
        return money.magnitude(held)
    net, exposure = work.state.net(owner[1]), work.state.exposure(owner[1])
    if held > 0:
        return max(money.subtract(net, exposure.selling), ZERO)
    return max(money.subtract(money.minus(net), exposure.buying), ZERO)


def _wishes(
    owner: Owner,
    rules: Instrument,
    seen: tuple[Quote, int] | None,
    side: Side,
    legs: Sequence[Terms],
    qty: Decimal,
) -> list[Wish]:
    """One for each price; none without a price to trail from: nothing is known of the market yet."""
    wishes = []
    for kind, trigger, trail in legs:
        price = trigger if trigger is not None else _trailed(rules, seen, side, trail)
        if price is None:
            return []
        wish = Wish(*owner, side, kind, qty, price, Origin.PROTECT)
        wish.trigger, wish.trail_bps = trigger, trail
        wishes.append(wish)
    return wishes


def _reached(protection: Protection, quote: Quote, held: Decimal) -> bool:
    """Whether the market is at the stop or at the take profit."""
    stop, profit = protection.stop, protection.take_profit
    if held > 0:
        return (stop is not None and quote.bid <= stop) or (
            profit is not None and quote.bid >= profit
        )
    return (stop is not None and quote.ask >= stop) or (profit is not None and quote.ask <= profit)


def _leave(work: Work, owner: Owner, qty: Decimal, quote: Quote) -> None:
    """Do what the protective order would have done."""
    rules = work.settings.instruments[owner[1]]
    side = Side.SELL if work.state.position(*owner).qty > 0 else Side.BUY
    qty = sized(work, *owner, qty)
    price = crossing(rules, quote, side, SLIPPAGE_BPS)
    result = submit(work, Wish(*owner, side, _EXIT, qty, price, Origin.PROTECT))
    why = f"the price is reached and nothing waits there: {side} {qty} at {price}"
    if isinstance(result, Refused):
        why = f"{why}; refused: {result}"
    work.note("warning", "protection.by_desk", strategy=owner[0], why=why)


def _trailed(
    rules: Instrument, seen: tuple[Quote, int] | None, side: Side, trail_bps: int
) -> Decimal | None:
    """Where a trailing stop stands before the market moves: what it is valued at."""
    if seen is None:
        return None
    touch = seen[0].bid if side is Side.SELL else seen[0].ask
    return rules.price_down(money.shifted_bps(touch, Decimal(side.sign * trail_bps)))


def _sellable(rules: Instrument, qty: Decimal, held: Decimal, protection: Protection) -> bool:
    """Whether the venue takes an order of it: smaller pieces wait until they are large enough."""
    if qty < rules.qty_min:
        return False
    prices = [p for p in (protection.stop, protection.take_profit) if p is not None]
    return not prices or money.notional(min(prices), qty) >= rules.notional_min


def _bare(work: Work, owner: Owner, missing: Decimal) -> None:
    """Measure how long a part of a position stands uncovered; too long stops its strategy's new risk."""
    since = work.views.bare_since
    if missing <= 0:
        began = since.pop(owner, None)
        if began is not None:
            lasted = work.now - began
            work.views.bare_worst_ns = max(work.views.bare_worst_ns, lasted)
            if lasted > BARE_SAID_NS:
                work.note("info", "protection.bare", of=owner[1], ms=lasted // MS_NS)
        mode, why = Mode.NORMAL, "protected"
    else:
        lasted = work.now - since.setdefault(owner, work.now)
        if lasted <= SETTLE_NS + work.settings.read_lag_ns + BARE_SLACK_NS:
            return
        mode = Mode.REDUCE_ONLY
        why = f"{missing} of {owner[1]} has had no protective order for {lasted / SECOND_NS:.0f} s"
    work.demand(strategy_scope(owner[0]), CAUSE, mode, why=why, calm_ns=CALM_NS)
