"""The page of one run: what it came to and of what, equity over time, strategies, instruments, last trades."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from nightdesk.cli.page import cards, html_table, page_head
from nightdesk.cli.time_chart import time_chart
from nightdesk.model import money
from nightdesk.model.account import Forced
from nightdesk.model.order import Side
from nightdesk.results.curve import Point
from nightdesk.results.metrics import Metrics
from nightdesk.results.runs import Run, Trade
from nightdesk.results.standing import Holding, Standing

TRADES_SHOWN = 200
PACE = (
    "Played in virtual time: the lease is renewed, the venue's clock measured and the account compared once an "
    "hour, and quotes that stand are repeated as often as stale_after_ms needs it; 62 s for bars, unless the "
    "config says it. Orders, fills and profit are those of the live pace. What recordings do not show is "
    "listed in docs/reference/recorded-formats.md."
)
_MONEY = ("profit", "realised", "unrealised", "fees", "funding", "volume")
_TRADE = ("at", "strategy", "instrument", "side", "qty", "price", "fee", "slippage_bps", "order")
_DID = {Side.BUY: "bought", Side.SELL: "sold"}
_FORCED = {
    Forced.LIQUIDATION: "Liquidation",
    Forced.ADL: "Auto-deleveraging (ADL)",
    Forced.SETTLEMENT: "Settlement",
    Forced.EMERGENCY: "By hand",
}


def replay_page(run: Run, standing: Standing, metrics: Metrics) -> str:
    """One HTML file."""
    points, shown = standing.curve.points, run.trades[-TRADES_SHOWN:]
    figures = ("qty", "price", "fee", "slippage_bps")
    parts = [
        page_head("Nightdesk replay"),
        f"<h1>{escape(_verdict(metrics))}</h1>",
        f"<p>{escape(_span(points))}</p>",
        _alarms(run, metrics),
        cards(_headline(metrics)),
        *_charts(run, standing),
        "<h2>Profit, and of what it is made</h2>",
        html_table(("what", "in_quote"), _made_of(metrics), figures=("in_quote",)),
        "<h2>Strategies</h2>",
        _by("strategy", standing.holdings, lambda row: row.strategy),
        "<h2>Instruments</h2>",
        _by("instrument", standing.holdings, lambda row: row.instrument, held=True),
        "<h2>Numbers</h2>",
        html_table(("what", "value"), _numbers(metrics), figures=("value",)),
        f"<h2>Trades, the last {len(shown)} of {len(run.trades)}</h2>",
        html_table(_TRADE, [_trade(trade) for trade in shown], figures=figures),
        "<h2>How it was played</h2>",
        f"<p>{escape(PACE)}</p>",
    ]
    return "\n".join(part for part in parts if part) + "</html>\n"


def _verdict(metrics: Metrics) -> str:
    share = "" if metrics.return_pct is None else f", {metrics.return_pct:+,.3f} %"
    return f"{metrics.profit:+,.2f} in quote after fees and funding{share}"


def _span(points: Sequence[Point]) -> str:
    if not points:
        return "nothing was measured: no market had a price"
    first, last = (_moment(points[index].at_ns) for index in (0, -1))
    return f"{first} to {last} UTC on the replay's clock"


def _alarms(run: Run, metrics: Metrics) -> str:
    """What the venue did to the account, which nobody may overlook."""
    lines = [
        f"{_FORCED[Forced(t.order)]}: the venue {_DID[Side(t.side)]} {t.qty:,f} {t.instrument} of {t.strategy} "
        f"at {t.price:,f}, {_moment(t.at_ns)} UTC"
        for t in run.trades
        if t.order in set(Forced)
    ]
    shown = lines[:10]
    if len(lines) > len(shown):
        shown.append(f"and {len(lines) - len(shown)} more, in trades.csv")
    if metrics.insurance > 0:
        shown.append(f"{metrics.insurance:,.2f} was borne by the venue's insurance fund")
    elif metrics.insurance < 0:
        shown.append(f"{-metrics.insurance:,.2f} went to the venue's insurance fund")
    if metrics.transfers or metrics.other_flows:
        shown.append(
            f"wallets were moved besides, which is no profit: transfers {metrics.transfers:+,.2f}, other "
            f"{metrics.other_flows:+,.2f}"
        )
    return f"<ul class=alarm>{''.join(f'<li>{escape(s)}' for s in shown)}</ul>" if shown else ""


def _headline(metrics: Metrics) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = [
        ("profit", f"{metrics.profit:+,.2f}"),
        ("return", _share(metrics.return_pct)),
        ("largest drawdown", _share(metrics.drawdown_pct)),
        ("sharpe", "-" if metrics.sharpe is None else f"{metrics.sharpe:,.2f}"),
        ("fees", f"{metrics.fees:,.2f}"),
        ("funding", f"{metrics.funding:+,.2f}"),
        ("trades", f"{metrics.trades:,}"),
        ("volume", f"{metrics.volume:,.0f}"),
    ]
    return told


def _charts(run: Run, standing: Standing) -> list[str]:
    points = standing.curve.points
    marks = [(t.at_ns, f"{t.order} {t.instrument}") for t in run.trades if t.order in set(Forced)]
    equity = [(p.at_ns, float(p.equity)) for p in points]
    held = [(p.at_ns, float(p.held)) for p in points]
    level = float(standing.start_equity)
    return [
        "<h2>Equity</h2>",
        time_chart(equity, name="equity in quote", level=level, marks=marks),
        "<h2>Drawdown</h2>",
        time_chart(_drawdown(points), name="below the highest equity", from_zero=True, marks=marks),
        "<h2>Value of all positions</h2>",
        time_chart(held, name="held in quote", from_zero=True, marks=marks),
    ]


def _drawdown(points: Sequence[Point]) -> list[tuple[int, float]]:
    fallen, peak = [], points[0].equity if points else Decimal(0)
    for point in points:
        peak = max(peak, point.equity)
        fallen.append((point.at_ns, float(point.equity - peak)))
    return fallen


def _made_of(metrics: Metrics) -> list[dict[str, object]]:
    parts = [
        ("realised by trades", metrics.realised),
        ("unrealised", metrics.unrealised),
        ("fees", -metrics.fees),
        ("funding", metrics.funding),
        *([("insurance fund", metrics.insurance)] if metrics.insurance else []),
        ("profit", metrics.profit),
    ]
    return [{"what": what, "in_quote": f"{amount:+,.2f}"} for what, amount in parts]


def _by(
    name: str, rows: Sequence[Holding], key: Callable[[Holding], str], *, held: bool = False
) -> str:
    """Sums by strategy or by instrument; quantities add up within one instrument only."""
    groups: dict[str, list[Holding]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    told: list[dict[str, object]] = []
    for each, group in sorted(groups.items()):
        sums = {what: f"{money.total(getattr(row, what) for row in group):,.2f}" for what in _MONEY}
        position = money.total(row.position for row in group)
        told.append(
            {
                name: each,
                **sums,
                "trades": sum(row.trades for row in group),
                "position": f"{position:,f}",
            }
        )
    columns = (name, *_MONEY, "trades", *(["position"] if held else []))
    return html_table(columns, told, figures=(*_MONEY, "position"))


def _numbers(metrics: Metrics) -> list[dict[str, object]]:
    return [
        {"what": name.replace("_", " "), "value": _number(getattr(metrics, name))}
        for name in metrics.__struct_fields__
    ]


def _trade(trade: Trade) -> dict[str, object]:
    return {
        "at": _moment(trade.at_ns),
        "strategy": trade.strategy,
        "instrument": trade.instrument,
        "side": trade.side,
        "qty": f"{trade.qty:,f}",
        "price": f"{trade.price:,f}",
        "fee": f"{trade.fee:f} {trade.fee_asset}",
        "slippage_bps": _number(trade.slippage_bps),
        "order": trade.order,
    }


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}"


def _share(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:,.2f} %"


def _number(value: object) -> str:
    match value:
        case None:
            return "-"
        case Decimal() | float():
            return f"{value:,.4f}".rstrip("0").rstrip(".")
        case int():
            return f"{value:,}"
        case _:
            return str(value)
