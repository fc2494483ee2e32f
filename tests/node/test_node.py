"""Whole desks on the virtual loop against a whole lab: faults on for a while, then off, then the
books compared.
"""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nightdesk.adapters.system import SystemProcesses
from nightdesk.control.messages import ExitCode
from nightdesk.desk.events import Proposed
from nightdesk.lab.faults import FaultKind
from nightdesk.model.errors import AppendRefused, AppendUnknown, Fenced
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.records import EpochOpened, Intended, TargetSet
from nightdesk.model.time import Wall
from nightdesk.modes.ladder import DESK, Mode
from nightdesk.node import node as node_module
from nightdesk.strategy.messages import Proposal, Target
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from worlds import (
    SimWorld,
    causes,
    durable_records,
    fold,
    leaves,
    live,
    without_views,
)

D = Decimal
QUICK = [('name = "practice"', 'name = "practice"\norder_ttl_ms = 500')]

# How each fault is set: on orders and reports where it can be chosen, often enough to matter.
SPECS: dict[FaultKind, dict[str, Any]] = {
    kind: {"probability": 0.3, "match": {"path": "/api/v3/order"}}
    for kind in FaultKind
    if kind
    not in {
        FaultKind.STREAM_DROP,
        FaultKind.STREAM_SILENCE,
        FaultKind.MAINTENANCE,
        FaultKind.CLOCK_OFFSET,
        FaultKind.READ_LAG,
        FaultKind.FILL_AFTER_CANCEL_ACK,
    }
}
SPECS[FaultKind.LOST_REQUEST] |= {"how": "hang"}
SPECS[FaultKind.DELAY] |= {"ms": 900}
SPECS[FaultKind.LATE_RESPONSE] |= {"ms": 6_000}
SPECS[FaultKind.BAN_418] |= {"retry_after_s": 3, "probability": 0.05}
SPECS[FaultKind.RATE_LIMIT_429] |= {"retry_after_s": 2}
SPECS |= {
    FaultKind.DUPLICATE_REPORT: {"probability": 0.5},
    FaultKind.LATE_REPORT: {"probability": 0.5, "ms": 4_000},
    FaultKind.REORDERED_REPORTS: {"probability": 0.5},
    FaultKind.FILL_AFTER_CANCEL_ACK: {"probability": 0.5, "ms": 800},
    FaultKind.READ_LAG: {"ms": 2_000},
    FaultKind.STREAM_DROP: {"which": "user"},
    FaultKind.STREAM_SILENCE: {"which": "user"},
    FaultKind.MAINTENANCE: {},
    FaultKind.CLOCK_OFFSET: {"ms": 3_000},
}


async def whole(world: SimWorld, life: Any, *, seconds: float = 30.0) -> None:
    """Let it heal, end it, and hold everything together."""
    await asyncio.sleep(seconds)
    assert not list(life.state.orders.unknown())
    await life.stop()
    assert world.findings() == []
    assert world.differences(life) == {}
    assert not life.state.orders.live
    assert world.escaped == []


@pytest.mark.parametrize("kind", list(FaultKind), ids=str)
def test_after_a_fault_nothing_is_unknown_doubled_or_different(
    kind: FaultKind, tmp_path: Path
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(8)
        assert life.state.counts["fills"] > 3
        world.fault(kind, **SPECS[kind])
        await asyncio.sleep(8)
        if kind is FaultKind.STREAM_DROP:
            world.fault(kind, which="all")
            await asyncio.sleep(2)
        if kind is not FaultKind.STREAM_SILENCE:
            struck = world.fired()
            assert struck or kind in {FaultKind.READ_LAG, FaultKind.MAINTENANCE, kind.CLOCK_OFFSET}
        world.heal()
        await whole(world, life)
        assert life.state.ladder.mode(DESK) is not Mode.HALTED

    live(main)


@pytest.mark.parametrize("seed", range(4))
def test_several_faults_at_once_and_crashes_in_between(seed: int, tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=100 + seed, replace=QUICK)
        draw = world.entropy.stream("chaos")
        life = await world.desk().up()
        await asyncio.sleep(5)
        for _ in range(5):
            for kind in (
                FaultKind.LOST_RESPONSE,
                FaultKind.LOST_REQUEST,
                FaultKind.LATE_REPORT,
                FaultKind.DUPLICATE_REPORT,
            ):
                world.fault(kind, **{**SPECS[kind], "probability": 0.2})
            await asyncio.sleep(draw.uniform(0.5, 4))
            await life.crash()
            world.heal()
            await asyncio.sleep(draw.uniform(0, 2))
            life = await world.desk().up()
        await whole(world, life)
        assert life.state.epoch == 6

    live(main)


@pytest.mark.parametrize("after_ms", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_a_crash_around_a_send_loses_and_doubles_nothing(after_ms: int, tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=9, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(6)
        start = life.state.counts["intended"]
        while life.state.counts["intended"] == start:
            await asyncio.sleep(0.0002)
        await asyncio.sleep(after_ms / 1000 / 4)
        await life.crash()
        life = await world.desk().up()
        await whole(world, life, seconds=15)
        nonces = [r.nonce for _, r in durable_records(world.path) if isinstance(r, EpochOpened)]
        assert len(set(nonces)) == 2

    live(main)


def test_what_a_crash_leaves_is_what_the_next_life_folds(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3)
        life = await world.desk().up()
        await asyncio.sleep(15)
        await life.crash()
        records = durable_records(world.path)
        again = await world.desk().up()
        durable = durable_records(world.path)
        assert durable[: len(records)] == records
        ours = fold(durable[: len(records)], Wall(world.clock.wall()))
        assert again.state.epoch == ours.epoch + 1
        assert {k: p.qty for k, p in without_views(again.state).positions.items()} == {
            k: p.qty for k, p in without_views(ours).positions.items()
        }
        await again.stop()

    live(main)


def test_two_runs_of_one_seed_are_the_same_to_the_byte(tmp_path: Path) -> None:
    def once(folder: Path) -> bytes:
        folder.mkdir()

        async def main() -> bytes:
            world = SimWorld(folder, seed=11)
            life = await world.desk().up()
            await asyncio.sleep(5)
            world.fault(FaultKind.LOST_RESPONSE, probability=0.3)
            await asyncio.sleep(5)
            await life.crash()
            life = await world.desk().up()
            await asyncio.sleep(5)
            await life.stop()
            return msgspec.json.encode(durable_records(world.path))

        return live(main)

    assert once(tmp_path / "a") == once(tmp_path / "b")


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


def test_a_second_node_deposes_the_first_which_ends_at_once_and_sends_nothing_more(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=7)
        first = await world.desk().up()
        await asyncio.sleep(8)
        second = await world.desk().up()  # this simulation's processes are all "gone"
        error = await first.ended(5)
        assert any(isinstance(e, Fenced) for e in leaves(error))
        count = len(first.http.requests)
        first.journal.dead = first.http.dead = True
        await asyncio.sleep(10)
        assert len(first.http.requests) == count
        await whole(world, second, seconds=10)

    live(main)


def test_an_orderly_stop_cancels_everything_and_gives_the_lease_back(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=8)
        life = await world.desk().up()
        await asyncio.sleep(10)
        assert life.state.orders.live
        await life.stop()
        assert world.rest("GET", "/lab/account", query="name=practice")["open_orders"] == 0
        file = world.desk().file
        assert file.lease().holder is None
        file.close()

    live(main)


@pytest.mark.parametrize("moment_s", [0.0005, 0.002, 0.01, 0.1, 1.0, 4.0])
def test_cancelled_at_any_moment_a_node_leaves_no_task_behind(
    moment_s: float, tmp_path: Path
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        world = SimWorld(tmp_path, seed=1)
        life = world.desk()
        life.task = loop.create_task(life.node.run())
        await asyncio.sleep(moment_s)
        life.task.cancel()
        await asyncio.wait((life.task,))
        assert life.task.cancelled()
        left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        assert left == []
        life.http.dead = life.journal.dead = True
        await asyncio.sleep(10)
        assert world.escaped == []
        life.file.close()

    live(main)


@pytest.mark.parametrize("error", [AppendRefused("full"), AppendUnknown("EIO"), Fenced("newer")])
def test_an_append_that_fails_ends_the_incarnation_and_nothing_of_it_leaves(
    error: Exception, tmp_path: Path
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(6)
        before = len([r for r in life.http.requests if r.method == "POST"])
        in_flight = life.state.counts["intended"] - life.state.counts.get("open", 0)
        life.journal.refuse = lambda: error
        ended = await life.ended(10)
        assert any(e is error for e in leaves(ended))
        after = len([r for r in life.http.requests if r.method == "POST"])
        assert after - before <= max(in_flight, 0)
        intended = {
            r.intent.client_id for _, r in durable_records(world.path) if isinstance(r, Intended)
        }
        assert {e.client_order_id for e in world.arrivals()} <= intended
        life.journal.dead = life.http.dead = True
        life = await world.desk().up()
        await whole(world, life, seconds=15)

    live(main)


def test_a_journal_that_was_moved_away_ends_the_desk(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(3)
        world.path.rename(tmp_path / "moved")
        ended = await life.ended(5)
        assert any("moved or deleted" in str(e) for e in leaves(ended))

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
        assert life.state.ladder.mode(DESK) is Mode.REDUCE_ONLY, "latched in this node at once"
        await life.crash()

    live(main)


def test_a_clock_step_voids_the_lease_until_a_later_renewal(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(6)
        world.clock._start = Wall(world.clock._start + 2 * 10**9)
        await asyncio.sleep(0.06)
        assert "clock.stepped" in world.log.events()
        world.clock._start = Wall(world.clock._start - 2 * 10**9)
        await whole(world, life, seconds=20)

    live(main)


# --- defects -------------------------------------------------------------------------------------------------


def test_a_desk_lives_through_its_snapshots_and_opens_from_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "SNAPSHOT_EVERY", 200)

    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(30)
        assert life.task is not None
        assert not life.task.done()
        await life.crash()
        life = await world.desk().up()
        recovered = [f for _, e, f in world.log.lines if e == "journal.recovered"][-1]
        assert recovered["from_snapshot"] != "0"
        await whole(world, life, seconds=10)

    live(main)


def test_the_next_incarnation_of_the_same_process_takes_its_own_lease_back(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk(processes=SystemProcesses()).up()
        await asyncio.sleep(3)
        life.journal.refuse = lambda: AppendRefused("the disk is full")
        await life.ended(10)
        life.journal.dead = life.http.dead = True
        life.file.close()
        life = await world.desk(processes=SystemProcesses()).up()
        await life.stop()

    live(main)


class Bug(BinanceSpot):
    """A codec with a bug of ours in it."""

    armed = False

    def placed(self, *args: Any) -> Any:
        assert not self.armed, "a broken invariant"
        return super().placed(*args)


def test_a_broken_invariant_in_a_callback_is_fatal(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        codec = Bug("binance", HmacSigner("simulated-key", "simulated-secret"), world.symbols)  # type: ignore[arg-type]
        life = await world.desk(codec=codec).up()
        await asyncio.sleep(3)
        codec.armed = True
        assert any(isinstance(e, AssertionError) for e in leaves(await life.ended(20)))

    live(main)


def test_a_desk_that_waits_for_its_venue_can_be_stopped(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        world.fault(FaultKind.ERROR_503, text="unavailable")
        life = world.desk()
        life.task = asyncio.get_running_loop().create_task(life.node.run())
        await asyncio.sleep(5)
        try:
            await life.stop(within_s=15)
        finally:
            life.task.cancel()
            await asyncio.wait((life.task,))

    live(main)


def test_a_fill_after_the_cancels_ack_that_fell_into_a_crash_is_learnt(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=101, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(5)
        world.fault(FaultKind.FILL_AFTER_CANCEL_ACK, ms=800)
        while not world.fired():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)  # the ack is known; the fill's report is on its way
        await life.crash()
        world.heal()
        await asyncio.sleep(1)
        life = await world.desk().up()
        await whole(world, life, seconds=30)

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
        host = life.node.shell._hosts["mine"]  # type: ignore[index]
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


def test_a_stopping_desk_sends_no_new_order(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(8)
        world.fault(FaultKind.DELAY, match={"method": "DELETE"}, ms=3_000)
        life.node.stop()
        await asyncio.sleep(0.1)
        since = world.clock.wall()
        wish = Target(instrument=InstrumentId("binance:BTCUSDT"), qty=D("0.07"))
        life.node.shell.handle(
            Proposed(strategy=StrategyId("trend"), proposal=Proposal(actions=(wish,)))
        )
        assert life.task is not None
        await asyncio.wait((life.task,), timeout=30)
        assert world.arrivals(since + 10_000_000) == []

    live(main)
