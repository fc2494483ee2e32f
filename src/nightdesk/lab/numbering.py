"""Trade numbers of a venue: one numbering without gaps for the market's trades and our clients'.

Owns the numbers and the trades as they are printed. Refuses to know who traded.
"""

from dataclasses import dataclass, field

from msgspec.structs import replace

from nightdesk.lab.market import Trade
from nightdesk.lab.matching import Cross
from nightdesk.lab.orders import Side


@dataclass(slots=True)
class TradeNumbers:
    """The numbering of every symbol of one venue."""

    _last: dict[str, int] = field(default_factory=dict)
    _own: dict[str, int] = field(default_factory=dict)

    def numbered(self, trade: Trade) -> Trade:
        """A market trade among our own, as on a real venue."""
        own = self._own.get(trade.symbol, 0)
        number = trade.trade_id + own
        self._last[trade.symbol] = number
        return replace(trade, trade_id=number) if own else trade

    def own(self, symbol: str) -> int:
        """The number of a trade that our clients make."""
        self._own[symbol] = self._own.get(symbol, 0) + 1
        number = self._last.get(symbol, 0) + 1
        self._last[symbol] = number
        return number


def printed(symbol: str, cross: Cross, trade_id: int, at_ns: int) -> Trade:
    """One of our clients' trades as everybody sees it."""
    return Trade(
        at_ns=at_ns,
        event_ns=at_ns,
        trade_ns=at_ns,
        symbol=symbol,
        trade_id=trade_id,
        price=cross.price,
        quantity=cross.quantity,
        buyer_is_maker=cross.taker_side is Side.SELL,
    )
