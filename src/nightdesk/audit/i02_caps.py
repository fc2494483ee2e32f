"""The part of I2 about limits that may be set: what the journal had told when an order was decided.

A desk decides on exactly the records before an intent, so this fold needs no slack: it counts positions by what
was filled, and every intent that has not ended as still to fill, or not; what can only reduce, as far as there
is something to reduce. A desk has to count at least as much: it also fears for cancels that have not settled,
and halves limits in CAUTIOUS.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal

from nightdesk.audit.facts import Written
from nightdesk.audit.intents import Known
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.limits import InstrumentLimits, StrategyLimits
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Origin
from nightdesk.model.records import AmendAsked, CancelAsked, Executed, Intended
from nightdesk.model.time import SECOND_NS

MINUTE_NS = 60 * SECOND_NS
EVERYBODY = ""
SET_BACK_NS = SECOND_NS // 2
When = tuple[int, int]  # decided, by the writer's clock; durable, by the true one
_OF_STRATEGY = StrategyLimits.__struct_fields__
_OF_INSTRUMENT = (
    *("notional_max", "asset_max", "net_max", "concentration_max", "orders_per_fill_max"),
    *("instrument_open_orders_max", "cancels_per_second_max", "cancels_per_minute_max"),
    *("orders_per_minute_max", "messages_per_second_max", "messages_per_minute_max"),
)


class Caps:
    """Told every record after the ledger was; `judge` says what an intent breaks."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._live: dict[str, Known] = {}
        self._trades: set[tuple[str, str]] = set()
        self._now: When = (0, 0)
        self._latest: When = (0, 0)  # the highest stamp, and when it was heard
        self._forgotten_ns = 0  # what was heard until then a clock made the desk forget
        self._orders: deque[tuple[When, Intent]] = deque()  # of the last minute
        self._cancels: deque[tuple[When, str]] = deque()
        self._fills: deque[tuple[When, str]] = deque()

    def learn(self, fact: Written) -> None:
        """Fold one record."""
        record = fact.record
        self._now = (int(fact.decided_at), fact.at_ns)
        if self._now[0] >= self._latest[0]:
            self._latest = self._now
        elif self._latest[0] - self._now[0] > SET_BACK_NS:
            self._forgotten_ns = self._latest[1]
        match record:
            case CancelAsked(client_id=client_id):
                known = self._ledger.known(client_id)
                if known is not None:
                    self._cancels.append((self._now, self._name(known.intent)))
            case Intended() | AmendAsked():
                self._decided(record)
            case Executed(execution=execution):
                name = self._ledger.names.of(execution.instrument)
                if (name, execution.trade_id) not in self._trades:
                    self._trades.add((name, execution.trade_id))
                    self._fills.append((self._now, name))
            case _:
                pass
        self._follow(_about(fact))
        for seen in (self._orders, self._cancels, self._fills):
            while seen and seen[0][0][1] <= fact.at_ns - MINUTE_NS - SECOND_NS:
                seen.popleft()

    def _decided(self, record: Intended | AmendAsked) -> None:
        """Venues count other terms for an order like an order."""
        decided = self._ledger.decided(record)
        if decided is not None:
            self._orders.append((self._now, decided[0]))

    def judge(self, intent: Intent) -> Iterator[str]:
        """What `intent`, which is learnt already, breaks."""
        name = self._name(intent)
        limits = self._ledger.limits.get(name)
        if limits is None or intent.origin is Origin.FLATTEN:
            return
        if _any(limits, _OF_INSTRUMENT) and not self.reduces(intent, EVERYBODY):
            yield from self._exposed(intent, name, limits)
            if intent.origin is not Origin.PROTECT:
                yield from self._counted(name, limits)
        own = self._ledger.in_force.by_strategy.get(intent.strategy)
        if own is None or not _any(own, _OF_STRATEGY) or intent.origin is Origin.PROTECT:
            return
        if not self.reduces(intent, intent.strategy):
            yield from self._of_strategy(intent, name, own)

    def _exposed(self, intent: Intent, name: str, limits: InstrumentLimits) -> Iterator[str]:
        here = money.notional(self._prices(intent)[name], worst_of(self.sides(name)))
        if limits.notional_max is not None and here > limits.notional_max:
            yield f"{name} may be worth {here} at worst, the limit is {limits.notional_max}"
        yield from self._together(intent, name, limits, EVERYBODY)

    def _together(
        self, intent: Intent, name: str, limits: InstrumentLimits | StrategyLimits, whose: str
    ) -> Iterator[str]:
        """What several instruments come to, of everybody or of one strategy."""
        prices, rules, of = (
            self._prices(intent),
            self._ledger.instruments,
            f"{whose}: " if whose else "",
        )
        sides = {each: self.sides(each, whose) for each in rules}
        base = rules[name].base if name in rules else ""
        same = [sides[each] for each, rule in rules.items() if rule.base == base]
        asset = worst_of(
            (money.total(low for low, _ in same), money.total(high for _, high in same))
        )
        if limits.asset_max is not None and asset > limits.asset_max:
            yield f"{of}{base} may become {asset} at worst, the limit is {limits.asset_max}"
        if any(worst_of(side) != 0 and each not in prices for each, side in sides.items()):
            return  # something had no price, or none was journaled: nobody can tell
        valued = [
            (money.notional(prices[each], low), money.notional(prices[each], high))
            for each, (low, high) in sides.items()
            if each in prices
        ]
        net = worst_of((money.total(v[0] for v in valued), money.total(v[1] for v in valued)))
        if limits.net_max is not None and net > limits.net_max:
            yield f"{of}longs against shorts may come to {net} at worst, the limit is {limits.net_max}"
        most, floor = limits.concentration_max, self._ledger.limits[name].concentration_floor
        here = money.notional(prices[name], worst_of(self.sides(name, whose)))
        if most is None or here <= floor or intent.origin is Origin.PROTECT:
            return
        others = [
            money.notional(prices[each], _surely(side))
            for each, side in sides.items()
            if each != name and each in prices
        ]
        if here > money.multiply(most, money.add(here, money.total(others))):
            yield f"{of}{name} may be over {most} of everything that is held at worst"

    def _counted(self, name: str, limits: InstrumentLimits) -> Iterator[str]:
        orders = [(at, self._name(each)) for at, each in self._orders]
        cancels, fills = list(self._cancels), list(self._fills)
        here = [(at, of) for at, of in orders if of == name]
        cancelled = [(at, of) for at, of in cancels if of == name]
        live = sum(self._name(known.intent) == name for known in self._live.values())
        traded = sum(of == name for _, of in fills)
        fill_max = limits.orders_per_fill_max
        measured = (
            ("orders open here", live, limits.instrument_open_orders_max),
            ("orders a minute", self._lately(orders, MINUTE_NS), limits.orders_per_minute_max),
            (
                "messages a second",
                self._lately([*orders, *cancels], SECOND_NS),
                limits.messages_per_second_max,
            ),
            (
                "messages a minute",
                self._lately([*orders, *cancels], MINUTE_NS),
                limits.messages_per_minute_max,
            ),
            (
                "cancels a second",
                self._lately(cancelled, SECOND_NS) + 1,
                limits.cancels_per_second_max,
            ),
            (
                "cancels a minute",
                self._lately(cancelled, MINUTE_NS) + 1,
                limits.cancels_per_minute_max,
            ),
            (
                f"orders for {traded} fills",
                self._lately(here, MINUTE_NS),
                None if fill_max is None else fill_max * max(1, traded),
            ),
        )
        for what, number, most in measured:
            if most is not None and number > most:
                yield f"{number} {what}, the limit is {most}"

    def _of_strategy(self, intent: Intent, name: str, own: StrategyLimits) -> Iterator[str]:
        mine, prices = intent.strategy, self._prices(intent)
        worst = worst_of(self.sides(name, mine))
        if own.position_max is not None and worst > own.position_max:
            yield f"{mine} may hold {worst} {name} at worst, the limit is {own.position_max}"
        yield from self._together(intent, name, own, mine)
        held = {each: worst_of(self.sides(each, mine)) for each in self._ledger.instruments}
        if all(each in prices for each, qty in held.items() if qty != 0):
            value = money.total(
                money.notional(prices[each], qty) for each, qty in held.items() if qty != 0
            )
            if own.gross_max is not None and value > own.gross_max:
                yield f"{mine} may come to {value} at worst, the limit is {own.gross_max}"
        live = sum(known.intent.strategy == mine for known in self._live.values())
        if own.open_orders_max is not None and live > own.open_orders_max:
            yield f"{mine} has {live} orders open, the limit is {own.open_orders_max}"
        orders = [(at, "") for at, each in self._orders if each.strategy == mine]
        rate = self._lately(orders, SECOND_NS)
        if own.orders_per_second_max is not None and rate > own.orders_per_second_max:
            yield f"{rate} orders of {mine} in a second, the limit is {own.orders_per_second_max}"

    def sides(self, name: str, strategy: str = EVERYBODY) -> tuple[Decimal, Decimal]:
        """The position if all sells fill, and if all buys do; a strategy's own, where one is named."""
        low = high = held = self._ledger.books.of(name, strategy)
        buying = selling = ZERO  # by what can only reduce
        for sign, qty, reduces in self._open(name, strategy).values():
            if reduces and sign > 0:
                buying = money.add(buying, qty)
            elif reduces:
                selling = money.add(selling, qty)
            elif sign > 0:
                high = money.add(high, qty)
            else:
                low = money.subtract(low, qty)
        high = money.add(high, min(buying, max(money.minus(held), ZERO)))
        return money.subtract(low, min(selling, max(held, ZERO))), high

    def _open(self, name: str, strategy: str) -> dict[str, tuple[int, Decimal, bool]]:
        """What may still trade, and whether it can only reduce; of a pair only one trades. The venue knows
        nothing of strategies: what reduces the account may open a position of one, but for what protects
        one."""
        found: dict[str, tuple[int, Decimal, bool]] = {}
        for known in self._live.values():
            intent = known.intent
            if self._name(intent) == name and strategy in ("", intent.strategy):
                left = money.subtract(known.most, known.filled)
                before = found.get(intent.pair, (0, ZERO, False))[1]
                reduces = intent.reduce_only
                reduces &= strategy == EVERYBODY or intent.origin is Origin.PROTECT
                found[intent.pair] = (intent.side.sign, max(before, left), reduces)
        return found

    def reduces(self, intent: Intent, strategy: str) -> bool:
        """Whether it can only bring the position nearer to flat; it is among the open ones already."""
        if intent.reduce_only and strategy == EVERYBODY:
            return True
        low, high = self.sides(self._name(intent), strategy)
        return high <= 0 if intent.side.sign > 0 else low >= 0

    def _lately(self, seen: list[tuple[When, str]], window_ns: int) -> int:
        """How many there were in a window up to now.

        The writer's clock may have been set in between, and a slow disk may write late what was decided in
        time: what is too many has to be so by both clocks. A clock that leaps ahead and is set back has emptied
        the window.
        """
        kept = [at for at, _ in seen if at[1] > self._forgotten_ns]
        return min(
            sum(now - window_ns < at[clock] <= now for at in kept)
            for clock, now in enumerate(self._now)
        )

    def _follow(self, client_id: str) -> None:
        known = self._ledger.known(client_id)
        if known is None:
            return
        if known.ended:
            self._live.pop(client_id, None)
        else:
            self._live[client_id] = known

    def _name(self, intent: Intent) -> str:
        return self._ledger.names.of(intent.instrument)

    def _prices(self, intent: Intent) -> dict[str, Decimal]:
        """At what the desk valued each instrument, as it says itself."""
        inputs, name = intent.inputs, self._name(intent)
        if inputs is None:
            return {name: intent.price}
        told = {self._ledger.names.of(each): ask for each, ask in inputs.asks.items()}
        return told | {name: max(intent.price, inputs.ask)}


def _any(limits: object, names: tuple[str, ...]) -> bool:
    return any(getattr(limits, name) is not None for name in names)


def _about(fact: Written) -> str:
    record = fact.record
    for part in (
        record,
        *(getattr(record, name, None) for name in ("intent", "amendment", "report", "execution")),
    ):
        found = getattr(part, "client_id", None)
        if found is not None:
            return str(found)
    return ""


def worst_of(sides: tuple[Decimal, Decimal]) -> Decimal:
    """The larger distance from flat."""
    return max(money.magnitude(sides[0]), money.magnitude(sides[1]))


def _surely(sides: tuple[Decimal, Decimal]) -> Decimal:
    return max(sides[0], money.minus(sides[1]), ZERO)
