"""What the facts add up to: the venue's orders, positions and money, the journal's intents, the settings.

One fold that all invariants share. It is written from the records' and the log's meaning alone and uses
nothing of the desk's, so that it cannot repeat the desk's errors.
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from nightdesk.audit.facts import Fact, VenueSaid, Written
from nightdesk.audit.intents import Intents, Known
from nightdesk.audit.limits import InForce, InstrumentLimits
from nightdesk.audit.venue_log import Entry, VenueLog, VenueOrder, still_open
from nightdesk.model import money
from nightdesk.model.ids import DESK_CODES, ClientOrderId, OrderKey, decode_order_id
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Origin
from nightdesk.model.records import Configured, Executed, Intended, LimitSet, Reconciled

Owner = tuple[str, str]  # strategy, symbol
key_of = lru_cache(maxsize=65_536)(decode_order_id)  # an id comes back with every fact of its order


class Ledger:
    """Hear every fact once, in order; a fact that is heard again by another invariant changes nothing."""

    def __init__(self, account: str = "") -> None:
        self.venue = VenueLog(account=account)
        self.intents = Intents()
        self.in_force = InForce()
        self.instruments: dict[str, Instrument] = {}  # by symbol
        self.desks: set[int] = set()
        self.live: dict[int, VenueOrder] = {}  # this desk's, by the venue's id
        self.fees: dict[str, Decimal] = {}  # base taken as fee at the venue, by symbol
        self.fees_known: dict[str, Decimal] = {}  # the same as far as the journal knows it
        self.last_price: dict[str, Decimal] = {}
        self.opened: dict[str, Decimal] | None = None  # balances when first compared
        self.attributed: dict[Owner, Decimal] = {}  # by strategy, from its own fills
        self.adopted: dict[str, Decimal] = {}  # by symbol, what an operator took over
        self.strange_ns: dict[str, int] = {}  # by asset, when somebody else moved it last
        self.since_ns: int | None = None  # from when on there is a venue log
        self._positions: dict[str, Decimal] = {}
        self._moved: dict[tuple[str, str], Decimal] = {}
        self._account = account
        self._fees_folded: set[tuple[str, str]] = set()
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
        """Those in force, by symbol."""
        return self.in_force.by_symbol

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

    def position(self, symbol: str) -> Decimal:
        """This desk's, by the venue's fills, less fees taken in base, plus what it has adopted."""
        return self._positions.get(symbol, ZERO)

    def positions(self) -> dict[str, Decimal]:
        """Every position that is not zero."""
        return {s: money.canonical(qty) for s, qty in self._positions.items() if qty != 0}

    def positions_ever(self) -> Iterable[tuple[str, Decimal]]:
        """Every symbol that was ever held, with what is held of it now."""
        return self._positions.items()

    def open_of(self, symbol: str, side: str) -> Decimal:
        """What this desk's live orders on one side may still trade."""
        return still_open(o for o in self.live.values() if o.symbol == symbol and o.side == side)

    def protecting(self, owner: Owner, side: str, kinds: frozenset[str]) -> Decimal:
        """What a strategy's live orders of these kinds may still close."""
        return still_open(
            order
            for order in self.live.values()
            if order.symbol == owner[1]
            and order.side == side
            and order.order_type in kinds
            and (known := self.known(order.client_id)) is not None
            and known.intent.strategy == owner[0]
        )

    def may_reduce(self, intent: Intent) -> bool:
        """Whether its side could bring this desk's position nearer to zero, or it is an operator's way out."""
        held = self.position(symbol_of(intent.instrument))
        return intent.origin is Origin.FLATTEN or held * intent.side.sign < 0

    def worst(self, symbol: str) -> Decimal:
        """The largest distance from zero if each side's open orders fill wholly or not at all."""
        held = self.position(symbol)
        bought = money.add(held, self.open_of(symbol, "BUY"))
        sold = money.subtract(held, self.open_of(symbol, "SELL"))
        return max(money.magnitude(bought), money.magnitude(sold))

    def unheard(self, symbol: str) -> bool:
        """Whether an order of ours moved something and its intent was not told yet: two clocks may differ."""
        return any(
            order.moved != 0 and order.symbol == symbol and self.known(client_id) is None
            for client_id, orders in self.venue.by_client_id.items()
            for order in orders
        )

    def unknown_fees(self, symbol: str) -> Decimal:
        """Base taken as fee that the journal does not know yet: a desk cannot count with it."""
        fees = self.fees.get(symbol, ZERO)
        return max(ZERO, money.subtract(fees, self.fees_known.get(symbol, ZERO)))

    def balances(self) -> dict[str, Decimal] | None:
        """What the venue holds by its own fills since the first comparison; None before one."""
        if self.opened is None:
            return None
        found = dict(self.opened)
        for (account, asset), amount in self._moved.items():
            if account == self._account:
                found[asset] = money.add(found.get(asset, ZERO), amount)
        return found

    def dust(self, symbol: str, qty: Decimal) -> bool:
        """Whether the venue's filters would refuse an order of `qty`."""
        rules = self.instruments.get(symbol)
        if rules is None:
            return qty == 0
        sellable = rules.qty_down(money.magnitude(qty))
        if sellable == 0 or sellable < rules.qty_min:
            return True
        price = self.last_price.get(symbol)
        return price is not None and money.notional(price, sellable) < rules.notional_min

    def _read(self, entry: Entry) -> None:
        if entry.kind == "transfer" and self.venue.concerns(entry):
            self._move(entry.account or "", entry.asset or "", entry.amount or ZERO)
            self.strange_ns[entry.asset or ""] = entry.at_ns
        order = self.venue.read(entry)
        if order is None:
            return
        ours = self.is_ours(order.client_id)
        if ours and entry.kind == "accept":
            self._account = order.account
            self.live[order.order_id] = order
        if entry.kind == "fill":
            self._fill(order, entry, ours=ours)
        if order.ended:
            self.live.pop(order.order_id, None)

    def _fill(self, order: VenueOrder, entry: Entry, *, ours: bool) -> None:
        qty, price = entry.last_quantity or ZERO, entry.last_price or ZERO
        signed = qty if order.side == "BUY" else money.minus(qty)
        fee, fee_asset = entry.fee or ZERO, entry.fee_asset or ""
        in_base = fee != 0 and self._is_base(order, fee_asset)
        self.last_price[order.symbol] = price
        if ours:
            taken = fee if in_base else ZERO
            self._hold(order.symbol, money.subtract(signed, taken))
            order.moved = money.add(order.moved, money.subtract(signed, taken))
            known = self.known(order.client_id)
            if known is not None:
                self._attribute(known.intent, order.symbol, money.subtract(signed, taken))
            self.fees[order.symbol] = money.add(self.fees.get(order.symbol, ZERO), taken)
        rules = self.instruments.get(order.symbol)
        if rules is not None:
            if not ours:
                self.strange_ns[rules.base] = self.strange_ns[rules.quote] = entry.at_ns
            self._move(order.account, rules.base, signed)
            self._move(order.account, rules.quote, money.minus(money.notional(price, signed)))
            self._move(order.account, fee_asset, money.minus(fee))

    def _is_base(self, order: VenueOrder, asset: str) -> bool:
        rules = self.instruments.get(order.symbol)
        if rules is not None:
            return asset == rules.base
        # Without the instrument: a buyer's fee is taken from what the symbol begins with, if at all.
        return order.side == "BUY" and bool(asset) and order.symbol.startswith(asset)

    def _move(self, account: str, asset: str, amount: Decimal) -> None:
        if asset and amount != 0:
            moved = self._moved.get((account, asset), ZERO)
            self._moved[account, asset] = money.add(moved, amount)

    def _attribute(self, intent: Intent, symbol: str, signed: Decimal) -> None:
        owner = (str(intent.strategy), symbol)
        self.attributed[owner] = money.add(self.attributed.get(owner, ZERO), signed)

    def _hold(self, symbol: str, signed: Decimal) -> None:
        self._positions[symbol] = money.add(self.position(symbol), signed)

    def _learn(self, fact: Written) -> None:
        record = fact.record
        self.intents.read(record, epoch=fact.epoch, decided_at=fact.decided_at, heard_ns=fact.at_ns)
        match record:
            case Intended(intent=intent):
                key = self.key(intent.client_id)
                if key is not None:
                    self.desks.add(key.desk)
                # Two clocks may tell a fill before the intent that it is of.
                for order in self.venue.by_client_id.get(intent.client_id, ()):
                    self._attribute(intent, order.symbol, order.moved)
            case Configured():
                self._configure(record)
            case LimitSet():
                self.in_force.set(record)
            case Executed():
                self._know_fee(record)
            case Reconciled(balances=balances, surplus=surplus):
                if self.opened is None:
                    self.opened = dict(balances)
                    self._moved.clear()  # what moved before is in it
                for instrument, qty in surplus.items():
                    symbol = symbol_of(instrument)
                    self._hold(symbol, qty)
                    self.adopted[symbol] = money.add(self.adopted.get(symbol, ZERO), qty)
            case _:
                pass

    def _know_fee(self, record: Executed) -> None:
        execution = record.execution
        symbol = symbol_of(execution.instrument)
        trade = (symbol, execution.trade_id)
        rules = self.instruments.get(symbol)
        if trade in self._fees_folded or rules is None or execution.fee_asset != rules.base:
            return
        self._fees_folded.add(trade)
        self.fees_known[symbol] = money.add(self.fees_known.get(symbol, ZERO), execution.fee)

    def _configure(self, record: Configured) -> None:
        for instrument in record.instruments:
            self.instruments[instrument.symbol] = instrument
        name = self.in_force.configured(record)
        if name:
            digest = blake2b(name.encode(), digest_size=4).digest()
            self.desks.add(int.from_bytes(digest, "big") % DESK_CODES)


def symbol_of(instrument: str) -> str:
    """The venue's own symbol in "venue:SYMBOL", or the symbol itself."""
    return instrument.rpartition(":")[2]
