"""A desk on a recording in virtual time."""

import gzip
import sys
from collections import Counter
from decimal import Decimal
from math import sin
from pathlib import Path

import msgspec
import pytest

from builders import shared
from nightdesk.adapters.journal_file import history_of
from nightdesk.model.errors import BadInput
from nightdesk.model.market import Book, Level
from nightdesk.model.records import Executed, ModeSet
from nightdesk.model.time import SECOND_NS
from nightdesk.node.plan import Pace
from nightdesk.results.decisions import compare, decisions_of
from nightdesk.results.standing import Standing
from nightdesk.simulation.replay import ReplayOptions, run_replay
from node.both import COIN, PERP, SIX, VENUES
from recordings.tables import bar_line

PRICES = [
    (60_000, 60_100, 59_900, 60_050),
    (60_050, 60_060, 59_000, 59_500),
    (59_500, 60_000, 59_400, 59_900),
]


def options(*paths: Path, told: list[float]) -> ReplayOptions:
    return ReplayOptions(
        replay=[str(path) for path in paths],
        seed=1,
        duration_s=None,
        config=None,
        told=told.append,
    )


def test_bars_are_played_to_their_end_and_the_share_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-10.csv"
    path.write_bytes(b"".join(bar_line(n, prices) for n, prices in enumerate(PRICES)))
    shares: list[float] = []
    result = run_replay(options(path, told=shares))
    assert result.clean
    market = result.feed["market"]
    assert isinstance(market, dict)
    assert (market["good_lines"], market["ended"], market["position_ns"]) == (3, True, 120 * 10**9)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_file_nobody_knows_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"time,price\n")
    with pytest.raises(BadInput, match="its first line is 'time,price'"):
        run_replay(options(path, told=[]))


CONFIG = """
[desk]
name = "paced"
journal = "desk.journal"
control = "desk.sock"
[venue.binance]
kind = "binance-spot"
rest = "http://lab"
stream = "ws://lab"
private = "ws://lab"
[venue.binance.account]
key = "file:key"
secret = "file:secret"
[limits]
order_qty_max = "0.05"
order_notional_max = "10000"
position_max = "0.25"
gross_max = "40000"
open_orders_max = 20
orders_per_second_max = 20
collar_bps = "200"
stale_after_ms = 150000
[losses]
day_max = "60"
[[instrument]]
id = "binance:BTCUSDT"
[[strategy]]
name = "trend"
class = "nightdesk.strategy.examples.trend:Trend"
instruments = ["binance:BTCUSDT"]
params = { size = "0.12", fast = 3, slow = 9, band_bps = 1.0, both_ways = true }
"""
LIVELY = {"pace": Pace(), "pulse_ns": SECOND_NS}


def waves(minutes: int) -> bytes:
    """Bars that go up and down, so that a trend turns every few minutes; one in the middle trades nothing."""
    lines, last = [], 60_000
    for n in range(minutes):
        close = 60_000 + round(300 * sin(n / 5) + 120 * sin(n / 3))
        prices = (last, max(last, close) + 10, min(last, close) - 10, close)
        lines.append(bar_line(n, prices, "0" if n == minutes // 2 else "40"))
        last = close
    return b"".join(lines)


def test_a_pace_that_looks_rarely_decides_and_earns_what_a_live_one_does(tmp_path: Path) -> None:
    bars, config = tmp_path / "BTCUSDT-1m-2025-10.csv", tmp_path / "desk.toml"
    bars.write_bytes(waves(120))
    config.write_text(CONFIG)
    ended = {}
    for name, how in (("rare", {}), ("lively", LIVELY)):
        standing, journal = Standing(), tmp_path / f"{name}.journal"
        asked = options(bars, told=[])
        asked = msgspec.structs.replace(
            asked, config=config, journal=journal, looks=standing.look, **how
        )
        result = run_replay(asked)
        ended[name] = (result, standing.curve, list(history_of(journal)))
    (rare, rare_curve, rare_history), (lively, lively_curve, lively_history) = ended.values()
    assert rare.clean
    assert rare.fills == lively.fills > 20
    assert rare.orders == lively.orders
    assert (rare.volume, rare.pnl_realised) == (lively.volume, lively.pnl_realised)
    assert rare_curve.points[-1].profit == lively_curve.points[-1].profit
    assert rare_curve.drawdown == lively_curve.drawdown
    compared = compare(
        decisions_of(rare_history), decisions_of(lively_history), within_ns=2 * SECOND_NS
    )
    assert not compared.differences
    assert compared.same > 40


def test_a_quote_that_stands_is_never_taken_for_a_dead_feed(tmp_path: Path) -> None:
    """Pulses come as often as the config's `stale_after_ms` needs them."""
    bars, config, journal = (tmp_path / n for n in ("BTCUSDT-1m-2025-10.csv", "desk.toml", "j"))
    bars.write_bytes(waves(5))
    config.write_text(CONFIG.replace("150000", "1500"))
    run_replay(msgspec.structs.replace(options(bars, told=[]), config=config, journal=journal))
    causes = [r for *_, r in history_of(journal) if isinstance(r, ModeSet) and r.cause == "feed"]
    assert [r.mode for r in causes[-2:]] != ["REDUCE_ONLY", "REDUCE_ONLY"]
    assert len(causes) <= 4, "before the first bar, and where one traded nothing"


def test_recordings_of_spot_and_perpetuals_are_traded_together_by_six_strategies(
    tmp_path: Path,
) -> None:
    spot, perps = (
        shared(f"data/raw_ws/binance/{market}_btcusdt_20240808.txt.gz")
        for market in ("spot", "usdm")
    )
    config, journal = tmp_path / "desk.toml", tmp_path / "desk.journal"
    config.write_text(SIX)
    result = run_replay(
        ReplayOptions(
            replay=[str(spot)],
            usdm=[str(perps)],
            seed=1,
            duration_s=None,
            config=config,
            journal=journal,
        )
    )
    assert result.clean
    assert not any(result.position_diff.values())
    fills = Counter(
        record.execution.instrument
        for *_, record in history_of(journal)
        if isinstance(record, Executed)
    )
    assert set(fills) == {COIN, PERP}
    assert min(fills.values()) >= 50


BOOKWORM = """
from nightdesk.strategy.api import Depth, Strategy

class Bookworm(Strategy):
    heard = []

    def declare(self):
        return [Depth(20)]

    def on_depth(self, ctx, book):
        Bookworm.heard.append(book)
"""
READING = """
[[strategy]]
name = "bookworm"
class = "bookworm.py:Bookworm"
instruments = ["binance:BTCUSDT", "usdm:BTCUSDT"]
"""


def told_by(capture: Path, ids: set[int]) -> tuple[dict[int, list[set[Level]]], set[Level]]:
    """A recording's books put together from its snapshot and every change up to these ids, and all the levels
    that its quotes told meanwhile."""
    sides: list[dict[Decimal, Decimal]] = [{}, {}]
    books: dict[int, list[set[Level]]] = {}
    quoted: set[Level] = set()
    with gzip.open(capture, "rb") as lines:
        told = [msgspec.json.decode(line.partition(b" ")[2]) for line in lines]
    (snapshot,) = [body for body in told if "lastUpdateId" in body]
    changes = [body["data"] for body in told if "@depth" in body.get("stream", "")]
    whole = {"u": snapshot["lastUpdateId"], "b": snapshot["bids"], "a": snapshot["asks"]}
    for change in [whole, *(c for c in changes if whole["u"] < c["u"] <= max(ids))]:
        for side, rows in zip(sides, (change["b"], change["a"]), strict=True):
            side.update({Decimal(price): Decimal(qty) for price, qty in rows})
        if change["u"] in ids:
            books[change["u"]] = [{level for level in side.items() if level[1]} for side in sides]
    for quote in [body["data"] for body in told if "@bookTicker" in body.get("stream", "")]:
        tops = (quote["b"], quote["B"]), (quote["a"], quote["A"])
        quoted |= {(Decimal(price), Decimal(qty)) for price, qty in tops}
    return books, quoted


def test_a_strategy_hears_the_recorded_books_of_both_markets(tmp_path: Path) -> None:
    """Against another way to put them together: what is not of changes is of a quote that came after them."""
    captures = {
        instrument: shared(f"data/raw_ws/binance/{market}_btcusdt_20240808.txt.gz")
        for instrument, market in ((COIN, "spot"), (PERP, "usdm"))
    }
    config = tmp_path / "desk.toml"
    config.write_text(VENUES + READING)
    (tmp_path / "bookworm.py").write_text(BOOKWORM)
    spot, perps = ([str(path)] for path in captures.values())
    asked = ReplayOptions(replay=spot, usdm=perps, seed=1, duration_s=20, config=config)
    assert run_replay(asked).clean
    heard: list[Book] = sys.modules.pop("bookworm").Bookworm.heard
    for instrument, capture in captures.items():
        told = [book for book in heard if book.instrument == instrument]
        assert len(told) > 150, "ten a second, but where nothing changed"
        known, quoted = told_by(capture, {book.update_id for book in told})
        exact = 0
        for book in told:
            assert not book.crossed
            assert len(book.bids) == len(book.asks) == 20
            beyond = [
                set(side) - changes
                for side, changes in zip((book.bids, book.asks), known[book.update_id], strict=True)
            ]
            assert beyond[0] | beyond[1] <= quoted
            exact += not any(beyond)
        assert exact > 20


def test_a_recording_of_perpetuals_wants_a_config_that_trades_them(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="name one with --config"):
        run_replay(ReplayOptions(replay=[], usdm=["x.txt"], seed=1, duration_s=None, config=None))
