"""Funding: what longs pay shorts, or shorts longs, every so many hours.

Owns when it is settled and what each position pays: its notional at the mark price times the rate, by
longs where the rate is above zero. Refuses to make rates: `marks` has them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from nightdesk.lab.truth import Kind
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.marks import FundingRate
from nightdesk.lab.usdm.news import Reason
from nightdesk.lab.usdm.positions import rounded
from nightdesk.lab.usdm.settlement import VENUE


@dataclass(slots=True)
class Funding:
    """The funding of one USD-M venue."""

    exchange: PerpExchange
    venue_ns: Callable[[int], int]
    _next_ns: dict[str, int] = field(default_factory=dict)

    def pass_second(self, now_ns: int) -> None:
        """Settle what has become due: its time has come when a later one is the next."""
        venue_ns = self.venue_ns(now_ns)
        for symbol in self.exchange.rules:
            next_ns = self.exchange.marks.next_funding_ns(symbol, venue_ns)
            if next_ns > self._next_ns.get(symbol, next_ns):
                self.settle(symbol, now_ns)
            self._next_ns[symbol] = next_ns

    def settle(self, symbol: str, now_ns: int) -> None:
        """Let every position of a contract pay or receive."""
        mark = self.exchange.mark(symbol)
        if mark is None:
            return
        row = self.exchange.marks.settled(symbol, mark, now_ns)
        for account in self.exchange.accounts.values():
            if account.position(symbol).amount:
                self._pay(account, row)

    def _pay(self, account: PerpAccount, row: FundingRate) -> None:
        held, asset = account.position(row.symbol), self.exchange.rules[row.symbol].quote
        amount = -rounded(held.amount * row.mark * row.rate)
        if not amount:
            return
        settlement = self.exchange.settlement
        if held.isolated:
            wallet = held.isolated_wallet + amount
            account.set_position(row.at_ns, row.symbol, isolated_wallet=wallet)
        settlement.receive(account, "FUNDING_FEE", row.symbol, asset, amount, row.at_ns)
        self.exchange.truth.add(
            Kind.FUNDING,
            row.at_ns,
            venue=VENUE,
            account=account.name,
            symbol=row.symbol,
            asset=asset,
            amount=amount,
            price=row.mark,
            position=held.amount,
            reason=f"rate {row.rate:f}",
        )
        told = (row.symbol,) if held.isolated else ()
        settlement.tell_account(
            account,
            Reason.FUNDING_FEE,
            row.at_ns,
            assets=(asset,),
            symbols=told,
            about=row.symbol,
        )
