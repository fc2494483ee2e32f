"""One run in numbers, each with its definition, so that two of them can be compared."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev

import msgspec

from nightdesk.model import money
from nightdesk.model.account import Flow, Forced
from nightdesk.model.money import ZERO
from nightdesk.results.curve import Curve, Point
from nightdesk.results.runs import Run, Trade

DAY_NS = 86_400 * 1_000_000_000
YEAR_NS = 365 * DAY_NS
_HUNDRED = Decimal(100)


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Money in quote. `profit` is realised and unrealised, less fees, with funding and insurance.
    `realised` is of trades alone, before fees and funding; `funding` is below zero where it was paid;
    `insurance` is what a venue's insurance fund gave or took at liquidations. `transfers`, by the account's
    owner, and `other_flows`, for reasons that nobody here knows, moved wallets and are no profit.
    `return_pct` and `drawdown_pct` are of `start_equity`, what the account was worth at the first prices
    seen; `turnover` is bought and sold together, over the same. `sharpe` is the mean over the deviation of
    the changes of profit from point to point, scaled to a year, without a riskless rate; None for a run of
    less than a day, which says nothing about a year. `trades`, `volume` and `maker_pct` count what the
    venue traded for the account too; `liquidations`, `adl` and `settlements` say how many of its orders
    did. `slippage_bps` is weighted by value, positive when it was paid."""

    seconds: float
    start_equity: Decimal
    profit: Decimal
    return_pct: Decimal | None
    drawdown: Decimal
    drawdown_pct: Decimal | None
    sharpe: float | None
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    insurance: Decimal
    transfers: Decimal
    other_flows: Decimal
    volume: Decimal
    turnover: Decimal | None
    orders: int
    trades: int
    liquidations: int
    adl: int
    settlements: int
    maker_pct: Decimal | None
    slippage_bps: Decimal | None


def metrics_of(run: Run, curve: Curve, start_equity: Decimal) -> Metrics:
    """The numbers of a run; all zero for one in which nothing happened."""
    last = curve.points[-1] if curve.points else None
    profit = ZERO if last is None else last.profit
    volume = money.total(trade.value for trade in run.trades)
    made = money.total(trade.value for trade in run.trades if trade.maker)
    return Metrics(
        seconds=_seconds(curve.points),
        start_equity=money.shown(start_equity),
        profit=money.shown(profit),
        return_pct=_share(profit, start_equity, _HUNDRED),
        drawdown=money.shown(curve.drawdown),
        drawdown_pct=_share(curve.drawdown, start_equity, _HUNDRED),
        sharpe=sharpe(curve.points),
        realised=ZERO if last is None else money.shown(last.realised),
        unrealised=ZERO if last is None else money.shown(last.unrealised),
        fees=ZERO if last is None else money.shown(last.fees),
        funding=ZERO if last is None else money.shown(last.funding),
        insurance=ZERO if last is None else money.shown(last.insurance),
        transfers=money.shown(run.flows.get(Flow.TRANSFER, ZERO)),
        other_flows=money.shown(run.flows.get(Flow.OTHER, ZERO)),
        volume=money.shown(volume),
        turnover=_share(volume, start_equity, Decimal(1)),
        orders=sum(1 for _ in run.orders),
        trades=len(run.trades),
        liquidations=run.forced(Forced.LIQUIDATION),
        adl=run.forced(Forced.ADL),
        settlements=run.forced(Forced.SETTLEMENT),
        maker_pct=_share(made, volume, _HUNDRED),
        slippage_bps=_slippage(run.trades),
    )


def sharpe(points: Sequence[Point]) -> float | None:
    """See `Metrics`; None also where nothing ever changed."""
    if len(points) < 3 or points[-1].at_ns - points[0].at_ns < DAY_NS:
        return None
    changes = [float(b.profit - a.profit) for a, b in pairwise(points)]
    spread = stdev(changes)
    steps_a_year = YEAR_NS * len(changes) / (points[-1].at_ns - points[0].at_ns)
    return None if spread == 0 else fmean(changes) / spread * sqrt(steps_a_year)


def _seconds(points: Sequence[Point]) -> float:
    return (points[-1].at_ns - points[0].at_ns) / 1e9 if points else 0.0


def _share(part: Decimal, whole: Decimal, times: Decimal) -> Decimal | None:
    if whole == 0:
        return None
    return money.shown(money.average(money.multiply(part, times), whole))


def _slippage(trades: Sequence[Trade]) -> Decimal | None:
    told = [(t.slippage_bps, t.value) for t in trades if t.slippage_bps is not None]
    value = money.total(v for _, v in told)
    if value == 0:
        return None
    return money.shown(money.average(money.total(money.multiply(bps, v) for bps, v in told), value))
