"""How one incarnation of a desk ends and the next begins: stopped, deposed, cancelled, failed by its
disk or by a bug.
"""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from builders import D
from nightdesk.adapters.system import SystemProcesses
from nightdesk.desk.events import Proposed
from nightdesk.lab.faults import FaultKind
from nightdesk.model.errors import AppendRefused, AppendUnknown, Fenced
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.mode import Mode
from nightdesk.model.records import Intended
from nightdesk.modes.ladder import DESK
from nightdesk.strategy.messages import Proposal, Target
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from node.healing import QUICK, whole
from worlds import SimWorld, durable_records, leaves, live


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


def open_orders(world: SimWorld) -> int:
    return int(world.rest("GET", "/lab/account", query="name=practice")["open_orders"])


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
        if isinstance(error, Fenced):
            assert "desk.letting_go" not in world.log.events(), "what rests is the next leader's"
        else:
            assert open_orders(world) == 0, "nobody knows when another leads"
            assert "desk.letting_go" in world.log.events()
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
        assert open_orders(world) == 0

    live(main)


def test_a_clock_step_voids_the_lease_until_a_later_renewal(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(6)
        world.clock.step(2 * 10**9)
        await asyncio.sleep(0.06)
        assert "clock.stepped" in world.log.events()
        world.clock.step(-2 * 10**9)
        await whole(world, life, seconds=20)

    live(main)


def test_a_desk_lives_through_its_snapshots_and_opens_from_one(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk(snapshot_every=200).up()
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
        life = await world.desk(codecs={"binance": codec}).up()
        await asyncio.sleep(3)
        codec.armed = True
        assert any(isinstance(e, AssertionError) for e in leaves(await life.ended(20)))

    live(main)


def test_what_an_earlier_life_left_unasked_does_not_end_this_one(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        left.set_exception(Fenced("epoch 2 leads; epoch 1 stands down"))
        del left
        gc.collect()
        await asyncio.sleep(3)
        assert life.task is not None
        assert not life.task.done()
        await life.stop()

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


NAMES = ["lease", "stop", "journal", "cover", "market", "private", "clock", "tick"]


@pytest.mark.parametrize("name", NAMES)
def test_a_part_that_ends_by_itself_ends_the_node(name: str, tmp_path: Path) -> None:
    """As when a library lets a `CancelledError` of its own out: a task group would not mind."""

    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(1)
        (task,) = (t for t in asyncio.all_tasks() if t.get_name() == name)
        task.cancel()
        task.uncancel()  # nobody asked it to end
        ended = await life.ended(5)
        assert [str(e) for e in leaves(ended)] == [f"the node's task {name!r} ended by itself"]

    live(main)


def test_a_venue_that_does_not_tell_its_time_twice_is_not_stamped_for(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        world.fault("lost_request", match={"path": "/api/v3/time"})
        await asyncio.sleep(20)
        assert "the venue did not tell its time" in str(world.log.lines)
        assert life.state.ladder.demands(DESK, "clock") is Mode.REDUCE_ONLY
        world.heal()
        await asyncio.sleep(10)
        assert life.state.ladder.demands(DESK, "clock") is Mode.NORMAL
        await whole(world, life, seconds=10)

    live(main)
