"""A venue's lanes kept open and known: connections made again, those without traffic probed, changes told."""

import asyncio
from collections.abc import Callable

from nightdesk.model.time import SECOND_NS
from nightdesk.resilience.breaker import Change, State
from nightdesk.runtime.lanes import LanePool
from nightdesk.runtime.requester import Requester
from nightdesk.venues.protocol import TellsTime

EVERY_S = 1.0


class LaneWatch:
    """Looks after one pool; the venue's time is what is asked for: nothing weighs less."""

    def __init__(
        self, pool: LanePool, requester: Requester, asked: TellsTime, say: Callable[..., None]
    ) -> None:
        self._pool = pool
        self._requester = requester
        self._asked = asked
        self._say = say
        pool.lanes.changed = self._changed

    async def keep(self) -> None:
        """For ever."""
        while True:
            async with asyncio.TaskGroup() as group:
                for way in self._pool.ways:
                    if not way.http.ready():
                        group.create_task(way.hold(), name=f"lane {way.number}")
            for number in self._pool.lanes.due(self._requester.mono()):
                self._requester.probe(self._pool.ways[number], self._asked.time())
            await asyncio.sleep(EVERY_S)

    def _changed(self, lane: str, change: Change) -> None:
        if change.after is State.OPEN and change.before is State.CLOSED:
            wait_s = "" if change.until is None else f"{(change.until - change.at) / SECOND_NS:.3g}"
            cause = next(each.cause for each in self._pool.lanes.lanes if each.name == lane)
            why = f"{change.why}: {cause}" if cause else change.why
            self._say("warning", "lane.ejected", lane=lane, why=why, at_least_s=wait_s)
        elif change.after is State.CLOSED:
            self._say("info", "lane.back", lane=lane, why=change.why)
