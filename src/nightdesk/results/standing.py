"""Where a desk stands, looked at from time to time while it runs."""

from decimal import Decimal

from nightdesk.desk.desk import Desk
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.results.curve import Curve, Point


class Standing:
    """Follows one desk. `start_equity` is what the traded assets were worth when every market had its first
    price, in quote; zero until then."""

    def __init__(self, step_ns: int = SECOND_NS) -> None:
        self.curve = Curve(step_ns)
        self.start_equity = ZERO

    def look(self, desk: Desk, at: Wall) -> None:
        """Measure it now; nothing is measured before the books are open and every market has a price."""
        if not desk.state.opened or any(
            i not in desk.views.quotes for i in desk.settings.instruments
        ):
            return
        if self.start_equity == 0:
            self.start_equity = _worth(desk)
        self.curve.add(_point(desk, at))


def _worth(desk: Desk) -> Decimal:
    balances, worth = desk.state.opened, ZERO
    for asset in {i.paid_in for i in desk.settings.instruments.values()}:
        worth = money.add(worth, balances.get(asset, ZERO))
    for instrument in desk.settings.instruments.values():
        if instrument.contract:
            continue  # what a position is worth is its profit, and that is measured from here
        held = balances.get(instrument.base, ZERO)
        worth = money.add(worth, money.notional(desk.views.quotes[instrument.id].mid, held))
    return money.canonical(worth)


def _point(desk: Desk, at: Wall) -> Point:
    realised = unrealised = fees = held = ZERO
    for (_, instrument), position in desk.state.positions.items():
        middle = desk.views.quotes[instrument].mid
        realised = money.add(realised, money.add(position.realised, position.funding))
        fees = money.add(fees, position.fees_quote)
        unrealised = money.add(unrealised, position.unrealised(middle))
        held = money.add(held, money.notional(middle, money.magnitude(position.qty)))
    profit = money.subtract(money.add(realised, unrealised), fees)
    return Point(
        at_ns=at,
        profit=money.canonical(profit),
        realised=money.canonical(realised),
        unrealised=money.canonical(unrealised),
        fees=money.canonical(fees),
        held=money.canonical(held),
    )
