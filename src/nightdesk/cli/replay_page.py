"""The page of one run: its numbers, its profit over time, strategies, instruments and last trades."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from nightdesk.cli.page import html_table, line_chart, page_head
from nightdesk.model import money
from nightdesk.results.curve import Curve
from nightdesk.results.metrics import Metrics
from nightdesk.results.runs import Run, Trade

TRADES_SHOWN = 200
PACE = (
    "Played in virtual time: the lease is renewed, the venue's clock measured and the account compared once an "
    "hour, and quotes that stand are repeated as often as stale_after_ms needs it; 62 s for bars, unless the "
    "config says it. Orders, fills and profit are those of the live pace. What recordings do not show is "
    "listed in docs/reference/recorded-formats.md."
)


def replay_page(run: Run, curve: Curve, metrics: Metrics) -> str:
    """One HTML file."""
    numbers: list[dict[str, object]] = [
        {"what": name.replace("_", " "), "value": _number(getattr(metrics, name))}
        for name in metrics.__struct_fields__
    ]
    begins = curve.points[0].at_ns if curve.points else 0
    profit = [((p.at_ns - begins) / 1e9, float(p.profit)) for p in curve.points]
    held = [((p.at_ns - begins) / 1e9, float(p.held)) for p in curve.points]
    shown = run.trades[-TRADES_SHOWN:]
    parts = [
        page_head("Nightdesk replay"),
        f"<h1>{escape(_verdict(metrics))}</h1>",
        f"<p>{escape(_span(curve))}</p>",
        f"<p>{escape(PACE)}</p>",
        "<h2>Profit after fees</h2>",
        line_chart(profit, "in quote"),
        "<h2>Value of all positions</h2>",
        line_chart(held, "in quote"),
        "<h2>Numbers</h2>",
        html_table(("what", "value"), numbers),
        "<h2>Strategies</h2>",
        _by("strategy", run.trades, lambda trade: trade.strategy),
        "<h2>Instruments</h2>",
        _by("instrument", run.trades, lambda trade: trade.instrument),
        f"<h2>Trades, the last {len(shown)} of {len(run.trades)}</h2>",
        html_table(
            ("at", "strategy", "instrument", "side", "qty", "price", "fee", "slippage_bps"),
            [_trade(trade) for trade in shown],
        ),
    ]
    return "\n".join(parts) + "</html>\n"


def _verdict(metrics: Metrics) -> str:
    share = "" if metrics.return_pct is None else f", {metrics.return_pct:,.3f} %"
    return f"{metrics.profit:+,.2f} in quote after fees{share}"


def _span(curve: Curve) -> str:
    if not curve.points:
        return "nothing was measured: no market had a price"
    first, last = (_moment(curve.points[index].at_ns) for index in (0, -1))
    return f"{first} to {last} UTC on the replay's clock"


def _by(name: str, trades: list[Trade], key: Callable[[Trade], str]) -> str:
    rows: dict[str, list[Trade]] = {}
    for trade in trades:
        rows.setdefault(key(trade), []).append(trade)
    told: list[dict[str, object]] = [
        {
            name: each,
            "trades": len(made),
            "volume": _number(money.total(t.value for t in made)),
            "bought": _number(money.total(t.qty for t in made if t.side == "buy")),
            "sold": _number(money.total(t.qty for t in made if t.side == "sell")),
        }
        for each, made in sorted(rows.items())
    ]
    return html_table((name, "trades", "volume", "bought", "sold"), told)


def _trade(trade: Trade) -> dict[str, object]:
    return {
        "at": _moment(trade.at_ns),
        "strategy": trade.strategy,
        "instrument": trade.instrument,
        "side": trade.side,
        "qty": trade.qty,
        "price": trade.price,
        "fee": f"{trade.fee:f} {trade.fee_asset}",
        "slippage_bps": _number(trade.slippage_bps),
    }


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}"


def _number(value: object) -> object:
    match value:
        case None:
            return "-"
        case Decimal() | float():
            return round(value, 4)
        case _:
            return value
