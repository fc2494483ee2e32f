"""How long a month of one-minute bars takes, and what memory: the whole desk with the trend example."""

import resource
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench.measure import Figure, Run, at_most
from nightdesk.node.practice import practice_text
from nightdesk.results.standing import Standing
from nightdesk.simulation.replay import ReplayOptions, run_replay

MONTH_MINUTES = 43_200
MONTH_AIM_S = 60.0
BEGINS_MS = 1_738_368_000_000
_STRATEGY = """
[[strategy]]
name = "trend"
class = "nightdesk.strategy.examples.trend:Trend"
instruments = ["binance:BTCUSDT"]
params = { size = "0.05", fast = 30, slow = 120, band_bps = 2.0 }
"""


def measure(run: Run) -> list[Figure]:
    """Run it; a shorter one is told as the month it would be."""
    minutes = run.pick(MONTH_MINUTES, 4_320)
    with TemporaryDirectory(prefix="nightdesk-bench-") as place:
        folder = Path(place)
        bars, config = folder / "BTCUSDT-1m-2025-02.csv", folder / "desk.toml"
        bars.write_text("".join(_bars(minutes)))
        head = practice_text("http://lab", ["BTCUSDT"]).partition("[[strategy]]")[0]
        config.write_text(head + _STRATEGY)
        began_ns, standing = time.process_time_ns(), Standing()
        result = run_replay(
            ReplayOptions(
                replay=[str(bars)], seed=1, duration_s=None, config=config, looks=standing.look
            )
        )
        took_s = (time.process_time_ns() - began_ns) / 1e9 * MONTH_MINUTES / minutes
    assert result.clean, result.findings
    assert result.fills > minutes / 1_000, "a month of trend trades"
    kept_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        at_most(Figure(name="a month of one-minute bars", unit="s", value=took_s), MONTH_AIM_S),
        Figure(name="... memory at its most", unit="MB", value=kept_mb),
    ]


def _bars(minutes: int) -> list[str]:
    """Binance Vision klines of a price that wanders, the same every time."""
    draw, price, lines = Random(1), 60_000.0, []
    for minute in range(minutes):
        opens, price = price, price * (1 + draw.gauss(0, 0.0006))
        high, low = max(opens, price) * 1.0002, min(opens, price) * 0.9998
        begins = BEGINS_MS + minute * 60_000
        prices = f"{opens:.2f},{high:.2f},{low:.2f},{price:.2f}"
        lines.append(f"{begins},{prices},40.5,{begins + 59_999},1.0,7,0,0,0\n")
    return lines
