"""The way out: cancel all, close what lies above the baseline, verify at the venue, say where it stands.

Needs no strategy, no feed (a price is asked for when there is none) and no budget. It survives a crash: the
wish is a journaled cause, and every tick takes the next step from where things are.
"""

from collections.abc import Mapping
from decimal import Decimal

from nightdesk.desk import attempts
from nightdesk.desk.events import AccountTold, AskAccount, AskPrice, Flatten
from nightdesk.desk.placing import Wish, cancel, sized, submit
from nightdesk.desk.settings import OPERATOR
from nightdesk.desk.targets import crossing, suspend
from nightdesk.desk.views import Slice, Trying
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import OrderType, Origin, Side
from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS
from nightdesk.modes.ladder import DESK
from nightdesk.risk.gate import Refused

CAUSE = "flatten"
QUOTE_AGE_MAX_NS = 5 * SECOND_NS
AGAIN_NS = 500 * MS_NS
# A person has to look: asking on would eat the budget that the way out lives on.
DENIED_MAX_NS = 5 * SECOND_NS
SLIPPAGE_BPS = Decimal(20)  # the way out pays more than an entry would, and still not any price


def start(work: Work, event: Flatten) -> None:
    """Latch no new risk and take the first step."""
    why = event.reason or "flatten"
    work.set_mode(DESK, CAUSE, Mode.FLATTENING, by=event.by, why=why)
    work.views.flatten_said, work.views.flatten_denied = "", 0
    work.views.slices.clear()
    _not_flat(work)
    for instrument in work.settings.instruments:
        suspend(work, instrument, "flattened by an operator")
    step(work)


def step(work: Work) -> None:
    """The next thing to do, if a flatten is under way."""
    if work.state.ladder.demands(DESK, CAUSE) is not Mode.FLATTENING:
        return
    waiting: list[str] = []
    for order in list(work.state.orders.live.values()):
        if order.intent.origin is not Origin.FLATTEN and not order.cancel_asked:
            cancel(work, order, why="flatten")
    for instrument in work.settings.instruments:
        waiting += _close(work, instrument)
    if waiting:
        _not_flat(work)
        work.views.flatten_denied = 0
        _say(work, "; ".join(waiting))
    elif work.mono - work.views.flatten_asked >= _ask_every_ns(work):
        work.views.flatten_asked = work.mono
        silent = [v for v in work.settings.venues if work.views.books_of(v).flat is None]
        if not work.views.flatten_denied:
            _say(work, f"nothing left to sell; asking {', '.join(silent)}")
        work.decision.at_once += [AskAccount(venue=venue) for venue in silent]


def _ask_every_ns(work: Work) -> int:
    """Ever more slowly where the venues hold what the books do not know, and go on holding it."""
    return min(AGAIN_NS << min(work.views.flatten_denied, 8), DENIED_MAX_NS)


def verify(work: Work, event: AccountTold) -> None:
    """The venues' own balances say whether it is done: at each of them, with nothing sent in between."""
    if work.state.ladder.demands(DESK, CAUSE) is not Mode.FLATTENING or not event.quiet:
        return
    ours = [o for o in event.open_orders if work.state.orders.get(o.client_id) is not None]
    if ours or work.state.orders.live or work.state.settling:
        return
    books = work.views.books_of(event.venue)
    books.flat = None
    left = excess(work, event.venue, event.balances)
    more = [f"{qty} {i}" for i, qty in left.items() if not _dust(work, i, qty)]
    if more:
        text = (
            f"the venue holds {', '.join(more)} beyond the baseline that the books do not know; "
            "look at it, then resume with a reason (which adopts it) and flatten again"
        )
        again = text == work.views.flatten_said
        work.views.flatten_denied = work.views.flatten_denied + 1 if again else 1
        _say(work, text)
        return
    books.flat = ", ".join(
        f"{qty} {work.settings.instruments[i].base}" for i, qty in left.items() if qty
    )
    found = [work.views.books_of(venue).flat for venue in work.settings.venues]
    if None in found:
        return  # asked as well, and not heard yet
    if not all(_dust(work, i, work.state.net(i)) for i in work.settings.instruments):
        _not_flat(work)  # told since the other venue was flat
        return
    dust = ", ".join(each for each in found if each)
    where = "the venue" if len(found) == 1 else "every venue"
    done = f"flat at {where}; unsellable dust: {dust or 'none'}"
    _say(work, done)
    work.set_mode(DESK, CAUSE, Mode.REDUCE_ONLY, by="desk", why=done)


def excess(
    work: Work, venue: VenueId, balances: Mapping[str, Decimal]
) -> dict[InstrumentId, Decimal]:
    """What the venue holds above (or below) the baseline, per instrument."""
    found = {}
    for instrument in work.settings.instruments.values():
        if instrument.venue != venue:
            continue
        baseline = work.settings.baseline_of(instrument, work.state.opened)
        found[instrument.id] = money.canonical(
            money.subtract(balances.get(instrument.held_as, ZERO), baseline)
        )
    return found


def _close(work: Work, instrument: InstrumentId) -> list[str]:
    """One slice towards flat; returns what is being waited for."""
    live = [o for o in work.state.orders.live.values() if o.intent.instrument == instrument]
    if live:
        unknown = sum(1 for order in live if order.state == "unknown")
        return [f"{instrument}: {len(live)} orders open ({unknown} unknown)"]
    exposure, net = work.state.exposure(instrument), work.state.net(instrument)
    # What a cancelled order may still have closed is not closed a second time; what one may still have
    # opened does not keep the rest waiting.
    taken = exposure.selling if net > 0 else exposure.buying
    free = max(money.subtract(money.magnitude(net), taken), ZERO)
    if _dust(work, instrument, free):
        settling = exposure.selling or exposure.buying
        return [f"{instrument}: {net} left, cancelled orders are settling"] if settling else []
    seen = work.quote(instrument)
    tried = work.views.slices.get(instrument)
    oldest = QUOTE_AGE_MAX_NS
    if (
        tried is not None and tried.net == net
    ):  # nothing traded: not again at once, nor on the same quote
        oldest = min(oldest, work.mono - tried.at)
        if work.mono < attempts.again_at(work, (OPERATOR, instrument), Trying.FLATTEN, (net,)):
            return [f"{instrument}: {net} to close, nobody took {tried.qty} at {tried.price}"]
    if seen is None or seen[1] >= oldest:
        if work.mono - work.views.price_asked.get(instrument, LONG_AGO) >= SECOND_NS:
            work.views.price_asked[instrument] = work.mono
            work.decision.at_once.append(AskPrice(instrument=instrument))
        return [f"{instrument}: {net} to close, asking for a price"]
    rules = work.settings.instruments[instrument]
    side = Side.SELL if net > 0 else Side.BUY
    owner, held = _owner(work, instrument, net)
    qty = sized(work, owner, instrument, min(free, abs(held)))
    if _dust(work, instrument, qty):  # crumbs of several strategies are sold together
        qty = sized(work, owner, instrument, free)
    if _dust(work, instrument, qty):  # a limit below the venue's least order closes no way out
        qty = rules.qty_down(min(free, rules.qty_max))
    price = crossing(rules, seen[0], side, SLIPPAGE_BPS)
    wish = Wish(owner, instrument, side, OrderType.IOC, qty, price, Origin.FLATTEN)
    result = submit(work, wish)
    if isinstance(result, Refused):
        return [f"{instrument}: {net} to close, refused: {result}"]
    took = [result.client_id]
    attempts.note(work, (OPERATOR, instrument), Trying.FLATTEN, (net,), took)
    work.views.slices[instrument] = Slice(at=work.mono, net=net, qty=qty, price=price)
    return [f"{instrument}: {net} to close, {side} {qty} at {price}"]


def _owner(work: Work, instrument: InstrumentId, net: Decimal) -> tuple[StrategyId, Decimal]:
    """Whose position the next slice closes: the largest on the side that is too much."""
    best = (OPERATOR, ZERO)
    for (strategy, of), position in work.state.positions.items():
        same_side = (position.qty > 0) == (net > 0)
        if of == instrument and same_side and abs(position.qty) > abs(best[1]):
            best = (strategy, position.qty)
    return best


def _dust(work: Work, instrument: InstrumentId, qty: Decimal) -> bool:
    """Whether the venue's filters would refuse to sell it."""
    rules = work.settings.instruments[instrument]
    sellable = rules.qty_down(abs(qty))
    if sellable < rules.qty_min or sellable == 0:
        return True
    quote = None if rules.contract else work.views.quotes.get(instrument)
    return quote is not None and money.notional(quote.bid, sellable) < rules.notional_min


def _not_flat(work: Work) -> None:
    """What was verified is past."""
    for books in work.views.books.values():
        books.flat = None


def _say(work: Work, text: str) -> None:
    if text != work.views.flatten_said:
        work.views.flatten_said = text
        work.note("warning", "flatten.stands", where=text)
