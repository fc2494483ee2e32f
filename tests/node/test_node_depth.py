"""A desk whose strategies declared order books: whole, as deep as each asked, missed when silent."""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from builders import BTCUSDT, D
from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import Book, DepthOf
from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import strategy_scope
from nightdesk.runtime.depth import depth_wanted
from worlds import Life, SimWorld, live

READERS = """
from nightdesk.strategy.api import Depth, Strategy

class Deep(Strategy):
    levels = 20

    def declare(self):
        return [Depth(self.levels)] if self.levels else []

    def on_start(self, ctx):
        self.heard = []

    def on_depth(self, ctx, book):
        assert ctx.book(book.instrument) is book
        self.heard.append(book)

class Shallow(Deep):
    levels = 5

class Deaf(Deep):
    levels = 0
"""
DESK = """
[desk]
name = "depth"
journal = "desk.journal"
[venue.{venue}]
kind = "{kind}"
[limits]
order_qty_max = "1"
order_notional_max = "100000"
position_max = "1"
gross_max = "100000"
stale_after_ms = 2000
[[instrument]]
id = "{venue}:BTCUSDT"
"""
PRACTICE = 'rest = "http://lab"\nstream = "ws://lab"\nprivate = "ws://lab"\n'
ACCOUNT = '[venue.{venue}.account]\nkey = "file:key"\nsecret = "file:secret"\n'
STRATEGY = """
[[strategy]]
name = "{name}"
class = "readers.py:{kind}"
instruments = ["{venue}:BTCUSDT"]
"""


def a_world(folder: Path, *kinds: str, venue: str = "binance", seed: int = 1) -> SimWorld:
    (folder / "readers.py").write_text(READERS)
    sys.modules.pop("readers", None)
    usdm = venue == "usdm"
    text = DESK.format(venue=venue, kind="binance-usdm" if usdm else "practice")
    if usdm:
        text = text.replace("[limits]", PRACTICE + ACCOUNT.format(venue=venue) + "[limits]")
        text += "leverage = 20\n"
    for kind in kinds:
        text += STRATEGY.format(name=kind.lower(), kind=kind, venue=venue)
    world = SimWorld(folder, text=text, usdm=usdm, seed=seed)
    world.symbols = {"BTCUSDT": InstrumentId(f"{venue}:BTCUSDT")}
    return world


def heard(life: Life) -> dict[str, list[Book]]:
    hosts: dict[str, Any] = dict(life.node.shell.hosts)
    return {name: host.strategy.heard for name, host in hosts.items()}


def sides(rows: list[list[str]]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((D(price), D(qty)) for price, qty in rows)


@pytest.mark.parametrize(
    ("venue", "path"), [("binance", "/api/v3/depth"), ("usdm", "/fapi/v1/depth")]
)
def test_each_strategy_hears_the_book_as_deep_as_it_declared(
    tmp_path: Path, venue: str, path: str
) -> None:
    async def main() -> None:
        world = a_world(tmp_path, "Deep", "Shallow", "Deaf", venue=venue)
        life = await world.desk().up()
        truth = set()
        for _ in range(800):  # as many as the venue lets anybody ask in a minute
            await asyncio.sleep(0.01)
            rows = world.rest("GET", path, query="symbol=BTCUSDT&limit=20")
            truth.add((sides(rows["bids"]), sides(rows["asks"])))
        told = heard(life)
        assert depth_wanted(life.node.shell.hosts.values()) == [
            DepthOf(InstrumentId(f"{venue}:BTCUSDT"), 20)
        ]
        assert told["deaf"] == []
        assert [book.best(5) for book in told["deep"]] == told["shallow"]
        assert {len(book.bids) for book in told["shallow"]} == {5}
        assert sum((book.bids, book.asks) in truth for book in told["deep"]) > 50
        assert life.node.telemetry.counters.get("market.poison", 0) == 0
        await life.stop()

    live(main)


def test_a_strategy_whose_books_fell_silent_risks_nothing_new_until_they_are_back(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = a_world(tmp_path, "Deep", "Deaf")
        life = await world.desk().up()
        await asyncio.sleep(5)
        ladder, deep, deaf = life.state.ladder, strategy_scope("deep"), strategy_scope("deaf")
        assert ladder.mode(deep) is Mode.NORMAL
        dropped = len(heard(life)["deep"])
        world.fault("stream_silence", which="market", symbol="BTCUSDT")
        await asyncio.sleep(4)
        assert len(heard(life)["deep"]) <= dropped + 1
        assert ladder.mode(deep) is Mode.REDUCE_ONLY
        (cause,) = [c for name, c in ladder.causes[deep].items() if name == "depth"]
        assert "no usable order book of binance:BTCUSDT for over 2000 ms" in cause.why
        assert "depth" not in ladder.causes.get(deaf, {})
        world.heal()
        await asyncio.sleep(4)
        assert ladder.mode(deep) is Mode.NORMAL
        assert len(heard(life)["deep"]) > dropped + 10
        await life.stop()

    live(main)


def test_the_same_seed_tells_the_same_books(tmp_path: Path) -> None:
    async def main() -> list[Book]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        life = await a_world(folder, "Deep", seed=7).desk().up()
        await asyncio.sleep(10)
        told = heard(life)["deep"]
        await life.stop()
        return told

    first, second = live(main), live(main)
    assert first == second != []
    assert first[0].instrument == BTCUSDT
