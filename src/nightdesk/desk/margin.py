"""What stands behind positions in contracts, as the gate counts it: profit that is not realised left out."""

from collections.abc import Iterator
from decimal import Decimal

from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO


def contracts(work: Work) -> list[Instrument]:
    """The traded instruments of which positions are held."""
    return [i for i in work.settings.instruments.values() if i.contract]


def margin_balance(work: Work, wallet: str) -> Decimal:
    """What a wallet has, less the losses so far of its contracts. One without a price is not in it: nothing may
    be risked beside it anyway."""
    profit = ZERO
    for (_, of), position in work.state.positions.items():
        instrument, quote = work.settings.instruments.get(of), work.views.quotes.get(of)
        if instrument is None or quote is None or not position.priced:
            continue
        if instrument.contract and instrument.paid_in == wallet:
            mark = quote.bid if position.priced > 0 else quote.ask
            profit = money.add(profit, position.unrealised(mark))
    return money.add(work.state.funds.balances.get(wallet, ZERO), min(profit, ZERO))


def free_margin(work: Work, instrument: Instrument) -> Decimal:
    """What the wallet has for one contract: less the margin that the worst case of its others takes."""
    free = margin_balance(work, instrument.paid_in)
    for other, ask, worst in _others(work, instrument):
        bound = money.average(money.notional(ask, worst), Decimal(leverage(work, other)))
        free = money.subtract(free, money.shown(bound))
    return money.canonical(free)


def beside(work: Work, instrument: Instrument) -> dict[InstrumentId, Decimal]:
    """At which prices the other exposed contracts of its wallet were valued, for the journal."""
    others = _others(work, instrument)
    return {other: money.canonical(ask) for other, ask, worst in others if worst != 0}


def _others(work: Work, instrument: Instrument) -> Iterator[tuple[InstrumentId, Decimal, Decimal]]:
    """Those of the same wallet: at which price, and what they may come to."""
    for other in contracts(work):
        quote = work.views.quotes.get(other.id)
        if other.id == instrument.id or other.paid_in != instrument.paid_in or quote is None:
            continue
        exposure, net = work.state.exposure(other.id), work.state.net(other.id)
        worst = max(
            money.magnitude(exposure.worst_long(net)),
            money.magnitude(exposure.worst_short(net)),
        )
        yield other.id, quote.ask, worst


def equity(work: Work) -> Decimal | None:
    """What the desk has, in quote: wallets, quote assets, and what it holds of others beyond their baseline, at
    the side of the market that would take it. What is held and has no price counts nothing; None where
    something is owed that has none."""
    balances, opened = work.state.funds.balances, work.state.opened
    value, counted = ZERO, set[str]()
    for instrument in work.settings.instruments.values():
        if instrument.paid_in not in counted:
            counted.add(instrument.paid_in)
            value = money.add(value, margin_balance(work, instrument.paid_in))
        if instrument.contract or instrument.base in counted:
            continue
        counted.add(instrument.base)
        baseline = work.settings.baseline_of(instrument, opened)
        held = money.subtract(balances.get(instrument.base, ZERO), baseline)
        quote = work.views.quotes.get(instrument.id)
        if quote is not None:
            value = money.add(value, money.notional(quote.bid if held > 0 else quote.ask, held))
        elif held < 0:
            return None
    return value


def leverage(work: Work, instrument: InstrumentId) -> int:
    """Notional over initial margin, as config and venue agree on at the start; 0 without margin."""
    terms = work.settings.terms.get(instrument)
    return 0 if terms is None else terms.leverage
