"""A node that stands by: its state held against each snapshot, its config against the desk's, its turn."""

import asyncio

import msgspec
import pytest

from nightdesk.model import records
from nightdesk.model.ids import Seq, StrategyId
from nightdesk.node import node, standby
from nightdesk.node.recovery import Fold
from nightdesk.node.standby import Standby
from simulation.crews import Crewed


def snapshots(made: Crewed) -> None:
    """Several within this short world."""
    crew = made.world.crew
    crew.plan = msgspec.structs.replace(crew.plan, snapshot_every=60)


def test_it_holds_its_state_against_each_snapshot() -> None:
    async def script(made: Crewed) -> None:
        snapshots(made)
        await made.ready()
        await asyncio.sleep(25)

    lived = Crewed(script, seconds=30, seed=4)
    assert lived.said("standby.agrees")
    assert not lived.said("standby.differs")


def test_a_state_that_differs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a bug in the fold of one of them would be: a record that one did not hear of."""
    verify, spoilt = Standby._verify, []

    async def spoiling(self: Standby, newest: Seq) -> None:
        if not spoilt and self._fold is not None:
            spoilt.append(True)
            self._fold.state.kept[StrategyId("nobody")] = b"a bug's"
        await verify(self, newest)

    monkeypatch.setattr(Standby, "_verify", spoiling)

    async def script(made: Crewed) -> None:
        snapshots(made)
        await made.ready()
        await asyncio.sleep(25)

    lived = Crewed(script, seconds=30, seed=4, finds="what we folded is not what")
    assert len(lived.said("standby.differs")) == 1


def test_with_another_config_it_never_leads() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        crew = made.world.crew
        plan = crew.plan
        crew.plan = msgspec.structs.replace(plan, order_ttl_ns=plan.order_ttl_ns + 1)
        made.world.crew.die(made.standbys[0], "kill")
        await asyncio.sleep(6)  # it was started again, with the other config
        first = made.leader
        crew.stopping = True  # nobody is started again
        crew.die(first, "kill")
        await asyncio.sleep(8)
        assert made.leader.epoch == 0, "the other one stands by still"

    lived = Crewed(script, seconds=25, flat=False)
    assert any("its config is not the one" in line for line in lived.said("standby.held_back"))


def test_only_releases_next_to_each_other_make_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        monkeypatch.setattr(standby, "GENERATION", records.GENERATION + 1)
        made.world.crew.die(made.leader, "kill")
        await made.led(2)
        await made.ready()
        monkeypatch.setattr(standby, "GENERATION", records.GENERATION + 2)
        made.world.crew.stopping = True
        made.world.crew.die(made.leader, "kill")
        await asyncio.sleep(8)
        assert made.leader.epoch == 0

    monkeypatch.setattr(node, "GENERATION", records.GENERATION)
    lived = Crewed(script, seconds=30, flat=False)
    assert any("only neighbours make a pair" in line for line in lived.said("standby.held_back"))


def test_a_fold_that_goes_on_is_the_fold_from_the_beginning() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        await asyncio.sleep(10)
        engine = made.world.machine.engine(made.leader.incarnation)
        whole = await node.recover(engine, made.world.machine.clock.wall(), use_snapshots=False)
        stepped = standby.fold_of(await engine.stored(), made.world.machine.clock.wall())
        assert isinstance(stepped, Fold)
        while stepped.head.seq < whole.head.seq:
            await stepped.follow(engine, upto=Seq(stepped.head.seq + 7))
        await stepped.follow(engine, upto=whole.head.seq)
        again = await node.recover(engine, made.world.machine.clock.wall(), use_snapshots=False)
        await stepped.follow(engine, upto=again.head.seq)
        assert standby.state_hash(stepped.state) == standby.state_hash(again.state)

    Crewed(script, seconds=20)
