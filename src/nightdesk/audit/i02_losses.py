"""The part of I2 about losses: a scope that lost what it may adds no risk for long, whoever measures it.

Computed from the journal's own trades and funding, and from the quotes that its intents were decided on. Those
are not all that the desk saw: what is held is valued at the best of the last seconds where a loss is proven, at
the worst where a profit is. Who cannot be valued so is not accused.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal

from nightdesk.audit.facts import Written
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.limits import DESK, LossLimits
from nightdesk.audit.lots import Lots
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Origin
from nightdesk.model.records import (
    Configured,
    EpochOpened,
    Executed,
    Intended,
    LimitSet,
    Marked,
    ModeSet,
)
from nightdesk.model.time import SECOND_NS

DAY_NS = 86_400 * SECOND_NS
QUOTES_NS = 10 * SECOND_NS  # how far back a quote may be the one that the desk saw
NEWEST_NS = 5 * SECOND_NS  # a spike comes and goes within as much
HELD_NS = 3 * SECOND_NS  # a profit that lasts for less may not have been seen by the desk
WITHIN_NS = 8 * SECOND_NS  # a desk measures every second, and waits until a loss has lasted
GAP_NS = 5 * SECOND_NS // 2  # a desk that is silent for longer may have been frozen
MARGIN = Decimal("1.1")  # a start forgets a twentieth of the limit, and quotes come in between
_OUT = (Origin.FLATTEN, Origin.PROTECT)


class Losing:
    """Told every record after the ledger was; `judge` says what an intent breaks."""

    def __init__(self, ledger: Ledger, lots: Lots) -> None:
        self._ledger = ledger
        self._lots = lots
        self._quotes: dict[str, deque[tuple[int, Decimal, Decimal]]] = {}  # when, bid, ask
        self._scopes: dict[str, _Scope] = {}
        self._exits: dict[str, _Exits] = {}
        self._halted: set[str] = set()

    def learn(self, fact: Written) -> None:
        """Fold one record."""
        closed = self._lots.learn(fact.record)
        match fact.record:
            case Executed(execution=execution) if closed is not None:
                strategy, earned = closed
                for scope in (DESK, f"strategy/{strategy}"):
                    self._exits.setdefault(scope, _Exits()).closed(execution.client_id, earned)
            case Intended(intent=intent) if intent.inputs is not None:
                name = self._ledger.names.of(intent.instrument)
                seen = self._quotes.setdefault(name, deque())
                seen.append((fact.at_ns, intent.inputs.bid, intent.inputs.ask))
            case ModeSet(scope=scope, cause="loss", mode=mode):
                self._halted.add(scope)
                if mode == "NORMAL":
                    self._halted.discard(scope)
                    self._begin_anew(scope)
            case Marked(scope=scope, looked_at=True):
                self._begin_anew(scope)
            case EpochOpened() | Configured() | LimitSet():
                for measured in self._scopes.values():
                    measured.look_away()
            case _:
                pass

    def judge(self, intent: Intent, fact: Written) -> Iterator[str]:
        """What `intent`, which is learnt already, breaks."""
        if intent.inputs is None:
            return
        covers = (DESK, f"strategy/{intent.strategy}")
        for scope, limits in self._ledger.in_force.losses.items():
            if limits == LossLimits():
                continue
            lost = self._measure(scope, limits, fact)
            if lost and scope in covers and scope not in self._halted and self._adds(intent):
                yield f"{scope} {lost} for over {WITHIN_NS // SECOND_NS} s, and this adds risk"

    def _begin_anew(self, scope: str) -> None:
        self._scopes.pop(scope, None)
        self._exits.pop(scope, None)

    def _measure(self, scope: str, limits: LossLimits, fact: Written) -> str:
        """Which limit has been reached for too long, in words; "" while none has."""
        low, high = self._profit(scope, fact.at_ns)
        if low is None or high is None:
            if scope in self._scopes:
                self._scopes[scope].look_away()
            return ""
        measured = self._scopes.setdefault(scope, _Scope(low))
        measured.see(fact, low)
        exits = self._exits.get(scope, _Exits()).in_a_row
        return measured.lasting(_reached(limits, measured, high, exits), fact)

    def _profit(self, scope: str, now_ns: int) -> tuple[Decimal | None, Decimal | None]:
        """At the worst and at the best of the quotes of the last seconds; None where there was none."""
        low = high = ZERO
        for (strategy, name), lot in self._lots.lots.items():
            if scope not in (DESK, f"strategy/{strategy}"):
                continue
            low, high = money.add(low, lot.earned), money.add(high, lot.earned)
            if lot.qty == 0:
                continue
            marks = [bid if lot.qty > 0 else ask for bid, ask in self.quotes(name, now_ns)]
            if not marks:
                return None, None
            worth = [lot.worth(min(marks)), lot.worth(max(marks))]
            low, high = money.add(low, min(worth)), money.add(high, max(worth))
        return low, high

    def quotes(self, name: str, now_ns: int) -> list[tuple[Decimal, Decimal]]:
        """Bid and ask of the last seconds, as far as anything was decided on them; none where nothing was for
        so long that the market may be elsewhere by now."""
        seen = self._quotes.get(name, deque())
        if seen and seen[-1][0] < now_ns - NEWEST_NS:
            return []
        while seen and seen[0][0] < now_ns - QUOTES_NS:
            seen.popleft()
        return [(bid, ask) for _, bid, ask in seen]

    def _adds(self, intent: Intent) -> bool:
        """Whether no position that anybody knows of could be brought nearer to flat by it."""
        name = self._ledger.names.of(intent.instrument)
        held = money.total(lot.qty for (_, of), lot in self._lots.lots.items() if of == name)
        reduces = held * intent.side.sign < 0 or self._ledger.may_reduce(intent)
        return intent.origin not in _OUT and not reduces


class _Exits:
    """Closing orders in a row that lost."""

    def __init__(self) -> None:
        self._order, self._earned, self._before = "", ZERO, 0

    def closed(self, order: str, earned: Decimal) -> None:
        if order != self._order:
            self._before, self._order, self._earned = self.in_a_row, order, ZERO
        self._earned = money.add(self._earned, earned)

    @property
    def in_a_row(self) -> int:
        return self._before + 1 if self._earned < 0 else 0


class _Scope:
    """Where the losses of a scope are measured from, and since when too much is lost."""

    def __init__(self, profit: Decimal) -> None:
        self.peak = self.day_profit = profit
        self._day: int | None = None
        self._lately: deque[tuple[int, Decimal]] = deque()
        self._since: tuple[int, int] | None = None  # true time, and the writer's

    def look_away(self) -> None:
        """Nobody can tell what was between: what has to last begins again."""
        self._lately.clear()
        self._since = None

    def see(self, fact: Written, low: Decimal) -> None:
        """A profit of `low` at least."""
        lately, day = self._lately, int(fact.decided_at) // DAY_NS
        if lately and fact.at_ns - lately[-1][0] > GAP_NS:
            self.look_away()
        lately.append((fact.at_ns, low))
        while len(lately) > 1 and lately[1][0] <= fact.at_ns - HELD_NS:
            lately.popleft()
        least = min(profit for _, profit in lately)
        if fact.at_ns - lately[0][0] >= HELD_NS:
            self.peak = max(self.peak, least)
        if self._day is not None and day > self._day:
            self.day_profit = least
        self._day = day if self._day is None else max(day, self._day)

    def lasting(self, lost: str, fact: Written) -> str:
        """`lost` once it has been for too long, by true time and by the writer's clock."""
        now = (fact.at_ns, int(fact.decided_at))
        if not lost:
            self._since = None
            return ""
        self._since = since = self._since or now
        lasted = min(then - began for then, began in zip(now, since, strict=True))
        return lost if lasted > WITHIN_NS else ""


def _reached(limits: LossLimits, measured: _Scope, profit: Decimal, exits: int) -> str:
    """Which limit is reached at a profit of `profit` at most; "" while none is."""
    since = (
        ("since 00:00 UTC", measured.day_profit, limits.day_max),
        ("since the highest profit", measured.peak, limits.drawdown_max),
    )
    for words, before, most in since:
        lost = money.subtract(before, profit)
        if most is not None and lost >= money.multiply(most, MARGIN):
            return f"has lost {money.shown(lost)} {words}, the limit is {most},"
    if limits.losing_exits_max is not None and exits >= limits.losing_exits_max:
        return f"has lost {exits} exits in a row, the limit is {limits.losing_exits_max},"
    return ""
