"""The part of I4 about what a venue did to an account by itself: each move and each trade is booked once, as
the venue made it, and shared out among those who held the position. Funding is no trade.

Shares are judged by what the journal itself says that each strategy held when it was booked. Whether everything
was booked is judged at rest, for what happened after the books were opened and long enough before the journal's
last word: a desk that is not up hears nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from nightdesk.audit.books import DESK_OWN
from nightdesk.audit.facts import VenueSaid, Written
from nightdesk.audit.ledger import Ledger
from nightdesk.model import money
from nightdesk.model.account import Flow
from nightdesk.model.ids import StrategyId
from nightdesk.model.instrument import wallet_of
from nightdesk.model.money import ZERO
from nightdesk.model.records import EpochOpened, Flowed, ForceTraded, Reconciled
from nightdesk.model.time import SECOND_NS

STAMPS_NS = 60 * SECOND_NS  # what a venue tells is stamped by its own clock, which may be off
HEARD_NS = 120 * SECOND_NS  # a desk that is up hears within seconds, or asks; a venue may be away
PENNY = Decimal("1E-7")  # a share is rounded to eight decimals, the largest bears what that leaves
_LOGGED = frozenset({Flow.FUNDING, Flow.TRANSFER, Flow.INSURANCE})  # of the moves of a wallet
_Move = tuple[str, str, Decimal]  # kind, wallet or instrument, amount


class Attribution:
    """Told every fact after the ledger was."""

    def __init__(self, ledger: Ledger) -> None:
        self.checked = False
        self._ledger = ledger
        self._booked: dict[_Move, list[int]] = {}  # when, by the venue's stamps
        self._ids: set[tuple[str, ...]] = set()
        self._at_venue: dict[_Move, list[int]] = {}
        self._opened: dict[str, int] = {}  # by asset, when it was compared last
        self._up_ns = 0

    def hear(self, fact: VenueSaid | Written) -> Iterator[str]:
        """Judge what is booked by itself; remember what the venue did."""
        if isinstance(fact, VenueSaid):
            self._done(fact)
            return
        match fact.record:
            case Flowed():
                yield from self._flowed(fact.record)
            case ForceTraded():
                yield from self._forced(fact.record)
            case EpochOpened():
                self._up_ns = fact.at_ns
            case Reconciled(balances=balances):
                self._opened |= dict.fromkeys(balances, fact.at_ns)
            case _:
                pass

    def rest(self) -> Iterator[tuple[int, str]]:
        """What one side knows and the other does not, and when that was."""
        for what, times in self._at_venue.items():
            for at_ns in _alone(times, self._booked.get(what, ())):
                if self._due(what[1], at_ns):
                    yield at_ns, f"{_words(what)} at the venue was never booked"
        since_ns = self._ledger.since_ns
        for what, times in self._booked.items():
            for at_ns in _alone(times, self._at_venue.get(what, ())):
                if since_ns is not None and at_ns > since_ns + STAMPS_NS:
                    yield at_ns, f"{_words(what)} was booked, the venue's log has none"

    def _due(self, where: str, at_ns: int) -> bool:
        """Whether it is no part of a balance that was taken over, and a desk was up for long enough since."""
        opened_ns = self._opened.get(where)
        if opened_ns is None or at_ns <= opened_ns + STAMPS_NS:
            return False
        return self._ledger.written_ns - max(at_ns, self._up_ns) > HEARD_NS

    def _done(self, said: VenueSaid) -> None:
        entry, ledger = said.entry, self._ledger
        if not ledger.venue.concerns(entry):
            return
        if entry.kind in _LOGGED:
            asset = ledger.names.asset(entry.venue, entry.asset or "")
            if "/" in asset:  # a wallet of contracts
                self._seen(self._at_venue, (entry.kind, asset, entry.amount or ZERO), entry.at_ns)
            return
        order = ledger.venue.of(entry)
        if entry.kind == "fill" and order is not None and order.forced:
            rules = ledger.instruments.get(order.instrument)
            if rules is not None and ledger.accounts.follows(order):
                signed = _signed(order.side == "BUY", entry.last_quantity or ZERO)
                self._seen(
                    self._at_venue, ("forced trade", str(rules.held_as), signed), entry.at_ns
                )

    def _seen(self, of: dict[_Move, list[int]], what: _Move, at_ns: int) -> None:
        kind, where, amount = what
        of.setdefault((kind, where, money.canonical(amount)), []).append(at_ns)

    def _flowed(self, record: Flowed) -> Iterator[str]:
        self.checked = True
        move, wallet = record.move, wallet_of(record.venue, record.move.asset)
        named = str(move.kind)
        if self._twice(named, record.venue, str(move.instrument or ""), move.id):
            yield f"{named} {move.id} of {move.instrument or wallet} was booked twice"
        # What the insurance fund takes is a liquidation's fee: the trade tells it.
        fee = move.kind is Flow.INSURANCE and move.amount < 0
        if move.kind in _LOGGED and not fee:
            self._seen(self._booked, (named, wallet, move.amount), move.at)
        if move.kind is not Flow.FUNDING:
            if record.shares:
                yield f"{named} of {move.amount} {wallet} was shared out as if somebody had earned it"
            return
        yield from self._adds_up(record.shares, move.amount, f"funding of {move.instrument}")
        net = self._ledger.books.of(self._ledger.names.of(move.instrument or ""))
        for strategy, share in record.shares.items():
            held = self._held(move.instrument, strategy)
            due = money.subtract(
                money.multiply(share, net), money.multiply(move.amount, held)
            )  # zero where each gets by what he holds
            if net != 0 and money.magnitude(due) > money.multiply(PENNY, money.magnitude(net)):
                yield (
                    f"{strategy} got {share} of {move.amount} funding, and holds {money.canonical(held)} of "
                    f"{money.canonical(net)} {move.instrument}"
                )

    def _forced(self, record: ForceTraded) -> Iterator[str]:
        """Heard after the fold: what was held before it is what is held, less the share."""
        self.checked = True
        fill, sign = record.fill, record.fill.side.sign
        if self._twice("forced", fill.instrument, fill.trade_id):
            yield f"the venue's trade {fill.trade_id} of {fill.instrument} was booked twice"
        where = self._ledger.instruments.get(self._ledger.names.of(fill.instrument))
        if where is not None:
            signed = _signed(sign > 0, fill.qty)
            self._seen(self._booked, ("forced trade", str(where.held_as), signed), fill.at)
        yield from self._adds_up(record.shares, fill.qty, f"{fill.kind} of {fill.instrument}")
        for strategy, share in record.shares.items():
            before = money.subtract(self._held(fill.instrument, strategy), _signed(sign > 0, share))
            closable = money.multiply(before, Decimal(-sign))
            if strategy != DESK_OWN and share > max(closable, ZERO):
                yield (
                    f"{fill.kind} closed {share} {fill.instrument} of {strategy}, which held "
                    f"{money.canonical(before)}"
                )

    def _held(self, instrument: str | None, strategy: str) -> Decimal:
        return self._ledger.books.of(self._ledger.names.of(instrument or ""), str(strategy))

    def _twice(self, *key: str) -> bool:
        known = key in self._ids
        self._ids.add(key)
        return known

    def _adds_up(
        self, shares: Mapping[StrategyId, Decimal], whole: Decimal, what: str
    ) -> Iterator[str]:
        shared = money.total(shares.values())
        if shared != whole:
            yield f"{what} is {whole}, its shares come to {money.canonical(shared)}"


def _alone(times: Sequence[int], others: Sequence[int]) -> list[int]:
    """Those of `times` that have no partner among `others`, each of which is one's only."""
    left, alone = list(others), []
    for at_ns in times:
        near = next((other for other in left if abs(other - at_ns) <= STAMPS_NS), None)
        if near is None:
            alone.append(at_ns)
        else:
            left.remove(near)
    return alone


def _signed(buys: bool, qty: Decimal) -> Decimal:
    return qty if buys else money.minus(qty)


def _words(what: _Move) -> str:
    kind, where, amount = what
    return f"{kind} of {money.canonical(amount)} {where}"
