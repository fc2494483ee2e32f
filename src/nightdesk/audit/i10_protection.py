"""I10: where a strategy declared where it wants out, what it holds does not stand without such orders for long,
they never sell more than it holds, none is placed for the side that it was not declared for, and no target buys
back what they sold.

By strategy: what its own orders filled at the venue, against its own protective orders that live there.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from nightdesk.audit.books import Owner
from nightdesk.audit.facts import Fact, Published, VenueSaid, Written
from nightdesk.audit.i05_resolved import VANISHES
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.limits import scopes_of
from nightdesk.audit.venue_log import Entry
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Origin, Side
from nightdesk.model.records import Executed, Intended, ProtectionSet, Reported, TargetSet
from nightdesk.model.time import SECOND_NS

LAW = "I10 protection"
STOPS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TRAILING_STOP_MARKET", "STOP", "STOP_MARKET"})
PROFITS = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_LIMIT", "TAKE_PROFIT_MARKET"})
SILENT_NS = 3 * SECOND_NS  # a desk that tells nothing for so long is not up
FEE_SHARE = Decimal("0.002")  # of a quantity that a fee in base may have taken unheard
_FINE = {"unprotected"}  # the cause that says just what is judged here: no excuse
DUST_SHARE = Decimal("1.5")  # of the least notional: a desk weighs it at the price it waits for


class Protection:
    """A desk that is down, or says that it is not NORMAL or not sure of an order, is not held to the time; nor
    where it says so of the venue, the strategy or the instrument, but for saying that it is not protected."""

    law = LAW
    needs = "a journal with declared protections, and positions under them"
    hears: frozenset[Heard] = frozenset(
        {
            "accept",
            "algo",
            "fill",
            "fault_fired",
            ProtectionSet,
            TargetSet,
            Intended,
            Reported,
            Executed,
            Published,
        }
    )

    def __init__(self, *, within_ns: int = 20 * SECOND_NS, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._within_ns = within_ns
        self._declared: dict[Owner, ProtectionSet] = {}
        self._closes_by: dict[Owner, Side] = {}  # the side of the orders of a declaration
        self._targets: dict[Owner, TargetSet] = {}
        self._sold: set[Owner] = set()  # a protection traded, and no newer target was declared
        self._filled_of: dict[str, Decimal] = {}  # protective orders, as far as the journal knows
        self._bare_since: dict[Owner, int] = {}
        self._told: set[Owner] = set()
        self._denied: set[Owner] = set()  # an order of its protection, by a venue that had it
        self._published_ns = 0
        self._newest = 0  # epoch that somebody published in

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge a protective fill by what it leaves, a target by what was sold, a bare position by its time."""
        self.ledger.hear(fact)
        match fact:
            case VenueSaid(entry=entry) if entry.kind == "fault_fired":
                self._vanished(entry)
            case VenueSaid(entry=entry) if entry.kind != "fill":
                self._accepted(entry)
            case VenueSaid(entry=entry):
                return list(self._filled(entry, fact.at_ns))
            case Written(record=Intended(intent=intent)):
                return list(self._intended(intent, fact.at_ns))
            case Written(record=Reported(report=told)):
                self._sell(told.client_id)
            case Written(record=Executed(execution=traded)):
                self._sell(traded.client_id)
            case Written(record=ProtectionSet() | TargetSet() as record):
                self._wished(record)
            case Published():
                return list(self._look(fact))
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: a desk that is up tells where it stands every second."""
        return ()

    def _wished(self, record: ProtectionSet | TargetSet) -> None:
        owner = (str(record.strategy), self.ledger.names.of(record.instrument))
        if isinstance(record, TargetSet):
            self._targets[owner] = record
            if not record.suspended:
                self._sold.discard(owner)
            return
        self._bare_since.pop(owner, None)
        self._denied.discard(owner)
        self._declared.pop(owner, None)
        self._closes_by.pop(owner, None)
        if record.side is not None:
            self._closes_by[owner] = Side.SELL if record.side is Side.BUY else Side.BUY
        if record.stop is not None or record.take_profit is not None or record.trail_bps:
            self._declared[owner] = record

    def _sell(self, client_id: str) -> None:
        """The journal knows that a protection traded."""
        known = self.ledger.known(client_id)
        if known is None or known.intent.origin is not Origin.PROTECT:
            return
        grown = known.filled > self._filled_of.get(client_id, ZERO)
        self._filled_of[client_id] = known.filled
        if grown:
            self._sold.add(self._owner(known.intent))

    def _owner(self, intent: Intent) -> Owner:
        return str(intent.strategy), self.ledger.names.of(intent.instrument)

    def _accepted(self, entry: Entry) -> None:
        """Covered again, if only for a moment between two looks: what is bare later is bare anew."""
        known = self.ledger.told_of(entry)
        if known is None or known.intent.origin is not Origin.PROTECT:
            return
        owner = self._owner(known.intent)
        declared = self._declared.get(owner)
        if declared is not None and self._bare(owner, declared) == 0:
            self._bare_since.pop(owner, None)

    def _vanished(self, entry: Entry) -> None:
        """Believed where the venue denies it everywhere, as I5 has it: nobody could know better."""
        known = self.ledger.told_of(entry) if entry.what == VANISHES else None
        if known is not None and known.intent.origin is Origin.PROTECT:
            self._denied.add(self._owner(known.intent))

    def _filled(self, entry: Entry, at_ns: int) -> Iterator[Finding]:
        known = self.ledger.told_of(entry)
        if known is None or known.intent.origin is not Origin.PROTECT:
            return
        self.checked = True
        intent, owner = known.intent, self._owner(known.intent)
        name = owner[1]
        held = self.ledger.attributed.get(owner, ZERO)
        beyond = money.multiply(held, Decimal(intent.side.sign))
        fees = money.multiply(intent.qty, FEE_SHARE)
        over = beyond > fees and not self.ledger.dust(name, held)
        if over and owner not in self._denied and not self.ledger.unheard(name):
            what = f"a protective {intent.side.name} left {intent.strategy} at {money.canonical(held)} {name}"
            yield Finding(law=LAW, order=intent.client_id, what=what, at_ns=at_ns)

    def _intended(self, intent: Intent, at_ns: int) -> Iterator[Finding]:
        owner, what = self._owner(intent), ""
        if intent.origin is Origin.TARGET and owner in self._sold:
            what = "an order for a target that a protection ended"
        elif intent.origin is Origin.PROTECT and self._wrong(owner, intent.side):
            what = f"a protective {intent.side.name} of what was declared for the other side"
        if what:
            yield Finding(law=LAW, order=intent.client_id, what=what, at_ns=at_ns)

    def _wrong(self, owner: Owner, side: Side) -> bool:
        """Where the declaration does not say its side, the first of its orders does."""
        declared = owner in self._declared
        return declared and self._closes_by.setdefault(owner, side) is not side

    def _look(self, told: Published) -> Iterator[Finding]:
        if told.epoch < self._newest:
            return  # whoever leads now speaks for the desk
        self._newest = told.epoch
        late = told.at_ns - self._published_ns > SILENT_NS
        self._published_ns = told.at_ns
        if late or told.mode != "NORMAL" or not told.trading or told.unknown:
            self._bare_since.clear()
            return
        for owner, declared in self._declared.items():
            scopes = scopes_of(declared.strategy, declared.instrument)
            bare = self._bare(owner, declared)
            if bare == 0 or any(self.ledger.causes.get(scope, _FINE) - _FINE for scope in scopes):
                self._bare_since.pop(owner, None)
                self._told.discard(owner)
                continue
            since_ns = self._bare_since.setdefault(owner, told.at_ns)
            if told.at_ns - since_ns > self._within_ns and owner not in self._told:
                self._told.add(owner)
                lasted = f"{(told.at_ns - since_ns) / 1e9:.1f} s"
                what = f"{owner[0]}: {money.canonical(bare)} {owner[1]} unprotected for {lasted}"
                yield Finding(law=LAW, order="", what=what, at_ns=told.at_ns)

    def _bare(self, owner: Owner, declared: ProtectionSet) -> Decimal:
        """What of the position no protective order covers; what a target is about to close needs none."""
        held = self.ledger.attributed.get(owner, ZERO)
        needed = money.magnitude(held)
        if self.ledger.names.contract(
            owner[1]
        ):  # what others hold the other way is not at the venue
            net = self.ledger.position(owner[1])
            needed = min(needed, money.magnitude(net)) if net * held > 0 else ZERO
        self.checked = self.checked or needed > 0
        target = self._targets.get(owner)
        if target is not None and target.qty is not None and not target.suspended:
            towards = money.magnitude(target.qty) if target.qty * held > 0 else ZERO
            needed = min(needed, towards)
        kinds = STOPS if declared.stop is not None or declared.trail_bps else PROFITS
        side = "SELL" if held > 0 else "BUY"
        covered = self.ledger.protecting(owner, side, kinds)
        bare = max(ZERO, money.subtract(needed, covered))
        crumb = money.multiply(needed, FEE_SHARE)
        return ZERO if bare <= crumb or self._too_small(owner[1], bare) else bare

    def _too_small(self, name: str, qty: Decimal) -> bool:
        rules, price = self.ledger.instruments.get(name), self.ledger.last_price.get(name)
        if rules is None or price is None or self.ledger.dust(name, qty):
            return True
        if rules.contract:  # what only reduces may be worth less than the least
            return False
        least = money.multiply(rules.notional_min, DUST_SHARE)
        return money.notional(price, rules.qty_down(qty)) < least
