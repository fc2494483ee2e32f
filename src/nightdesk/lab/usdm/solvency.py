"""Whether an account can afford an order.

Owns the check before a new order: its margin, its open loss, the largest position at its leverage
(Binance support, "How to Calculate Cost Required to Open a Position in Perpetual Futures Contracts").
Refuses to look anything up.
"""

from decimal import Decimal

from nightdesk.lab.book import Book
from nightdesk.lab.orders import ZERO, Side
from nightdesk.lab.refusals import Refused
from nightdesk.lab.usdm.margin import Claims, notional_max, symbol_margin
from nightdesk.lab.usdm.orders import NewPerp, PerpType
from nightdesk.lab.usdm.positions import Position
from nightdesk.lab.usdm.settings import PerpSettings

# What a market buy is assumed to pay above the best ask.
_MARKET_BUY = Decimal("1.0005")


def assumed_price(new: NewPerp, book: Book, mark: Decimal) -> Decimal:
    """The price at which an order's margin is reckoned: its own, or a cautious one at market."""
    if new.type is not PerpType.MARKET:
        return new.price
    if new.side is Side.BUY:
        return (book.asks.best() or mark) * _MARKET_BUY
    return max(book.bids.best() or mark, mark)


def check_affordable(
    rules: PerpSettings,
    position: Position,
    claims: Claims,
    mark: Decimal,
    available: Decimal,
    new: NewPerp,
    price: Decimal,
) -> None:
    """Refuse an order whose margin and open loss are more than what is available."""
    before = symbol_margin(rules, position, claims, mark)
    after = symbol_margin(rules, position, claims.with_order(new.side, new.quantity * price), mark)
    most = notional_max(rules, position.leverage)
    if after.initial > before.initial and after.worst > most:
        raise Refused(-2027, "Exceeded the maximum allowable position at current leverage.")
    opening = max(ZERO, new.quantity - position.reducible(new.side))
    worse = price - mark if new.side is Side.BUY else mark - price
    cost = after.initial - before.initial + opening * max(ZERO, worse)
    if cost > available:
        raise Refused(-2019, "Margin is insufficient.")
