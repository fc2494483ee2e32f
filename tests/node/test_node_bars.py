"""A desk whose strategy declared bars: history first, then each bar once, through lost streams and restarts."""

import asyncio
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from builders import BTCUSDT
from nightdesk.model.bars import Bar, BarsOf
from nightdesk.modes.ladder import strategy_scope
from nightdesk.runtime.bars import bars_wanted
from worlds import Life, SimWorld, live

LISTENER = """
from nightdesk.strategy.api import Bars, Strategy

class Listener(Strategy):
    def declare(self):
        return [Bars("1m", warm_up=30), Bars("5m", warm_up=10)]

    def on_start(self, ctx):
        self.ctx = ctx
        self.began = {i: list(ctx.bars("binance:BTCUSDT", i)) for i in ("1m", "5m")}
        self.heard = []

    def on_bar(self, ctx, bar):
        self.heard.append((ctx.now, bar))
        assert ctx.bars(bar.instrument, bar.interval)[-1] == bar
"""
DESK = """
[desk]
name = "bars"
journal = "desk.journal"
[venue.binance]
kind = "practice"
[limits]
order_qty_max = "1"
order_notional_max = "100000"
position_max = "1"
gross_max = "100000"
[[instrument]]
id = "binance:BTCUSDT"
[[strategy]]
name = "listener"
class = "listener.py:Listener"
instruments = ["binance:BTCUSDT"]
"""


def a_world(folder: Path, source: str = LISTENER) -> SimWorld:
    (folder / "listener.py").write_text(source)
    sys.modules.pop("listener", None)
    world = SimWorld(folder, text=DESK)
    world.symbols = {"BTCUSDT": BTCUSDT}
    return world


def listener(life: Life) -> Any:
    return next(iter(life.node.shell.hosts.values())).strategy


def contiguous(bars: list[Bar]) -> bool:
    return all(old.ends == new.opened for old, new in pairwise(bars))


def by_venue(world: SimWorld, interval: str) -> list[list[Any]]:
    query = f"symbol=BTCUSDT&interval={interval}&limit=1000"
    rows: list[list[Any]] = world.rest("GET", "/api/v3/klines", query=query)
    return rows


def as_row(bar: Bar) -> tuple[int, ...]:
    prices = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    return (bar.opened // 1_000_000, *(float(p) for p in prices), bar.trades)


def told_by_venue(world: SimWorld, interval: str) -> list[tuple[int, ...]]:
    rows = by_venue(world, interval)
    return [(row[0], *(float(p) for p in row[1:6]), row[8]) for row in rows]


def test_history_then_every_bar_once_though_the_stream_is_lost_for_minutes(tmp_path: Path) -> None:
    async def main() -> None:
        world = a_world(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(70)
        strategy = listener(life)
        assert {i: len(bars) for i, bars in strategy.began.items()} == {"1m": 30, "5m": 10}
        world.fault("stream_drop", which="market", duration_ms=200_000)
        await asyncio.sleep(700)
        for interval in ("1m", "5m"):
            told = [bar for _, bar in strategy.heard if bar.interval == interval]
            every = [*strategy.began[interval], *told]
            assert told
            assert contiguous(every)
            venue = told_by_venue(world, interval)[:-1]  # the last is still being made
            assert [as_row(bar) for bar in every] == venue[-len(every) :]
        assert all(now >= bar.ends for now, bar in strategy.heard)
        assert "bars.filled" in world.log.events()
        await life.stop()

    live(main)


def test_after_a_crash_the_windows_are_what_they_would_have_been(tmp_path: Path) -> None:
    async def main() -> None:
        world = a_world(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(130)
        await life.crash()
        await asyncio.sleep(95)
        again = await world.desk().up()
        await asyncio.sleep(70)
        for interval in ("1m", "5m"):
            window = list(listener(again).ctx.bars(BTCUSDT, interval))
            assert contiguous(window)
            venue = told_by_venue(world, interval)[:-1]
            assert [as_row(bar) for bar in window] == venue[-len(window) :]
        await again.stop()

    live(main)


def test_where_the_venue_has_too_little_history_the_strategy_waits_and_says_so(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = a_world(tmp_path, LISTENER.replace('"5m", warm_up=10', '"1d", warm_up=100'))
        life = await world.desk().up()
        await asyncio.sleep(30)
        assert not hasattr(listener(life), "began")
        (cause,) = life.state.ladder.causes[strategy_scope("listener")].values()
        assert "binance:BTCUSDT 1d: the venue has" in cause.why
        assert "ended bars of 100" in cause.why
        await life.stop()

    live(main)


def test_a_strategy_begins_as_soon_as_the_venue_can_tell_its_history(tmp_path: Path) -> None:
    async def main() -> None:
        world = a_world(tmp_path)
        world.fault("error_502", match={"path": "/api/v3/klines"})
        life = await world.desk().up()
        await asyncio.sleep(30)
        assert life.node.shell.trading
        assert not hasattr(listener(life), "began")
        world.heal()
        await asyncio.sleep(120)
        strategy = listener(life)
        assert len(strategy.began["1m"]) == 30
        told = [bar for _, bar in strategy.heard if bar.interval == "1m"]
        assert contiguous([*strategy.began["1m"], *told])
        assert not life.state.ladder.causes.get(strategy_scope("listener"))
        assert bars_wanted(life.node.shell.hosts.values()) == {
            BarsOf(BTCUSDT, "1m"): 30,
            BarsOf(BTCUSDT, "5m"): 10,
        }
        await life.stop()

    live(main)
