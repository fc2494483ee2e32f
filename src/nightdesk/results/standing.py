"""Where a desk stands, looked at from time to time while it runs."""

from decimal import Decimal

import msgspec

from nightdesk.desk.desk import Desk
from nightdesk.model import money
from nightdesk.model.account import Flow
from nightdesk.model.money import ZERO
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.results.curve import Curve, Point


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy made of one instrument, in quote, with what it still holds at the last middle.
    `profit` is realised and unrealised, less fees, with funding; what an insurance fund moves is the
    account's."""

    strategy: str
    instrument: str
    profit: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    volume: Decimal
    trades: int
    position: Decimal
    average_price: Decimal | None


class Standing:
    """Follows one desk. `start_equity` is what the traded assets were worth when every market had its first
    price, in quote; zero until then."""

    def __init__(self, step_ns: int = SECOND_NS) -> None:
        self.curve = Curve(step_ns)
        self.start_equity = ZERO
        self._desk: Desk | None = None

    def look(self, desk: Desk, at: Wall) -> None:
        """Measure it now; nothing is measured before the books are open and every market has a price."""
        if not desk.state.opened or any(
            i not in desk.views.quotes for i in desk.settings.instruments
        ):
            return
        if self._desk is None:
            self._desk = desk
            self.start_equity = _worth(desk)
        self.curve.add(_point(desk, at, self.start_equity))

    @property
    def holdings(self) -> list[Holding]:
        """Of every strategy in every instrument it touched, as it stands now."""
        return [] if self._desk is None else _holdings(self._desk)


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


def _point(desk: Desk, at: Wall, start_equity: Decimal) -> Point:
    realised = unrealised = fees = funding = held = ZERO
    for (_, instrument), position in desk.state.positions.items():
        middle = desk.views.quotes[instrument].mid
        realised = money.add(realised, position.realised)
        funding = money.add(funding, position.funding)
        fees = money.add(fees, position.fees_quote)
        unrealised = money.add(unrealised, position.unrealised(middle))
        held = money.add(held, money.notional(middle, money.magnitude(position.qty)))
    insurance = desk.state.funds.flows.get(Flow.INSURANCE, ZERO)
    profit = money.subtract(money.total((realised, unrealised, funding, insurance)), fees)
    return Point(
        at_ns=at,
        equity=money.canonical(money.add(start_equity, profit)),
        profit=money.canonical(profit),
        realised=money.canonical(realised),
        unrealised=money.canonical(unrealised),
        fees=money.canonical(fees),
        funding=money.canonical(funding),
        insurance=money.canonical(insurance),
        held=money.canonical(held),
    )


def _holdings(desk: Desk) -> list[Holding]:
    rows = []
    for (strategy, instrument), position in sorted(desk.state.positions.items()):
        unrealised = position.unrealised(desk.views.quotes[instrument].mid)
        rows.append(
            Holding(
                strategy=strategy,
                instrument=instrument,
                profit=money.shown(money.add(position.earned, unrealised)),
                realised=money.shown(position.realised),
                unrealised=money.shown(unrealised),
                fees=money.shown(position.fees_quote),
                funding=money.shown(position.funding),
                volume=money.shown(position.volume),
                trades=position.trades,
                position=money.canonical(position.qty),
                average_price=position.average_price(),
            )
        )
    return rows
