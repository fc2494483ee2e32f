"""A latch that was left: in force before anything else, in the journal before it is gone."""

import asyncio
from pathlib import Path

from benches import causes
from nightdesk.control.latch import Latch
from nightdesk.desk.emergency import CAUSE
from nightdesk.model.mode import Mode
from nightdesk.model.records import Intended, ModeSet
from nightdesk.modes.ladder import DESK
from worlds import SimWorld, durable_records, live

PAUSED = Latch(by="the emergency tool", why="news", at=1)
HALTED = Latch(by="the emergency tool", why="out", at=2, halted=True)


class Place:
    """A place in memory."""

    def __init__(self, latch: Latch | None = None) -> None:
        self.latch = latch
        self.durable: list[str] = []
        self.path: Path | None = None

    def found(self) -> Latch | None:
        return self.latch

    def take_away(self, latch: Latch) -> None:
        assert self.path is not None
        records = [record for _, record in durable_records(self.path)]
        self.durable += [record.mode for record in records if isinstance(record, ModeSet)]
        if self.latch == latch:
            self.latch = None


def test_a_start_finds_it_and_orders_nothing_new_until_somebody_resumes(tmp_path: Path) -> None:
    async def main() -> None:
        for latch, cause, mode in ((PAUSED, "operator", "REDUCE_ONLY"), (HALTED, CAUSE, "HALTED")):
            place = Place(latch)
            (tmp_path / cause).mkdir()
            world = SimWorld(tmp_path / cause, seed=3)
            place.path = world.path
            life = await world.desk(latch=place).up()
            await asyncio.sleep(10)
            assert causes(life.state)[cause] == mode
            assert place.latch is None
            assert mode in place.durable, "it was taken away before it was in the journal"
            intents = [r for _, r in durable_records(world.path) if isinstance(r, Intended)]
            assert intents == []
            await life.crash()
            life = await world.desk().up()
            assert causes(life.state)[cause] == mode, "a crash does not lift it"
            assert (await life.command("resume", reason="looked at it")).ok
            assert cause not in causes(life.state)
            await life.crash()

    live(main)


def test_a_desk_that_runs_finds_it_within_seconds_and_heeds_it_once(tmp_path: Path) -> None:
    async def main() -> None:
        world, place = SimWorld(tmp_path, seed=3), Place()
        place.path = world.path
        life = await world.desk(latch=place).up()
        await asyncio.sleep(5)
        assert life.state.ladder.mode(DESK) is Mode.NORMAL
        place.latch = HALTED
        await asyncio.sleep(3)
        assert life.state.ladder.mode(DESK) is Mode.HALTED
        assert place.latch is None
        place.latch = HALTED  # nobody could remove it
        assert (await life.command("resume", reason="looked at it")).ok
        await asyncio.sleep(5)
        assert CAUSE not in causes(life.state)
        assert world.log.events().count("latch.found") == 1
        await life.crash()

    live(main)
