"""What stands behind positions in contracts, as the gate counts it."""

from decimal import Decimal

from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO


def contracts(work: Work) -> list[Instrument]:
    """The traded instruments of which positions are held."""
    return [i for i in work.settings.instruments.values() if i.contract]


def free_margin(work: Work, instrument: Instrument) -> Decimal:
    """What the wallet has for one contract: less its losses so far, less the margin that the worst case of its
    other contracts takes. A contract without a price is not in it: nothing may be risked beside it anyway."""
    free = work.state.funds.balances.get(instrument.paid_in, ZERO)
    profit = ZERO
    for other in contracts(work):
        quote = work.views.quotes.get(other.id)
        if other.paid_in != instrument.paid_in or quote is None:
            continue
        for (_, of), position in work.state.positions.items():
            if of == other.id and position.priced:
                mark = quote.bid if position.priced > 0 else quote.ask
                profit = money.add(profit, position.unrealised(mark))
        if other.id != instrument.id:
            exposure, net = work.state.exposure(other.id), work.state.net(other.id)
            worst = max(
                money.magnitude(exposure.worst_long(net)),
                money.magnitude(exposure.worst_short(net)),
            )
            taken = money.shown(
                money.average(money.notional(quote.ask, worst), Decimal(leverage(work, other.id)))
            )
            free = money.subtract(free, taken)
    return money.add(free, min(profit, ZERO))


def leverage(work: Work, instrument: InstrumentId) -> int:
    """Notional over initial margin, as config and venue agree on at the start; 0 without margin."""
    terms = work.settings.terms.get(instrument)
    return 0 if terms is None else terms.leverage
