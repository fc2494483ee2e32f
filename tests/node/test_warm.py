"""What a node that stands by asks the venues, and what a warm one leaves to whoever leads."""

import asyncio
from typing import Any

import msgspec
import pytest

from nightdesk.runtime.requester import Requester
from simulation.crews import Crewed


@pytest.mark.parametrize("hot", [True, False])
def test_a_hot_one_has_met_the_venues_and_a_warm_one_asks_nothing_and_both_lead(
    hot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, request = set[int](), Requester.request

    async def asking(self: Requester, *given: Any, **more: Any) -> Any:
        asked.add(id(self))
        return await request(self, *given, **more)

    monkeypatch.setattr(Requester, "request", asking)

    async def script(made: Crewed) -> None:
        await made.ready()
        crew = made.world.crew
        crew.plan = msgspec.structs.replace(crew.plan, hot=hot)
        crew.die(made.standbys[0], "kill")  # another is started in its place
        await asyncio.sleep(5)
        (standby,) = made.standbys
        here = {id(venue.requester) for venue in standby.node._venues.values()}
        assert here <= asked if hot else not here & asked
        (told,) = [n for n in made.leader.node._cover.standbys if not n.leads]
        assert bool(told.cold) is not hot
        assert not told.unfit
        crew.die(made.leader, "kill")
        await made.led(2)
        async with asyncio.timeout(5):
            while not made.leader.node.shell.trading:
                await asyncio.sleep(0.01)

    Crewed(script)
