"""The part of I2 about margin: nothing is decided that the wallet of contracts could not stand behind, or that
binds more of it, or is worth more in what the desk has, than its limits say.

Told by what the journal had told when an order was decided, as a desk knows it: what it cannot know then (a
trade that nobody told yet, a transfer by hand) is not held against it, and a venue refuses what is not paid
for. The worst case of every contract of a wallet counts, at its leverage; profits that are not realised do not.
Other contracts are valued as the desk says that it did, else in its favour, at the quotes of the last seconds;
who has none is not counted.
A limit is held exactly against what the desk says itself that it had, and less so against what it has here.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from nightdesk.audit.i02_caps import EVERYBODY, Caps, worst_of
from nightdesk.audit.i02_losses import Losing
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.limits import InstrumentLimits, StrategyLimits
from nightdesk.audit.lots import Lots
from nightdesk.model import money
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.order import Inputs, Intent, Origin

SURE = Decimal("0.9")  # of what is needed: quotes come in between that no record tells
_OUT = (Origin.FLATTEN, Origin.PROTECT)


class Margin:
    """Looks at what the other parts of I2 have folded: told of an intent after they were."""

    def __init__(self, ledger: Ledger, caps: Caps, losing: Losing, lots: Lots) -> None:
        self._ledger, self._caps, self._losing, self._lots = ledger, caps, losing, lots

    def judge(self, intent: Intent, added: Decimal, at_ns: int) -> Iterator[str]:
        """What `intent`, which is learnt already and `added` so much, would need, where there is less."""
        name, inputs = self._ledger.names.of(intent.instrument), intent.inputs
        rules = self._ledger.instruments.get(name)
        if rules is None or not rules.contract or inputs is None or intent.origin in _OUT:
            return
        wallet = self._lots.wallets.get(rules.paid_in)
        if wallet is None:
            return
        price = max(intent.price, inputs.ask)
        worst = self._worst(name, price, inputs, at_ns, EVERYBODY)
        needed = self._bound(rules.paid_in, worst)
        have = self._less_losses(rules.paid_in, at_ns, inputs)
        if self._grows(intent, added, name) and money.multiply(needed, SURE) > have:
            yield (
                f"{rules.paid_in} has {money.shown(have)} after losses, "
                f"the worst case needs {money.shown(needed)} of margin"
            )
        limits = self._ledger.limits.get(name)
        if limits is not None and not self._caps.reduces(intent, EVERYBODY):
            yield from self._shares(rules.paid_in, worst, limits, inputs, at_ns)
        mine = intent.strategy
        own = self._ledger.in_force.by_strategy.get(mine)
        if own is not None and not self._caps.reduces(intent, mine):
            worst = self._worst(name, price, inputs, at_ns, mine)
            yield from self._shares(rules.paid_in, worst, own, inputs, at_ns)

    def _bound(self, wallet: str, worst: Mapping[str, Decimal]) -> Decimal:
        """Initial margin in a wallet of what each contract may come to."""
        return money.total(
            money.shown(money.average(value, Decimal(times)))
            for each, value in worst.items()
            if (times := self._ledger.in_force.leverage.get(each))
            and self._rules(each).paid_in == wallet
        )

    def _shares(
        self,
        wallet: str,
        worst: Mapping[str, Decimal],
        limits: InstrumentLimits | StrategyLimits,
        inputs: Inputs,
        at_ns: int,
    ) -> Iterator[str]:
        needed, have = self._bound(wallet, worst), self._less_losses(wallet, at_ns, inputs)
        most = limits.margin_use_max
        if most is not None and _over(needed, most, inputs.margin, have):
            yield f"margin of {money.shown(needed)} is over {most} of {wallet}"
        most, gross = limits.leverage_max, money.total(worst.values())
        if most is not None and _over(gross, most, inputs.equity, self._equity(at_ns)):
            yield f"contracts may come to {money.shown(gross)}, over {most} times what the desk has"

    def _grows(self, intent: Intent, added: Decimal, name: str) -> bool:
        """Whether it makes the worst case larger; it is among the open ones already."""
        low, high = self._caps.sides(name)
        buys = intent.side.sign > 0
        before = (low, money.subtract(high, added)) if buys else (money.add(low, added), high)
        return worst_of((low, high)) > worst_of(before)

    def _worst(
        self, name: str, price: Decimal, inputs: Inputs, at_ns: int, whose: str
    ) -> dict[str, Decimal]:
        """What each contract may come to, in quote, `name` at that price; of everybody or of one strategy."""
        return {
            each: money.notional(
                price if each == name else self._ask(each, inputs, at_ns),
                worst_of(self._caps.sides(each, whose)),
            )
            for each, rules in self._ledger.instruments.items()
            if rules.contract
        }

    def _rules(self, name: str) -> Instrument:
        return self._ledger.instruments[name]

    def _ask(self, name: str, inputs: Inputs, at_ns: int) -> Decimal:
        """What the desk says itself that it was worth, or the best for it of the last seconds."""
        return min((ask for _, ask in self._quotes(name, inputs, at_ns)), default=ZERO)

    def _quotes(
        self, name: str, inputs: Inputs | None, at_ns: int
    ) -> Sequence[tuple[Decimal, Decimal]]:
        """Bid and ask as the desk says itself, or of the last seconds."""
        for instrument, ask in {} if inputs is None else inputs.asks.items():
            if self._ledger.names.of(instrument) == name:
                return [(ask, ask)]
        return self._losing.quotes(name, at_ns)

    def _less_losses(self, wallet: str, at_ns: int, inputs: Inputs | None = None) -> Decimal:
        """What a wallet has, less losses not realised, at the best for the desk."""
        profit = ZERO
        for (_, name), lot in self._lots.lots.items():
            rules = self._ledger.instruments.get(name)
            if rules is None or not rules.contract or rules.paid_in != wallet or lot.qty == 0:
                continue
            quotes = self._quotes(name, inputs, at_ns)
            if quotes:
                best = max(lot.worth(bid if lot.qty > 0 else ask) for bid, ask in quotes)
                profit = money.add(profit, best)
        return money.add(self._lots.wallets.get(wallet, ZERO), min(profit, ZERO))

    def _equity(self, at_ns: int) -> Decimal | None:
        """What the desk has in quote, at the best for it; None where something of it has no price."""
        held, baselines = self._lots.wallets, self._ledger.in_force.baseline
        every = list(self._ledger.instruments.items())
        wallets = dict.fromkeys(rules.paid_in for _, rules in every)
        value = money.total(self._less_losses(wallet, at_ns) for wallet in wallets)
        bases = {rules.base: name for name, rules in every if not rules.contract}
        for base, name in bases.items():
            opened = self._lots.opened.get(base, ZERO)
            own = money.subtract(held.get(base, ZERO), baselines.get(base, opened))
            worth = [
                money.notional(p, own) for each in self._losing.quotes(name, at_ns) for p in each
            ]
            if own != 0 and not worth:
                return None
            value = money.add(value, max(worth, default=ZERO))
        return value


def _over(value: Decimal, most: Decimal, told: Decimal | None, have: Decimal | None) -> bool:
    """Whether `value` is over `most` of what the desk said that it had, or surely of what it has."""
    if told is not None and value > money.multiply(most, told):
        return True
    return have is not None and money.multiply(value, SURE) > money.multiply(most, have)
