"""Loss limits: measured every second, kept across restarts, and lifted by a person only."""

from decimal import Decimal

import msgspec

from nightdesk.desk.limiting import loss_limits
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.records import Marked
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.modes.ladder import DESK, strategy_scope
from nightdesk.risk.losses import DAY_NS, Losses, LossLimits, Marks, breach, losses

CAUSE = "loss"
EVERY_NS = SECOND_NS
LASTS_NS = 2 * SECOND_NS  # one wild quote does not stop a desk until somebody wakes up
PEAK_STEPS = 20  # a higher profit is journaled at every such part of the drawdown limit: a start forgets less


def watch(work: Work) -> None:
    """Measure every limited scope when it is due; what is reached takes its mode down."""
    now = work.mono  # a clock that is set back must not make anybody look away
    if now - work.views.losses_seen < EVERY_NS:
        return
    work.views.losses_seen, work.views.stirred = now, False
    for scope, limits in loss_limits(work.settings, work.state.limits_set):
        profit = profit_of(work, scope)
        if profit is None:
            continue  # something is held and has no price: then nothing new is risked anyway
        marks = _marked(work, scope, limits, profit)
        why = breach(limits, losses(marks, profit, work.state.losing_exits(scope)))
        if not why:
            work.views.losing_since.pop(scope, None)
            continue
        lasts_ns = now - work.views.losing_since.setdefault(scope, now)
        if lasts_ns >= LASTS_NS and not work.state.ladder.holds(scope, CAUSE):
            work.set_mode(scope, CAUSE, Mode.REDUCE_ONLY, by="desk", why=why)


def due(work: Work) -> Mono | None:
    """When `watch` has something to do next, as long as nothing happens; None where nothing is limited."""
    if not loss_limits(work.settings, work.state.limits_set):
        return None
    tomorrow = work.moment.mono_at(Wall((work.now // DAY_NS + 1) * DAY_NS))
    reached = any(not work.state.ladder.holds(s, CAUSE) for s in work.views.losing_since)
    if not work.views.stirred and not reached:
        return tomorrow
    return min(tomorrow, Mono(work.views.losses_seen + EVERY_NS))


def forgive(work: Work, scope: str) -> bool:
    """A person has looked and goes on: losses of `scope` are measured from here. False where they cannot be."""
    profit = profit_of(work, scope)
    if profit is None:
        return False
    work.views.peaks.pop(scope, None)
    work.views.losing_since.pop(scope, None)
    work.record(
        Marked(scope=scope, day=_day(work, scope), day_profit=profit, peak=profit, looked_at=True)
    )
    return True


def told(work: Work, scope: str) -> Losses | None:
    """What `scope` has lost now; None while it cannot be measured."""
    profit, marks = profit_of(work, scope), work.state.marks.get(scope)
    if profit is None or marks is None:
        return None
    highest = work.views.peaks.get(scope, marks.peak)
    marks = msgspec.structs.replace(marks, peak=max(marks.peak, highest))
    return losses(marks, profit, work.state.losing_exits(scope))


def profit_of(work: Work, scope: str) -> Decimal | None:
    """Realised and unrealised profit after fees in quote since the journal began; None where something is held
    that has no price. Fees taken in a third asset are not in it."""
    profit = ZERO
    for (strategy, instrument), position in work.state.positions.items():
        if scope not in (DESK, strategy_scope(strategy)):
            continue
        profit = money.add(profit, position.earned)
        if position.priced == 0:
            continue
        quote = work.views.quotes.get(instrument)
        if quote is None:
            return None
        mark = quote.bid if position.priced > 0 else quote.ask
        profit = money.add(profit, position.unrealised(mark))
    return money.canonical(profit)


def _marked(work: Work, scope: str, limits: LossLimits, profit: Decimal) -> Marks:
    """Where losses are measured from, journaled when the day or the peak has moved far enough."""
    day, old = _day(work, scope), work.state.marks.get(scope)
    marks = Marks(day=day, day_profit=profit, peak=profit) if old is None else old
    peak = max(marks.peak, profit, work.views.peaks.get(scope, profit))
    work.views.peaks[scope] = peak
    began = profit if day != marks.day else marks.day_profit
    if old is None or day != marks.day or _risen(limits, money.subtract(peak, marks.peak)):
        work.record(Marked(scope=scope, day=day, day_profit=began, peak=peak))
    return Marks(day=day, day_profit=began, peak=peak)


def _risen(limits: LossLimits, by: Decimal) -> bool:
    return limits.drawdown_max is not None and by * PEAK_STEPS >= limits.drawdown_max


def _day(work: Work, scope: str) -> int:
    """The UTC day; set back over midnight, a clock begins none twice."""
    marks = work.state.marks.get(scope)
    today = work.now // DAY_NS
    return today if marks is None else max(today, marks.day)
