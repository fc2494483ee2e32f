"""The venues of a node that stands by: met, their clocks measured, their connections open, so that leading does
not begin with a question that could have been asked before."""

import asyncio
from collections.abc import Callable, Mapping

from nightdesk.desk.settings import DeskSettings
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.node.meeting import Meeting
from nightdesk.node.plan import Plan, World
from nightdesk.node.venue import Venue

SETTLE_EVERY_NS = 600 * SECOND_NS  # rules change, and keys
UNSETTLED_AGAIN_NS = 5 * SECOND_NS  # where a venue was away
HOLD_EVERY_S = 1.0


class Warm:
    """`known` are the rules of the journal, as far as it was read; `settled` hears once by what rules venues
    are to be listened to."""

    def __init__(
        self,
        plan: Plan,
        world: World,
        venues: Mapping[VenueId, Venue],
        known: Callable[[], Mapping[InstrumentId, Instrument]],
        settled: Callable[[DeskSettings], None],
    ) -> None:
        self.meeting = Meeting(plan, world, venues)
        self.settings: DeskSettings | None = (
            None  # once every venue was met, or can be done without
        )
        self._plan = plan
        self._world = world
        self._venues = venues
        self._known = known
        self._settled = settled

    def cold(self) -> str:
        """What leading would begin with, or nothing where every venue was met."""
        if not self._plan.hot:
            return "it holds no connections, as its config asks for"
        if self.settings is None:
            return "its venues have not told it their rules yet"
        away = ", ".join(sorted(self.meeting.away))
        return f"it has not met {away}" if away else ""

    async def keep(self) -> None:
        """Until cancelled. Raises what a start would: `BadInput`, `Untold`. Nothing where the config wants no
        more than the journal folded: leading begins with all the questions of a start then."""
        if not self._plan.hot:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_settled(), name="settled")
            for venue in self._venues.values():
                group.create_task(self._keep_open(venue), name="open")

    async def _keep_settled(self) -> None:
        while True:
            meeting = Meeting(self._plan, self._world, self._venues)
            try:
                settings = await meeting.settle(self._known)
            except BadInput as error:
                if self.settings is None:
                    raise
                # By what it knew it can lead, as the one that leads goes on by that.
                self._world.log.log("warning", "standby.unsettled", {"why": str(error)})
                await asyncio.sleep(SETTLE_EVERY_NS / SECOND_NS)
                continue
            if self.settings is None:
                self._settled(settings)
            self.meeting, self.settings = meeting, settings
            again_ns = UNSETTLED_AGAIN_NS if meeting.away else SETTLE_EVERY_NS
            await asyncio.sleep(again_ns / SECOND_NS)

    async def _keep_open(self, venue: Venue) -> None:
        """A connection that is held, and a clock that is measured as often as a leader measures it."""
        measured = self._world.clock.mono()  # by the meeting, about now
        while True:
            await venue.requester.hold()
            now = self._world.clock.mono()
            if now - measured >= self._plan.pace.clock_every_s * SECOND_NS:
                measured = Mono(now)
                if await venue.link.measure_clock():
                    venue.requester.clock.correct()
            await asyncio.sleep(HOLD_EVERY_S)
