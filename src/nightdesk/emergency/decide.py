"""What to cancel and what to close, from what a venue tells of an account. Pure.

Nothing here ever makes a position larger, or sells on spot what the baseline keeps: what is bound by orders
that stay, and what our own orders just sold where the venue's answer may lag, counts as sold.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum, auto

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import decode_order_id, is_emergency
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.order import Side
from nightdesk.venues.way_out import Account, Held, OpenOrder


class Verb(StrEnum):
    """What a person asked for."""

    STATUS = auto()
    PAUSE = auto()
    CANCEL_ALL = "cancel-all"
    FLATTEN = auto()


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to do at one venue. `symbols` bound it; none means the whole account. `code` is the desk's place in
    its ids, None for every desk's. `others` are orders that no desk placed, `protective` those that protect."""

    verb: Verb
    symbols: tuple[str, ...]
    code: int | None
    baseline: Mapping[str, Decimal]
    others: bool = False
    protective: bool = False


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An open order that stays, and why."""

    order: OpenOrder
    why: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What is held beyond the baseline: `qty` of it in one order now, 0 where that cannot be, and `why` not
    then. `dust` says that the venue's rules let nobody close it."""

    symbol: str
    name: str
    mode_side: str
    beyond: Decimal
    side: Side
    qty: Decimal
    dust: bool
    why: str = ""


def is_ours(client_id: str, code: int | None) -> bool:
    """Whether a desk's own, or this tool's, placed the order."""
    if is_emergency(client_id):
        return True
    key = decode_order_id(client_id)
    return key is not None and code in (None, key.desk)


def to_cancel(
    orders: Iterable[OpenOrder], task: Task, exposed: Callable[[str], bool]
) -> tuple[list[OpenOrder], list[Kept]]:
    """Which orders have to go now, and which stay. `exposed` says of a symbol whether something may be held
    there that an order protects."""
    going, staying = [], []
    for order in orders:
        if task.symbols and order.symbol not in task.symbols:
            continue
        why = _stays(order, task, exposed)
        if why:
            staying.append(Kept(order=order, why=why))
        else:
            going.append(order)
    return going, staying


def _stays(order: OpenOrder, task: Task, exposed: Callable[[str], bool]) -> str:
    if not task.others and not is_ours(order.client_id, task.code):
        return "no desk's: --all cancels it too"
    if not order.protective or task.protective or not exposed(order.symbol):
        return ""
    if task.verb is Verb.FLATTEN:
        # Where the venue lets it only reduce, it is in nobody's way, and stands until nothing is left.
        return "protects what is not closed yet" if order.reduces else ""
    return "protects what is held: --protective cancels it too"


def left_of(
    account: Account,
    task: Task,
    rules: Mapping[str, Instrument],
    sold: Mapping[tuple[str, str], Decimal],
    bids: Mapping[str, Decimal],
) -> list[Left]:
    """What is held beyond the baseline, with the next order that closes some of it.

    `sold` is what our orders closed of a name and side that the account may not tell yet; `bids` are prices,
    where the least worth of an order matters.
    """
    found = []
    for held in account.held:
        rule = _rule_of(held, task, rules)
        if rule is not None:
            found += _left(held, rule, task, sold.get((held.name, held.mode_side), ZERO), bids)
        elif held.mode_side and not task.symbols:
            found.append(_cannot(held, held.name, "the venue tells no rules of it"))
    return found


def _rule_of(held: Held, task: Task, rules: Mapping[str, Instrument]) -> Instrument | None:
    """By which instrument it is closed: a contract by itself, an asset by the one that was named for it."""
    if held.mode_side:
        return rules.get(held.name) if held.name in task.symbols or not task.symbols else None
    named = (rules[symbol] for symbol in task.symbols if symbol in rules)
    return next((rule for rule in named if rule.base == held.name), None)


def _left(
    held: Held, rule: Instrument, task: Task, sold: Decimal, bids: Mapping[str, Decimal]
) -> list[Left]:
    base = ZERO if held.mode_side else task.baseline.get(held.name)
    if base is None:
        return [_cannot(held, rule.symbol, "nobody said how much of it is not the desk's to sell")]
    signed = money.canonical(money.subtract(held.qty, base))
    if signed == 0 or (signed < 0 and not held.mode_side):
        return []  # below the baseline nothing is bought
    beyond = money.magnitude(signed)
    most = beyond if held.mode_side else max(money.subtract(held.free, base), ZERO)
    free = max(money.subtract(most, sold), ZERO)
    qty = _takes(rule, free, bids)
    dust = _takes(rule, beyond, bids) == 0
    why = "" if qty or dust else _waits(sold)
    side = Side.SELL if signed > 0 else Side.BUY
    return [
        Left(
            symbol=rule.symbol,
            name=held.name,
            mode_side=held.mode_side,
            beyond=signed,
            side=side,
            qty=qty,
            dust=dust,
            why=why,
        )
    ]


def _waits(sold: Decimal) -> str:
    return "the venue has not counted our orders yet" if sold else "bound by open orders"


def _cannot(held: Held, symbol: str, why: str) -> Left:
    return Left(
        symbol=symbol,
        name=held.name,
        mode_side=held.mode_side,
        beyond=held.qty,
        side=Side.SELL,
        qty=ZERO,
        dust=False,
        why=why,
    )


def _takes(rule: Instrument, qty: Decimal, bids: Mapping[str, Decimal]) -> Decimal:
    """The most of `qty` that the venue takes in one order at the market; 0 where that is too little for any."""
    most = rule.waiting_qty_max
    sellable = rule.qty_down(min(qty, most))
    bid = bids.get(rule.symbol)
    small = bid is not None and money.notional(bid, sellable) < rule.notional_min
    return ZERO if sellable < rule.qty_min or sellable <= 0 or small else sellable


def exposed_of(
    account: Account,
    task: Task,
    rules: Mapping[str, Instrument],
    bids: Mapping[str, Decimal],
    *,
    contracts: bool,
) -> Callable[[str], bool]:
    """Whether something is held in a symbol that an order may protect; where that is not known, it may be."""
    if contracts:
        positions = {held.name for held in account.held}
        return positions.__contains__
    left = {each.symbol: not each.dust for each in left_of(account, task, rules, {}, bids)}
    known = {symbol for symbol, rule in rules.items() if rule.base in task.baseline}
    return lambda symbol: left.get(symbol, symbol not in known)
