"""Protections: where a strategy wants out of what it holds, kept alive at the venue.

Level-triggered as targets are: look at what is held, look at the protective orders that live, do one thing,
look again. A position is covered by one or a few pieces, each a conditional order, or a pair of them of which
the venue lets only one trade. More to protect is a further piece, so that what was covered stays covered. Less,
or another price, takes a piece's place in one request where the venue offers that (`protect_moves`). Elsewhere
it ends pieces first and places anew once their end is final, since what may have traded unseen must not be sold
twice: that while is measured, told, and bounded by settle window and read lag. On contracts none of this is
needed (`protect_contracts`).

A target that goes towards flat makes the protection smaller first: the rest stays covered, what leaves is free.
Where the price is reached and nothing of ours waits there (the venue dropped it, refused it, or has no such
order), the desk itself leaves at the market. A declaration is for one side: once the position is flat or has
turned, it has served.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from nightdesk.desk import emergency, protect_contracts, protect_orders
from nightdesk.desk.events import Tell
from nightdesk.desk.placing import cancel, submit, submit_pair
from nightdesk.desk.protect_moves import movable, move, same_way, yielding
from nightdesk.desk.protect_orders import CAUSE, bare, end, wishes
from nightdesk.desk.protection import Protection, on_grid, reached, side_of, terms_of
from nightdesk.desk.state import Owner
from nightdesk.desk.views import Trying
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.instrument import Instrument
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, OrderType, Origin, Side
from nightdesk.model.records import ProtectionSet
from nightdesk.model.time import Mono
from nightdesk.modes.ladder import DESK, Action, scopes, strategy_scope
from nightdesk.orders.book import Order
from nightdesk.orders.lifecycle import State
from nightdesk.risk.gate import Refused
from nightdesk.strategy.messages import ProtectionEnded

PIECES_MAX = (
    2  # of one position; Binance spot takes five conditional orders of a symbol, a pair is two
)
FULL_MAX = 4  # where each is as large as the venue takes one
CHANGED, LESS, MERGED = "the protection changed", "less is held", "two pieces become one"
_PROTECT, _EXIT, _OPEN = Origin.PROTECT, OrderType.IOC, State.OPEN  # members are looked up slowly


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Live orders that cover one part of a position."""

    orders: tuple[Order, ...]

    @property
    def qty(self) -> Decimal:
        """How much it covers: of a pair what the one that trades leaves, before the other's end was told."""
        trading = [order for order in self.orders if order.filled > 0]
        return max(order.remaining for order in trading or self.orders)

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


def dues(work: Work) -> Iterator[Mono]:
    """When `step` has something to do next, as long as nothing happens: at once while anything is uncovered, or
    nothing may be sent."""
    causes = work.state.ladder.causes
    said = any(causes.get(strategy_scope(s), {}).get(CAUSE) for s, _ in work.state.protections)
    if work.views.bare_since or said or (work.state.protections and not _leased(work)):
        yield work.mono
    for owner, protection in work.state.protections.items():
        yield from protect_orders.dues(work, owner, protection)


def _leased(work: Work) -> bool:
    return work.mono < work.moment.lease_until


def drop(work: Work) -> None:
    """Take every protection back: a person wants nothing at the venue."""
    for strategy, instrument in list(work.state.protections):
        work.record(
            ProtectionSet(strategy=strategy, instrument=instrument, why="cancelled by an operator")
        )


def _keep(work: Work, owner: Owner, protection: Protection) -> None:
    rules = work.settings.instruments.get(owner[1])
    if rules is None or work.state.ladder.mode(*scopes(*owner)) is Mode.FLATTENING:
        return  # what is held is being sold, and nothing may hold it back
    if work.state.ladder.holds(DESK, emergency.CAUSE):
        return  # the same, by hand: what protects is left to whoever gets out
    if not _leased(work):
        return  # nothing could take the place of what is ended now
    held = work.state.position(*owner).qty
    if protection.side is not None and side_of(held, rules.qty_min) is not protection.side:
        _served(work, owner, held, rules)
        return
    if _off_grid(work, owner, protection, rules):
        return  # looked at again with its new prices
    side = Side.SELL if held > 0 else Side.BUY
    if rules.contract:
        protect_contracts.keep(work, owner, protection, side)
        return
    wanted = rules.qty_down(_to_cover(work, owner, held))
    pieces = _kept(work, owner, protection, wanted)
    _shrink(work, owner, protection, pieces, wanted)
    covered = money.total(piece.qty for piece in pieces)
    free = money.subtract(
        money.subtract(money.magnitude(held), covered), _leaving(work, owner, side)
    )
    missing = min(money.subtract(wanted, covered), free, rules.waiting_qty_max)
    standing = money.total(piece.qty for piece in pieces if piece.stands)
    open_to = money.subtract(wanted, money.add(standing, yielding(work, owner)))
    bare(work, owner, open_to if _sellable(rules, open_to, held, protection) else ZERO)
    if missing > 0 and not _occupied(work, owner, pieces):
        _cover(work, owner, protection, missing, pieces)


def _kept(work: Work, owner: Owner, protection: Protection, wanted: Decimal) -> list[Piece]:
    """The pieces that do their work, or move to where they would; all others are ended."""
    kept, left = list[Piece](), wanted
    side = Side.SELL if work.state.position(*owner).qty > 0 else Side.BUY
    for piece in _pieces(work.state.guarding(owner)):
        stays: Piece | None = None
        if not piece.ending:
            fits = _fits(piece, protection, side)
            stays = piece if fits else _moved(work, owner, protection, piece, left)
        if stays is None:
            _end(work, piece, why=CHANGED)
        else:
            kept.append(stays)
            left = money.subtract(left, stays.qty)
    return kept


def _moved(
    work: Work, owner: Owner, protection: Protection, piece: Piece, left: Decimal
) -> Piece | None:
    """What takes the place of a piece at another price, or the piece itself where that has to wait a little;
    None where it can only be ended."""
    order, qty = movable(work, owner, protection, piece.orders), min(piece.qty, left)
    rules, held = work.settings.instruments[owner[1]], work.state.position(*owner).qty
    if order is None or not _sellable(rules, qty, held, protection):
        return None
    moved = move(work, owner, protection, order, qty, why=CHANGED)
    if moved is None and not same_way(order, protection):
        return None  # it does not protect from what is meant now
    return _piece_of(work, piece, moved)


def _shrink(
    work: Work, owner: Owner, protection: Protection, pieces: list[Piece], wanted: Decimal
) -> None:
    """Cover no more than is wanted: the newest first, and one only by what is too much where it can be replaced
    at once."""
    rules, held = work.settings.instruments[owner[1]], work.state.position(*owner).qty
    covered = money.total(piece.qty for piece in pieces)
    while pieces and covered > wanted:
        piece = pieces.pop()
        covered = money.subtract(covered, piece.qty)
        left, stays = money.subtract(wanted, covered), None
        order = movable(work, owner, protection, piece.orders)
        if order is not None and _sellable(rules, left, held, protection):
            result = move(work, owner, protection, order, left, why=LESS)
            stays = None if result is None else _piece_of(work, piece, result)
        if stays is None:
            _end(work, piece, why=LESS)
        else:
            pieces.append(stays)
            return


def _piece_of(work: Work, piece: Piece, moved: Intent | Refused | None) -> Piece | None:
    """What stands for a piece that was to be moved."""
    if moved is None:
        return piece
    if isinstance(moved, Refused):
        return None
    order = work.state.orders.get(moved.client_id)
    assert order is not None, "it was intended just now"
    return Piece(orders=(order,))


def _end(work: Work, piece: Piece, why: str) -> None:
    for order in piece.orders:
        end(work, order, why=why)


def _served(work: Work, owner: Owner, held: Decimal, rules: Instrument) -> None:
    """What it was declared for is gone: flat, which its strategy wanted, or turned, which it has to hear."""
    strategy, instrument = owner
    turned = money.magnitude(held) >= rules.qty_min
    why = f"the position turned: {held} is held" if turned else "flat"
    work.record(ProtectionSet(strategy=strategy, instrument=instrument, why=why))
    bare(work, owner, ZERO)
    if turned:
        work.note("warning", "protection.ended", strategy=strategy, of=instrument, why=why)
        message = ProtectionEnded(at=work.now, instrument=instrument, why=why)
        work.decision.at_once.append(Tell(strategy=strategy, message=message))


def _off_grid(work: Work, owner: Owner, protection: Protection, rules: Instrument) -> bool:
    """Whether its prices were none of the venue's: it has another tick than when they were declared."""
    have = protection.stop, protection.take_profit
    stop, take = on_grid(rules, have[0], stops=True), on_grid(rules, have[1], stops=False)
    if (stop, take) == have:
        return False
    strategy, instrument = owner
    why = f"the venue's tick is {rules.tick} now"
    record = ProtectionSet(
        strategy=strategy,
        instrument=instrument,
        stop=stop,
        take_profit=take,
        trail_bps=protection.trail_bps,
        side=protection.side,
        why=why,
    )
    work.record(record)
    told = f"stop {have[0]} is {stop}, take profit {have[1]} is {take}: {why}"
    work.note("warning", "protection.moved", strategy=strategy, of=instrument, why=told)
    return True


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
    asked = {terms_of(intent) for intent in (order.intent for order in piece.orders)}
    wanted = set(protection.legs)
    whole = piece.orders[0].intent.other is not None
    return (
        piece.orders[0].intent.side is side
        and asked <= wanted
        and whole == (len(wanted) > 1)
        and (len(piece.orders) == len(wanted) or piece.orders[0].filled > 0)
    )


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
    held = work.state.position(*owner).qty
    rules = work.settings.instruments[owner[1]]
    missing = rules.qty_down(min(missing, _room(work, owner, held)))
    if not _sellable(rules, missing, held, protection):
        return
    seen = work.quote(owner[1])
    at_price = seen is not None and reached(protection.legs, seen[0], held)
    if protect_orders.waits(work, owner, protection, Trying.LEAVE if at_price else Trying.COVER):
        return
    if seen is not None and at_price:
        protect_orders.leave(work, owner, protection, missing, seen[0])
        return
    if len(pieces) >= PIECES_MAX:
        growing = [piece for piece in pieces if piece.qty < rules.waiting_qty_max]
        if growing:
            _merge(work, owner, protection, growing[-1], missing)
            return
        if len(protection.legs) > 1 or len(pieces) >= FULL_MAX:
            return  # the venue takes no more: what is uncovered is told
    side, results = Side.SELL if held > 0 else Side.BUY, list[Intent | Refused]()
    made = wishes(owner, rules, seen, side, [(leg, missing) for leg in protection.legs])
    if made:
        results = [submit_pair(work, *made) if len(made) > 1 else submit(work, made[0])]
    protect_orders.tried(work, owner, protection, results)


def _merge(
    work: Work, owner: Owner, protection: Protection, piece: Piece, missing: Decimal
) -> None:
    """The newest piece becomes larger by what is missing; where it has to end for that, all is placed anew."""
    order = movable(work, owner, protection, piece.orders)
    most = work.settings.instruments[owner[1]].waiting_qty_max
    whole = min(money.add(piece.qty, missing), most)
    if order is not None and not protect_orders.refused(work, owner):
        moved = move(work, owner, protection, order, whole, why=MERGED)
        if not isinstance(moved, Refused):
            return
    _end(work, piece, why=MERGED)
    protect_orders.tried(work, owner, protection, [])


def _room(work: Work, owner: Owner, held: Decimal) -> Decimal:
    """How much may be covered: all of it while new risk is allowed. Else only what brings the desk as a whole
    nearer to flat: where others hold the other side, closing one side opens the whole."""
    if work.state.ladder.allows(Action.NEW_RISK, *scopes(*owner)):
        return money.magnitude(held)
    net, exposure = work.state.net(owner[1]), work.state.exposure(owner[1])
    if held > 0:
        return max(money.subtract(net, exposure.selling), ZERO)
    return max(money.subtract(money.minus(net), exposure.buying), ZERO)


def _sellable(rules: Instrument, qty: Decimal, held: Decimal, protection: Protection) -> bool:
    """Whether the venue takes an order of it: smaller pieces wait until they are large enough."""
    if qty < rules.qty_min:
        return False
    prices = [p for p in (protection.stop, protection.take_profit) if p is not None]
    return not prices or money.notional(min(prices), qty) >= rules.notional_min
