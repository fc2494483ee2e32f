"""The part of I2 about margin: nothing is decided that the wallet of contracts could not stand behind.

Told by what the journal had told when an order was decided, as a desk knows it: what it cannot know then (a
trade that nobody told yet, a transfer by hand) is not held against it, and a venue refuses what is not paid
for. The worst case of every contract of a wallet counts, at its leverage; profits that are not realised do not.
Other contracts are valued in the desk's favour, at the quotes of the last seconds; who has none is not counted.
"""

from collections.abc import Iterator
from decimal import Decimal

from nightdesk.audit.i02_caps import Caps, worst_of
from nightdesk.audit.i02_losses import Losing
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.lots import Lots
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Inputs, Intent, Origin

SURE = Decimal("0.9")  # of what is needed: quotes come in between that no record tells
_OUT = (Origin.FLATTEN, Origin.PROTECT)


class Margin:
    """Looks at what the other parts of I2 have folded: told of an intent after they were."""

    def __init__(self, ledger: Ledger, caps: Caps, losing: Losing, lots: Lots) -> None:
        self._ledger, self._caps, self._losing, self._lots = ledger, caps, losing, lots

    def judge(self, intent: Intent, at_ns: int) -> Iterator[str]:
        """What `intent`, which is learnt already, would need, where there is less."""
        name, inputs = self._ledger.names.of(intent.instrument), intent.inputs
        rules = self._ledger.instruments.get(name)
        if rules is None or not rules.contract or inputs is None or intent.origin in _OUT:
            return
        wallet = self._lots.wallets.get(rules.paid_in)
        if wallet is None or not self._grows(intent, name):
            return
        prices = {name: max(intent.price, inputs.ask)}
        needed = money.total(
            self._taken(each, prices.get(each) or self._ask(each, inputs, at_ns))
            for each, other in self._ledger.instruments.items()
            if other.contract and other.paid_in == rules.paid_in
        )
        have = money.add(wallet, min(self._profit(rules.paid_in, at_ns), ZERO))
        if money.multiply(needed, SURE) > have:
            yield (
                f"{rules.paid_in} has {money.shown(have)} after losses, "
                f"the worst case needs {money.shown(needed)} of margin"
            )

    def _grows(self, intent: Intent, name: str) -> bool:
        """Whether it makes the worst case larger; it is among the open ones already."""
        low, high = self._caps.sides(name)
        if intent.side.sign > 0:
            before = (low, money.subtract(high, intent.qty))
        else:
            before = (money.add(low, intent.qty), high)
        return worst_of((low, high)) > worst_of(before)

    def _taken(self, name: str, price: Decimal) -> Decimal:
        leverage = self._ledger.in_force.leverage.get(name)
        if not leverage:
            return ZERO
        value = money.notional(price, worst_of(self._caps.sides(name)))
        return money.average(value, Decimal(leverage))

    def _ask(self, name: str, inputs: Inputs, at_ns: int) -> Decimal:
        """What the desk says itself that it was worth, or the best for it of the last seconds."""
        for instrument, ask in inputs.asks.items():
            if self._ledger.names.of(instrument) == name:
                return ask
        return min((ask for _, ask in self._losing.quotes(name, at_ns)), default=ZERO)

    def _profit(self, wallet: str, at_ns: int) -> Decimal:
        """What is not realised, at the best for the desk of the last seconds."""
        profit = ZERO
        for (_, name), lot in self._lots.lots.items():
            rules = self._ledger.instruments.get(name)
            if rules is None or not rules.contract or rules.paid_in != wallet or lot.qty == 0:
                continue
            quotes = self._losing.quotes(name, at_ns)
            if quotes:
                best = max(lot.worth(bid if lot.qty > 0 else ask) for bid, ask in quotes)
                profit = money.add(profit, best)
        return profit
