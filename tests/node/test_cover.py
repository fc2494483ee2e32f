"""Who stands by a leader: told when found and lost, and a mode while nobody does, where that is wanted."""

import asyncio

import msgspec

from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import DESK
from simulation.crews import Crewed


def test_it_is_told_when_cover_is_found_and_lost() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        assert len(made.said("cover.found")) == 1
        made.world.crew.stopping = True
        made.world.crew.die(made.standbys[0], "kill")
        await asyncio.sleep(6)
        assert len(made.said("cover.lost")) == 1
        assert made.leader.node.shell.desk.state.ladder.mode(DESK) is Mode.NORMAL

    Crewed(script)


def test_a_desk_that_wants_cover_is_cautious_without() -> None:
    async def script(made: Crewed) -> None:
        crew = made.world.crew
        crew.plan = msgspec.structs.replace(crew.plan, uncovered=Mode.CAUTIOUS)
        await made.ready()
        ladder = made.leader.node.shell.desk.state.ladder
        assert not ladder.holds(DESK, "cover")
        crew.stopping = True
        crew.die(made.standbys[0], "kill")
        await asyncio.sleep(6)
        assert ladder.demands(DESK, "cover") is Mode.CAUTIOUS

    Crewed(script)


def test_one_that_was_never_covered_is_not_missed_unless_that_is_wanted() -> None:
    async def alone(made: Crewed) -> None:
        await made.led(1)
        await asyncio.sleep(15)
        assert not made.said("cover.lost")

    Crewed(alone, nodes=1)

    async def wanted(made: Crewed) -> None:
        crew = made.world.crew
        crew.plan = msgspec.structs.replace(crew.plan, uncovered=Mode.REDUCE_ONLY)
        await made.led(1)
        await asyncio.sleep(15)
        demanded = made.leader.node.shell.desk.state.ladder.demands(DESK, "cover")
        assert demanded is Mode.REDUCE_ONLY

    Crewed(wanted, nodes=1)
