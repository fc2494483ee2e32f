"""What the facts add up to: the venue's orders, positions and money, the journal's intents, the settings.

One fold that all invariants share. It is written from the records' and the log's meaning alone and uses
nothing of the desk's, so that it cannot repeat the desk's errors. Instruments go by their name (`Names`).
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from msgspec.structs import replace

from nightdesk.audit.accounts import Accounts
from nightdesk.audit.books import Books, Owner
from nightdesk.audit.facts import Fact, VenueSaid, Written
from nightdesk.audit.intents import Intents, Known
from nightdesk.audit.limits import InForce, InstrumentLimits
from nightdesk.audit.names import Names
from nightdesk.audit.venue_log import Entry, OrderId, VenueLog, VenueOrder, still_open
from nightdesk.model import money
from nightdesk.model.ids import DESK_CODES, ClientOrderId, OrderKey, decode_order_id
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Origin
from nightdesk.model.records import (
    AmendAsked,
    Configured,
    ForceTraded,
    Intended,
    LimitSet,
    ModeSet,
    Reconciled,
    Record,
    Spooled,
)

key_of = lru_cache(maxsize=65_536)(decode_order_id)  # an id comes back with every fact of its order
_MOVES = frozenset({"transfer", "funding", "insurance"})


class Ledger:
    """Hear every fact once, in order; a fact that is heard again by another invariant changes nothing."""

    def __init__(self, account: str = "") -> None:
        self.names = Names()
        self.venue = VenueLog(account=account, names=self.names)
        self.accounts = Accounts(self.names, account)
        self.intents = Intents()
        self.books = Books(self.names, self.intents)
        self.in_force = InForce(self.names)
        self.desks: set[int] = set()
        self.live: dict[OrderId, VenueOrder] = {}  # this desk's
        self.fees: dict[str, Decimal] = {}  # base taken as fee at the venue, by instrument
        self.last_price: dict[str, Decimal] = {}
        self.attributed: dict[Owner, Decimal] = {}  # by strategy, from its own fills
        self.adopted: dict[str, Decimal] = {}  # by instrument, what an operator took over
        self.since_ns: int | None = None  # from when on there is a venue log
        self.written_ns = 0  # the journal's last word
        self.causes: dict[str, set[str]] = {}  # by scope, what holds it in another mode than NORMAL
        self._positions: dict[str, Decimal] = {}
        self._forced: dict[str, list[Decimal]] = {}  # what the journal does not know of it yet
        self._heard: Fact | None = None

    def hear(self, fact: Fact) -> None:
        """Fold one fact."""
        if fact is self._heard:
            return
        self._heard = fact
        if isinstance(fact, VenueSaid):
            if self.since_ns is None:
                self.since_ns = fact.at_ns
            self._read(fact.entry)
        elif isinstance(fact, Written):
            self._learn(fact)

    @property
    def limits(self) -> dict[str, InstrumentLimits]:
        """Those in force, by instrument."""
        return self.in_force.by_instrument

    @property
    def instruments(self) -> dict[str, Instrument]:
        """What the journal told of each, by name."""
        return self.names.instruments

    def is_ours(self, client_id: str | None) -> bool:
        """Whether this desk made the id; any desk counts until this one's code is known."""
        key = self.key(client_id)
        return key is not None and (not self.desks or key.desk in self.desks)

    def key(self, client_id: str | None) -> OrderKey | None:
        """What the id says, or None when no desk made it."""
        return key_of(client_id) if client_id else None

    def known(self, client_id: str | None) -> Known | None:
        """What the journal says of the id."""
        return self.intents.known.get(ClientOrderId(client_id or ""))

    def told_of(self, entry: Entry) -> Known | None:
        """What the journal says of the order that an entry is about, whatever name the venue gave to what came
        of a conditional one."""
        order = self.venue.of(entry)
        return self.known(entry.client_order_id if order is None else order.client_id)

    def decided(self, record: Record) -> tuple[Intent, Decimal] | None:
        """The order that a record decides, and how much it adds to what was open: other terms for one are
        decided like an order."""
        match record:
            case Intended(intent=intent):
                return intent, intent.qty
            case AmendAsked(amendment=new):
                known = self.known(new.client_id)
                if known is None:
                    return None
                added = max(money.subtract(new.qty, known.qty), ZERO)
                intent = replace(
                    known.intent,
                    qty=known.most,
                    price=new.price,
                    deadline=new.deadline,
                    inputs=new.inputs,
                )
                return intent, added
            case _:
                return None

    def position(self, instrument: str) -> Decimal:
        """This desk's, by the venue's fills, less fees taken in base, plus what it has adopted; of contracts
        also what the venue traded by itself."""
        return self._positions.get(instrument, ZERO)

    def positions(self) -> dict[str, Decimal]:
        """Every position that is not zero."""
        return {s: money.canonical(qty) for s, qty in self._positions.items() if qty != 0}

    def positions_ever(self) -> Iterable[tuple[str, Decimal]]:
        """Every instrument that was ever held, with what is held of it now."""
        return self._positions.items()

    def open_of(self, instrument: str, side: str) -> Decimal:
        """What this desk's live orders on one side may still trade: what can only reduce is not in it."""
        return still_open(
            o
            for o in self.live.values()
            if o.instrument == instrument and o.side == side and not o.reduce_only
        )

    def closing(self, instrument: str, side: str) -> Decimal:
        """What of the position those on one side may still close that can only reduce."""
        reducing = [
            o
            for o in self.live.values()
            if o.reduce_only and o.instrument == instrument and o.side == side
        ]
        if not reducing:
            return ZERO
        held = self.position(instrument)
        return min(still_open(reducing), max(held if side == "SELL" else money.minus(held), ZERO))

    def protecting(self, owner: Owner, side: str, kinds: frozenset[str]) -> Decimal:
        """What a strategy's live orders of these kinds may still close."""
        return still_open(
            order
            for order in self.live.values()
            if order.instrument == owner[1]
            and order.side == side
            and order.order_type in kinds
            and (known := self.known(order.client_id)) is not None
            and known.intent.strategy == owner[0]
        )

    def may_reduce(self, intent: Intent) -> bool:
        """Whether its side could bring this desk's position nearer to zero, or it is an operator's way out, or
        the venue sees to it that it does nothing else."""
        if intent.reduce_only or intent.origin is Origin.FLATTEN:
            return True
        return self.position(self.names.of(intent.instrument)) * intent.side.sign < 0

    def worst(self, instrument: str) -> Decimal:
        """The largest distance from zero if each side's open orders fill wholly or not at all. What can only
        reduce makes no position by itself, but uses up what others would close."""
        held = self.position(instrument)
        buys, sells = self.open_of(instrument, "BUY"), self.open_of(instrument, "SELL")
        bought = money.total((held, buys, self.closing(instrument, "BUY")))
        sold = money.subtract(held, money.add(sells, self.closing(instrument, "SELL")))
        return max(money.magnitude(bought), money.magnitude(sold))

    def unknown_forced(self, instrument: str) -> Decimal:
        """What the venue traded for the account by itself and the journal does not know yet."""
        return money.total(map(money.magnitude, self._forced.get(instrument, ())))

    def unheard(self, instrument: str) -> bool:
        """Whether an order of ours moved something and its intent was not told yet: two clocks may differ."""
        return any(
            order.moved != 0 and order.instrument == instrument and self.known(client_id) is None
            for client_id, orders in self.venue.by_client_id.items()
            for order in orders
        )

    def unknown_fees(self, instrument: str) -> Decimal:
        """Base taken as fee that the journal does not know yet: a desk cannot count with it."""
        fees = self.fees.get(instrument, ZERO)
        return max(ZERO, money.subtract(fees, self.books.fees.get(instrument, ZERO)))

    def dust(self, instrument: str, qty: Decimal) -> bool:
        """Whether the venue's filters would refuse an order that closes `qty`."""
        rules = self.instruments.get(instrument)
        if rules is None:
            return qty == 0
        sellable = rules.qty_down(money.magnitude(qty))
        if sellable == 0 or sellable < rules.qty_min:
            return True
        price = self.last_price.get(instrument)
        if price is None or rules.contract:  # what only reduces may be worth less than the least
            return False
        return money.notional(price, sellable) < rules.notional_min

    def _read(self, entry: Entry) -> None:
        if entry.kind in _MOVES and self.venue.concerns(entry):
            self.accounts.moved(entry)
        order = self.venue.read(entry)
        if order is None:
            return
        ours = self.is_ours(order.client_id)
        if ours and (entry.accepts or entry.kind == "accept"):
            self.accounts.account = order.account
            self.live[order.key] = order
        if entry.kind == "fill":
            self._fill(order, entry, ours=ours)
        if order.ended:
            self.live.pop(order.key, None)

    def _fill(self, order: VenueOrder, entry: Entry, *, ours: bool) -> None:
        name, qty = order.instrument, entry.last_quantity or ZERO
        signed = qty if order.side == "BUY" else money.minus(qty)
        in_base = bool(entry.fee) and self._is_base(order, entry.fee_asset or "")
        self.last_price[name] = entry.last_price or ZERO
        if ours:
            taken = entry.fee or ZERO if in_base else ZERO
            self._hold(name, money.subtract(signed, taken))
            order.moved = money.add(order.moved, money.subtract(signed, taken))
            known = self.known(order.client_id)
            if known is not None:
                self._attribute(known.intent.strategy, name, money.subtract(signed, taken))
            if taken:
                self.fees[name] = money.add(self.fees.get(name, ZERO), taken)
        elif order.forced and self.accounts.follows(order):
            self._hold(name, signed)
            self._forced.setdefault(name, []).append(signed)
        self.accounts.traded(order, entry, ours=ours)

    def _is_base(self, order: VenueOrder, asset: str) -> bool:
        if self.names.contract(order.instrument):
            return False
        rules = self.instruments.get(order.instrument)
        if rules is not None:
            return asset == rules.base
        # Without the instrument: a buyer's fee is taken from what the symbol begins with, if at all.
        symbol = order.instrument.rpartition(":")[2]
        return order.side == "BUY" and bool(asset) and symbol.startswith(asset)

    def _attribute(self, strategy: str, name: str, signed: Decimal) -> None:
        owner = (str(strategy), name)
        self.attributed[owner] = money.add(self.attributed.get(owner, ZERO), signed)

    def _hold(self, name: str, signed: Decimal) -> None:
        self._positions[name] = money.add(self.position(name), signed)

    def _learn(self, fact: Written) -> None:
        record, self.written_ns = fact.record, fact.at_ns
        self.intents.read(record, epoch=fact.epoch, decided_at=fact.decided_at, heard_ns=fact.at_ns)
        self.books.learn(record)
        match record:
            case Intended(intent=intent) | Spooled(intent=intent):
                self._intended(intent)
            case Configured():
                self._configure(record)
            case LimitSet():
                self.in_force.set(record)
            case ModeSet(scope=scope, cause=cause, mode=mode):
                causes = self.causes.setdefault(scope, set())
                (causes.discard if mode == "NORMAL" else causes.add)(cause)
            case Reconciled():
                self._adopt(record)
            case ForceTraded(fill=fill, shares=shares):
                name = self.names.of(fill.instrument)
                traded = money.multiply(fill.qty, Decimal(fill.side.sign))
                if traded in self._forced.get(name, ()):
                    self._forced[name].remove(traded)
                for strategy, qty in shares.items():
                    signed = qty if fill.side.sign > 0 else money.minus(qty)
                    self._attribute(strategy, name, signed)
            case _:
                pass

    def _adopt(self, record: Reconciled) -> None:
        """What the venue traded by itself and nobody heard is in what the account holds, and not told again."""
        self.accounts.open(record.balances)
        for name in [n for n in self._forced if self.instruments[n].held_as in record.balances]:
            self._hold(name, money.minus(money.total(self._forced.pop(name))))
        for instrument, qty in record.surplus.items():
            name = self.names.of(instrument)
            self._hold(name, qty)
            self.adopted[name] = money.add(self.adopted.get(name, ZERO), qty)
            for strategy, share in record.changes(instrument)[0].items():
                self._attribute(strategy, name, share)

    def _intended(self, intent: Intent) -> None:
        key = self.key(intent.client_id)
        if key is not None:
            self.desks.add(key.desk)
        self.names.of(intent.instrument)
        # Two clocks may tell a fill before the intent that it is of.
        for order in self.venue.by_client_id.get(intent.client_id, ()):
            self._attribute(intent.strategy, order.instrument, order.moved)

    def _configure(self, record: Configured) -> None:
        for instrument in record.instruments:
            self.names.learn(instrument)
        name = self.in_force.configured(record)
        if name:
            digest = blake2b(name.encode(), digest_size=4).digest()
            self.desks.add(int.from_bytes(digest, "big") % DESK_CODES)
