"""What operators and strategies ask of a whole desk: a command outlives a crash, a broken strategy
stops alone.
"""

import asyncio
from pathlib import Path

from benches import causes
from builders import D
from nightdesk.control.messages import ExitCode
from nightdesk.lab.faults import FaultKind
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.mode import Mode
from nightdesk.model.records import TargetSet
from nightdesk.modes.ladder import DESK
from node.healing import whole
from worlds import SimWorld, durable_records, live


def test_a_paused_desk_is_paused_after_a_crash_and_sends_no_entry(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=4)
        life = await world.desk().up()
        await asyncio.sleep(10)
        reply = await life.command("pause", reason="lunch", by="me")
        assert reply.ok
        await life.crash()
        life = await world.desk().up()
        since = world.clock.wall()
        await asyncio.sleep(10)
        assert causes(life.state)["operator"] == "REDUCE_ONLY"
        for entry in world.arrivals(since):
            order = life.state.orders.get(entry.client_order_id)
            assert order is None or order.intent.origin != "flatten"
        before = {k: abs(p.qty) for k, p in life.state.positions.items()}
        await asyncio.sleep(5)
        assert all(abs(p.qty) <= before.get(k, D(0)) for k, p in life.state.positions.items())
        assert (await life.command("resume", reason="back", by="me")).ok
        await whole(world, life, seconds=10)

    live(main)


def test_flatten_ends_flat_at_the_venue_with_the_feed_dead_and_the_private_stream_silent(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=6)
        life = await world.desk().up()
        await asyncio.sleep(15)
        world.fault(FaultKind.STREAM_SILENCE, which="all")
        await asyncio.sleep(3)
        assert (await life.command("flatten", reason="out", by="me")).ok
        for _ in range(600):
            await asyncio.sleep(0.1)
            if causes(life.state).get("flatten") == "REDUCE_ONLY":
                break
        assert "flat at the venue" in life.node.shell.desk.views.flatten_said
        opened = {"BTC": D(1), "ETH": D(10)}
        for asset, amount in opened.items():
            assert abs(world.held()[asset] - amount) < D("0.01")
        world.heal()
        await whole(world, life, seconds=15)

    live(main)


def test_a_stalled_disk_sends_nothing_and_a_command_says_that_it_is_not_confirmed(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(6)
        await asyncio.sleep(0)
        life.journal.stalled = True
        await asyncio.sleep(0.05)
        posts = len([r for r in life.http.requests if r.method == "POST"])
        reply = await life.command("pause", reason="slow", by="me")
        assert (reply.ok, reply.code) == (False, ExitCode.UNKNOWN)
        assert len([r for r in life.http.requests if r.method == "POST"]) == posts
        latched = life.state.ladder.demands(DESK, "operator")
        assert latched is Mode.REDUCE_ONLY, "latched in this node at once"
        await life.crash()

    live(main)


GREEDY = """
from decimal import Decimal
from nightdesk.strategy.api import Strategy
import msgspec

class Greedy(Strategy):
    class State(msgspec.Struct):
        seen: list[str] = []
    def on_quote(self, ctx, quote):
        if len(self.state.seen) < 40:
            self.state.seen.append("x" * 40_000)

class Zero(Strategy):
    class State(msgspec.Struct):
        n: int = 0
    def on_quote(self, ctx, quote):
        self.state.n += 1
        if self.state.n == 50:
            1 / 0
        ctx.target(quote.instrument, Decimal("0.01"))
"""


def with_strategy(world_folder: Path, name: str) -> list[tuple[str, str]]:
    (world_folder / "mine.py").write_text(GREEDY)
    more = f'[[strategy]]\nname = "mine"\nclass = "mine.py:{name}"\ninstruments = ["binance:BTCUSDT"]\n'
    return [('[[strategy]]\nname = "maker"', more + '\n[[strategy]]\nname = "maker"')]


def test_a_strategy_whose_state_grows_without_bound_stops_alone(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2, replace=with_strategy(tmp_path, "Greedy"))
        life = await world.desk().up()
        await asyncio.sleep(20)
        assert life.task is not None
        assert not life.task.done()
        assert causes(life.state)["crash"] == "REDUCE_ONLY"
        await life.stop()

    live(main)


def test_a_strategy_that_raises_stops_alone(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2, replace=with_strategy(tmp_path, "Zero"))
        life = await world.desk().up()
        await asyncio.sleep(20)
        assert life.state.ladder.mode("strategy/mine") is Mode.REDUCE_ONLY
        assert life.state.ladder.mode(DESK) is Mode.NORMAL
        before = life.state.counts["fills"]
        await asyncio.sleep(10)
        assert life.state.counts["fills"] > before, "the others go on"
        await whole(world, life, seconds=1)

    live(main)


def test_a_crashed_strategy_that_is_resumed_is_called_again(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2, replace=with_strategy(tmp_path, "Zero"))
        life = await world.desk().up()
        await asyncio.sleep(20)
        host = life.node.shell.hosts["mine"]  # type: ignore[index]
        assert host.crashed
        await life.command("resume", reason="mended", by="me")
        seen = host.strategy.state.n
        await asyncio.sleep(5)
        still_says_why = life.state.ladder.mode("strategy/mine") is Mode.REDUCE_ONLY
        again = host.strategy.state.n > seen
        await life.stop()
        assert still_says_why or again

    live(main)


HOLDER = """
from decimal import Decimal
from nightdesk.strategy.api import Strategy

class Hold(Strategy):
    def on_quote(self, ctx, quote):
        if quote.update_id % 2:
            ctx.target(quote.instrument, Decimal("0.02"))
"""
ONLY_HOLD = [
    (
        'class = "nightdesk.strategy.examples.trend:Trend"',
        'class = "hold.py:Hold"',
    ),
    (
        'params = { size = "0.02", fast = 40, slow = 200, band_bps = 0.15, both_ways = true }\n',
        "",
    ),
]


def test_nothing_is_sent_before_the_books_were_compared(tmp_path: Path) -> None:
    (tmp_path / "hold.py").write_text(HOLDER)

    async def main() -> None:
        world = SimWorld(tmp_path, seed=2, replace=ONLY_HOLD)
        life = await world.desk().up()
        await asyncio.sleep(3)
        await life.command("pause", reason="so that targets stay open", by="me")
        await life.crash()
        records = durable_records(world.path)
        assert any(isinstance(r, TargetSet) for _, r in records)
        life = await world.desk().up()
        await life.command("resume", reason="go", by="me")
        await life.crash()
        world.fault(FaultKind.ERROR_500, match={"path": "/api/v3/account"}, effect=False)
        since = world.clock.wall()
        life = await world.desk().up()
        life.node.shell.desk.state.apply(
            TargetSet(
                strategy=StrategyId("trend"),
                instrument=InstrumentId("binance:BTCUSDT"),
                qty=D("0.05"),
            ),
            life.state.seq + 1,  # type: ignore[arg-type]
            world.clock.wall(),
        )
        await asyncio.sleep(10)
        assert not life.node.shell.trading
        assert world.arrivals(since) == []

    live(main)
