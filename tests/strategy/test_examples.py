"""Every example trades in a world, raises nothing, and leaves books that the venue agrees with."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nightdesk.modes.ladder import strategy_scope
from worlds import Life, SimWorld, live

EXAMPLES = Path(__file__).parents[2] / "src/nightdesk/strategy/examples"
DESK = """
[desk]
name = "examples"
journal = "desk.journal"
[venue.binance]
kind = "practice"
[limits]
order_qty_max = "1"
order_notional_max = "100000"
position_max = "2"
gross_max = "200000"
[[instrument]]
id = "binance:BTCUSDT"
[[instrument]]
id = "binance:ETHUSDT"
[[strategy]]
name = "it"
class = "nightdesk.strategy.examples.{name}:{kind}"
instruments = ["binance:BTCUSDT", "binance:ETHUSDT"]
params = {params}
"""
# Params that come to a decision within minutes.
CASES = {
    "maker": ("Maker", '{ size = "0.01" }'),
    "trend": ("Trend", "{ fast = 5, slow = 20, both_ways = true }"),
    "grid": ("Grid", "{ step_bps = 1 }"),
    "breakout": ("Breakout", "{ channel = 2 }"),
    "bands": ("Bands", "{ bars = 5, width = 0.2 }"),
    "pairs": ("Pairs", "{ bars = 10, enter = 0.4, both_ways = true }"),
}


def test_there_is_a_case_for_every_example() -> None:
    assert set(CASES) == {path.stem for path in EXAMPLES.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("name", CASES)
def test_an_example_trades_and_its_books_are_the_venues(name: str, tmp_path: Path) -> None:
    kind, params = CASES[name]
    text = DESK.replace("{name}", name).replace("{kind}", kind).replace("{params}", params)

    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, text=text)
        life = await world.desk().up()
        async with asyncio.timeout(1_200):
            while fills(life) < 4:
                await asyncio.sleep(1)
        assert not crash(life)
        await life.stop()
        assert world.findings() == []
        assert world.differences(life) == {}

    live(main)


def fills(life: Life) -> int:
    return life.state.counts.get("fills", 0)


def crash(life: Life) -> dict[str, Any]:
    causes = life.state.ladder.causes.get(strategy_scope("it"), {})
    return {name: msgspec.to_builtins(cause) for name, cause in causes.items()}
