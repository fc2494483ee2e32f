"""What only accounts of contracts have: funding, transfers, trades that the venue makes itself, terms.

Nothing is booked by a frame that says how wallets stand: it says what to ask for. What is booked has an id of
the venue's, and is booked once, however often it is told. A trade that the venue makes for the account (a
liquidation, an auto-deleveraging) closes the positions on its side, the largest first; what is left over is the
operator's. Targets there are suspended, and a person has to resume.
"""

from collections.abc import Mapping
from decimal import Decimal

from nightdesk.desk.events import (
    AskAccount,
    AskFlows,
    AskForced,
    FlowsTold,
    ForcedTold,
    Tell,
    TermsSeen,
    WalletsMoved,
)
from nightdesk.desk.margin import contracts
from nightdesk.desk.settings import OPERATOR
from nightdesk.desk.targets import suspend
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.account import Flow, Forced, ForcedFill, TermsTold, WalletMove
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import wallet_of
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.records import Flowed, ForceTraded
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import instrument_scope
from nightdesk.portfolio.booked import fee_key, flow_key, forced_key
from nightdesk.reconcile.terms import faults
from nightdesk.strategy.messages import Fill, Filled

FORCED, TERMS = "forced", "terms"  # causes
ASKED_AGAIN_NS = 3600 * SECOND_NS  # how far back: what is booked already is known by its id
SPAN_MAX_NS = 7 * 24 * 3600 * SECOND_NS  # the venue tells no more in one answer
_ASKED = (Flow.FUNDING, Flow.TRANSFER, Flow.INSURANCE)


def told(work: Work, event: FlowsTold | ForcedTold | WalletsMoved | TermsSeen) -> None:
    """What one message says of the account."""
    match event:
        case FlowsTold(venue=venue, moves=moves):
            for move in moves:
                _flow(work, venue, move)
        case ForcedTold(fills=fills):
            for fill in fills:
                forced(work, fill)
        case WalletsMoved(venue=venue, moved=moved):
            if moved.kind is Flow.OTHER:
                work.note("warning", "account.moved", venue=venue, why="of a kind not known here")
            elif moved.kind is Flow.INSURANCE:
                # Whose trade it belongs to is asked first.
                work.decision.at_once.append(AskAccount(venue=venue))
            elif moved.kind is not None:
                work.decision.at_once.append(_question(work, venue, moved.kind))
        case TermsSeen():
            _terms(work, event)


def seek(work: Work, found: Mapping[str, Decimal]) -> None:
    """A difference may be what the venue did itself: ask for that before anybody is alarmed."""
    venues: dict[VenueId, None] = {}
    kinds: tuple[Flow, ...] = _ASKED
    for instrument in contracts(work):
        if instrument.held_as in found:
            kinds = _ASKED[:-1]  # a liquidation's fee may be told twice, and is the trade's first
            since = _since(work, instrument.venue, f"forced/{instrument.id}/")
            work.decision.at_once.append(AskForced(instrument=instrument.id, since=since))
        if instrument.paid_in in found:
            venues[instrument.venue] = None
    for venue in venues:
        work.decision.at_once += [_question(work, venue, kind) for kind in kinds]


def _question(work: Work, venue: VenueId, kind: Flow) -> AskFlows:
    return AskFlows(venue=venue, kind=kind, since=_since(work, venue, f"{kind}/{venue}/"))


def _since(work: Work, venue: VenueId, front: str) -> Wall:
    """From when on to ask: shortly before the last that was booked, never before the books were opened."""
    booked, earliest = work.state.booked, work.there(venue) - SPAN_MAX_NS
    last = booked.last(front) - ASKED_AGAIN_NS
    return Wall(max(booked.since.get(venue, 0), earliest, last))


def _flow(work: Work, venue: VenueId, move: WalletMove) -> None:
    wallet = wallet_of(venue, move.asset)
    ours = any(i.paid_in == wallet for i in contracts(work))
    if not ours or not work.state.booked.takes(venue, flow_key(venue, move), move.at):
        return
    if move.kind is Flow.INSURANCE and move.instrument is not None:
        fee = fee_key(move.instrument, money.canonical(money.minus(move.amount)))
        if fee in work.state.booked.at:
            return  # the trade's own fee said it
    shares: dict[StrategyId, Decimal] = {}
    of = move.instrument
    if move.kind is Flow.FUNDING and of is not None and of in work.settings.instruments:
        shares = _shared(work, of, move.amount)
    work.record(Flowed(venue=venue, move=move, shares=shares))
    level = "info" if move.kind is Flow.FUNDING else "warning"
    work.note(
        level, "wallet.moved", kind=move.kind, of=of or wallet, amount=f"{move.amount} {move.asset}"
    )


def _shared(work: Work, instrument: InstrumentId, amount: Decimal) -> dict[StrategyId, Decimal]:
    """A funding by what each strategy holds; those on the other side of the net get what the others pay."""
    net = work.state.net(instrument)
    held = {s: p.qty for (s, i), p in sorted(work.state.positions.items()) if i == instrument}
    held = {strategy: qty for strategy, qty in held.items() if qty != 0}
    if net == 0:
        return {OPERATOR: amount}
    shares = {
        strategy: money.shown(money.average(money.multiply(amount, qty), net))
        for strategy, qty in held.items()
    }
    largest = max(held, key=lambda strategy: money.magnitude(held[strategy]))
    rounded = money.subtract(amount, money.total(shares.values()))
    shares[largest] = money.canonical(money.add(shares[largest], rounded))
    return shares


def forced(work: Work, fill: ForcedFill) -> None:
    """Book a trade of the account that no desk asked for, once; a person has to look before anything new is
    risked there."""
    instrument = work.settings.instruments.get(fill.instrument)
    if instrument is None:
        return
    if not work.state.booked.takes(instrument.venue, forced_key(fill), fill.at):
        return
    shares = closed(work, fill.instrument, fill.side.sign * fill.qty)
    who = "somebody" if fill.kind is Forced.EMERGENCY else "the venue"
    why = f"{fill.kind}: {who} traded {fill.side} {fill.qty} at {fill.price} for the account"
    record = ForceTraded(fill=fill, shares=shares)
    work.record(record)
    work.note("error", "position.forced", of=fill.instrument, why=why)
    for strategy, qty in shares.items():
        if strategy not in work.settings.strategies:
            continue
        told = Fill(
            ref=f"venue:{fill.kind}",
            instrument=fill.instrument,
            side=fill.side,
            price=fill.price,
            qty=qty,
            fee=record.fee_of(strategy),
            fee_asset=fill.fee_asset,
            maker=False,
        )
        holds = work.state.position(strategy, fill.instrument).qty
        message = Filled(at=work.now, fill=told, position=holds)
        work.decision.at_once.append(Tell(strategy=strategy, message=message))
    scope = instrument_scope(fill.instrument)
    work.set_mode(scope, FORCED, Mode.REDUCE_ONLY, by="desk", why=why)
    suspend(work, fill.instrument, why)


def shares(
    work: Work, moved: Mapping[InstrumentId, Decimal]
) -> dict[InstrumentId, dict[StrategyId, Decimal]]:
    """What somebody else closed of contracts that strategies hold: only by trading could it leave the account,
    so what is theirs in the books is not at the venue any more."""
    found: dict[InstrumentId, dict[StrategyId, Decimal]] = {}
    for instrument in contracts(work):
        signed = moved.get(instrument.id, ZERO)
        of = closed(work, instrument.id, signed)
        theirs = {
            s: qty if signed > 0 else money.minus(qty) for s, qty in of.items() if s != OPERATOR
        }
        if theirs:
            found[instrument.id] = theirs
    return found


def closed(work: Work, instrument: InstrumentId, signed: Decimal) -> dict[StrategyId, Decimal]:
    """Whose position somebody else traded: of those on the side that it closes the largest first, then the
    operator's."""
    holders = [
        (money.magnitude(position.qty), strategy)
        for (strategy, of), position in sorted(work.state.positions.items())
        if of == instrument and position.qty * signed < 0
    ]
    left, shares = money.magnitude(signed), dict[StrategyId, Decimal]()
    for held, strategy in sorted(holders, key=lambda each: -each[0]):
        if left > 0:
            shares[strategy] = min(held, left)
            left = money.subtract(left, shares[strategy])
    if left > 0:
        shares[OPERATOR] = money.add(shares.get(OPERATOR, ZERO), left)
    return {strategy: money.canonical(qty) for strategy, qty in shares.items()}


def _terms(work: Work, event: TermsSeen) -> None:
    """Terms that are not the config's stop new risk; the config's again, they let it pass."""
    terms, wanted, scope = event.terms, work.settings.terms, work.settings.scope_of(event.venue)
    if not isinstance(terms, TermsTold):
        ours = {
            i: w for i, w in wanted.items() if work.settings.instruments[i].venue == event.venue
        }
        found = "; ".join(faults(terms, ours))
        _differ(work, scope, found)
        for instrument in ours:  # all was looked at: what single news said of one is past
            _differ(work, instrument_scope(instrument), "")
    elif terms.multi_asset is not None:
        _differ(work, scope, "multi-assets mode was switched on" if terms.multi_asset else "")
    elif terms.instrument is not None and terms.instrument in wanted:
        have = wanted[terms.instrument].leverage
        why = f"the leverage became {terms.leverage}, the config says {have}"
        same = terms.leverage in (None, have)
        _differ(work, instrument_scope(terms.instrument), "" if same else why)


def _differ(work: Work, scope: str, why: str) -> None:
    mode = Mode.REDUCE_ONLY if why else Mode.NORMAL
    work.set_mode(scope, TERMS, mode, by="desk", why=why or "the venue's terms are the config's")
