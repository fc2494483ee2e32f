"""One desk node. Start is recovery: take the lease, load, replay, resolve, reconcile, trade.

The node runs until it is told to stop, is fenced, or its journal can no longer be believed. There is no second
way up: a refused append ends this incarnation, and the caller starts the next one by the same path.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from nightdesk.desk.desk import Desk
from nightdesk.desk.events import QuoteSeen, Tick
from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.state import DeskState
from nightdesk.model.errors import (
    AppendRefused,
    AppendUnknown,
    BadInput,
    OperatingError,
    TaskEnded,
)
from nightdesk.model.ids import NONCES, VenueId
from nightdesk.model.records import GENERATION
from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.node.commands import Commands
from nightdesk.node.cover import Cover
from nightdesk.node.ears import Overhears
from nightdesk.node.journal_watch import JournalWatch
from nightdesk.node.latch_watch import LatchWatch
from nightdesk.node.meeting import Meeting
from nightdesk.node.opening import opening
from nightdesk.node.plan import ALONE, TICK_NS, Plan, Role, World
from nightdesk.node.recovery import Recovered, left_behind, recover
from nightdesk.node.resting import busy, cancel_all, entries, let_go
from nightdesk.node.sample import Sampler
from nightdesk.node.shadow import Shadow, hosts_of
from nightdesk.node.spool_watch import SpoolWatch
from nightdesk.node.standby import Standby
from nightdesk.node.venue import Venue, by_venue
from nightdesk.node.venue_streams import listening
from nightdesk.node.warm import Warm
from nightdesk.ports.journal import Holder
from nightdesk.runtime.calls import Calls
from nightdesk.runtime.challenge import take
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.runtime.lease import Lease
from nightdesk.runtime.route import in_flight
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.telemetry import Telemetry

STOP_WITHIN_S = 10.0
DRAIN_WITHIN_S = 2.0  # of a switchover: what is on its way then is resolved by who leads next


class Stopped(OperatingError):
    """The node was told to stop, and did."""


class HandedOver(OperatingError):
    """The lease was given to a node that stands by; this one may stand by in turn."""


class Node:
    """One incarnation, from lease to release, and before it from standing by to the lease."""

    def __init__(self, plan: Plan, world: World, role: Role = ALONE) -> None:
        self.telemetry = Telemetry()
        self.ready = asyncio.Event()
        self.shell: Shell
        self.commands: Commands
        self.sampler: Sampler
        self._plan = plan
        self._world = world
        self._stop = asyncio.Event()
        self._hands_over = asyncio.Event()
        self.handed_over = False
        self._ears = Overhears(self.telemetry, world.log)
        self._group: asyncio.TaskGroup
        self._lease: Lease
        self._venues = self._made()
        self._role = role
        self._meeting = Meeting(plan, world, self._venues)
        self._cover: Cover
        self._journal: JournalWatch
        self._latch: LatchWatch
        self._spool: SpoolWatch
        self._broken: asyncio.Future[None]

    def stop(self) -> None:
        """Cancel what is open at the venue, then end."""
        self._stop.set()

    async def run(self) -> None:
        """Start and run; returns after an orderly stop, or when the lease was handed over.

        Raises `LeaseHeld`, and, in a group, `Fenced`, `AppendRefused`, `AppendUnknown`, `CorruptionError`,
        `TaskEnded`, `RulesChanged`, `Untold`, `BadInput`.
        """
        world = self._world
        loop = asyncio.get_running_loop()
        self._broken = loop.create_future()
        loop.set_exception_handler(self._callback_failed)
        holder = world.processes.me(self._plan.name)
        term = self._plan.pace.lease
        if not self._role.stands_by:
            self._lease = await take(world.journal, world.clock, world.processes, holder, term)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._keep(self._until_stopped(), "stop")
                warmed: tuple[Recovered, DeskSettings | None] | None = None
                if self._role.stands_by:
                    warmed = await self._stand_by(holder)
                self._keep(self._lease.keep(), "lease")
                await self._start(holder, warmed)
                self._keep(self._until_handed_over(), "switchover")
                every_s = self._plan.pace.journal_every_s
                self._keep(self._journal.keep(self._broken, every_s), "journal")
                self._keep(self._cover.keep(every_s), "cover")
                if self._world.spool is not None:
                    self._keep(self._spool.keep(every_s), "spool")
                for venue in self._venues.values():
                    for work, name in venue.tasks():
                        self._keep(work, name)
                self._keep(self._tick(), "tick")
        except* Stopped:
            if hasattr(self, "_lease"):
                await self._lease.release()
        except* HandedOver:
            self.handed_over = True
        finally:
            loop.set_exception_handler(None)
            self._broken.cancel()
            if hasattr(self, "shell"):
                self.shell.writer.close()

    async def _stand_by(self, holder: Holder) -> tuple[Recovered, DeskSettings | None]:
        """Until this node leads; what it has by then."""
        standby = Standby(self._plan, self._world, holder, self._role, lambda: warm.cold())
        warm = Warm(self._plan, self._world, self._venues, lambda: standby.known, self._overhear)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(w, name="warm") for w in (warm.keep(), self._ears.keep())]
            self._lease, recovered = await standby.lead()
            for task in tasks:
                task.cancel()
        self._meeting = warm.meeting
        return recovered, warm.settings

    def _overhear(self, settings: DeskSettings) -> None:
        """Hear the venues as a leader would, and act on nothing of it; strategies see it."""
        world, ears = self._world, self._ears
        hosts = hosts_of(self._plan, world.entropy, DeskState(), settings)
        calls = Calls(world.clock.mono, self.telemetry, ears.say)
        ears.shadow = Shadow(hosts, asks=self._venues, spawn=self._spawn, calls=calls)
        heard = listening(settings.instruments.values(), hosts.values(), leads=False)
        for venue in self._venues.values():
            for work, name in venue.streams.overheard(heard, self._ears):
                self._keep(work, name)

    async def _start(
        self, holder: Holder, warmed: tuple[Recovered, DeskSettings | None] | None
    ) -> None:
        world = self._world
        recovered, settled = warmed or (await recover(world.journal, world.clock.wall()), None)
        if recovered.state.generation > GENERATION + 1:
            raise BadInput(
                f"the journal was last led by a release of generation {recovered.state.generation}, this one "
                f"is of {GENERATION} and may not read what that writes: start the later one"
            )
        if recovered.torn is not None:
            await world.journal.cut(self._lease.epoch, recovered.torn.first)
        room = await world.journal.restore_ballast()
        settings = settled or await self._meeting.settle(lambda: recovered.state.instruments)
        for venue in self._venues.values():
            venue.succeed(self._lease.before, holder)
        self._compose(recovered, settings, holder)
        shadow = self._ears.shadow
        self.shell.follow_bars(self._spawn, None if shadow is None else shadow.bars)
        self._say_recovered(recovered)
        records = opening(self._plan, settings, self._lease, self._new_nonce(), holder.name)
        self.shell.execute_opening(self.shell.desk.open(records, self.shell.moment()))
        await self._spool.look()
        self._latch.look(world.clock.mono())
        self._meeting.tell(self.shell)
        for name in self._meeting.away:
            self._spawn(self._meeting.follow(name, self.shell), "meeting")
        for venue in self._venues.values():
            venue.unheard()
        for quote in self._ears.quotes.values():
            if quote.instrument not in self.shell.desk.views.quotes:
                self.shell.handle(QuoteSeen(quote=quote))  # as old as it is; strategies saw it
        self._journal.told(room=room)
        await self.shell.writer.drained()
        self.ready.set()

    def _made(self) -> dict[VenueId, Venue]:
        world, first, made = self._world, None, dict[VenueId, Venue]()
        for name, outside in world.venues.items():
            made[name] = Venue(
                name,
                outside,
                clock=world.clock,
                entropy=world.entropy,
                telemetry=self.telemetry,
                spawn=self._spawn,
                first=first,
                pace=self._plan.pace,
            )
            first = first or made[name].requester
        return made

    def _compose(self, recovered: Recovered, settings: DeskSettings, holder: Holder) -> None:
        world = self._world
        left = left_behind(recovered.state, settings.instruments)
        if left:
            raise BadInput(left)
        desk = Desk(recovered.state, settings)
        desk.views.last_known = recovered.last_at
        writer = JournalWriter(
            world.journal, self._lease.epoch, recovered.head, world.clock, self.telemetry
        )
        self.shell = Shell(
            desk=desk,
            writer=writer,
            routes={n: venue.route(desk, self._lease) for n, venue in self._venues.items()},
            lease=self._lease,
            hosts=hosts_of(self._plan, world.entropy, desk.state, settings, self._ears.shadow),
            telemetry=self.telemetry,
            log=world.log,
        )
        for venue in self._venues.values():
            venue.attach(self.shell, self._lease)
        by_venue(self._venues, self.shell, self._spawn)
        self._spool = SpoolWatch(world.spool, world.journal, self.shell)
        self._cover = Cover(
            world.journal,
            holder,
            self.shell,
            self._plan.uncovered,
            missed=self._role.stands_by,
        )
        self._latch = LatchWatch(world.latch, self.shell)
        self._journal = JournalWatch(
            world.journal,
            self.shell,
            self._lease.epoch,
            recovered.snapshot_seq,
            self._plan.snapshot_every,
        )
        self.sampler = Sampler(
            self.shell, world.clock.mono(), world.log_dropped, self._cover, self._lease.why
        )
        self.commands = Commands(self.shell, self.sampler, self._cover, self.stop, self.hand_over)

    def _new_nonce(self) -> int:
        """One this journal never drew: an old id of ours must not read as another life's."""
        while True:
            nonce = self._world.entropy.nonce(NONCES)
            if nonce not in self.shell.desk.state.nonces:
                return nonce

    def _say_recovered(self, recovered: Recovered) -> None:
        self.shell.say(
            "info",
            "journal.recovered",
            slot=str(recovered.head.seq),
            from_snapshot=str(recovered.snapshot_seq),
            replayed=str(recovered.replayed),
            torn="" if recovered.torn is None else recovered.torn.why,
        )
        for passed in recovered.unusable:
            self.shell.say("warning", "snapshot.unusable", why=passed)

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        async def run() -> None:
            await work

        self._group.create_task(run(), name=name)

    def _keep(self, work: Awaitable[None], name: str) -> None:
        """Start what must run as long as the node does. A task group does not mind one that ends, nor one in
        which a library's `CancelledError` surfaces: without it the desk would go on deaf, or without its lease.
        """

        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise  # the node ends
            except (AppendRefused, AppendUnknown):
                if self.ready.is_set():
                    with suppress(asyncio.CancelledError):  # another reason to end: this one stands
                        await let_go(self.shell, self._world.clock)
                raise
            raise TaskEnded(f"the node's task {name!r} ended by itself")

        self._group.create_task(run(), name=name)

    def _callback_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception in a callback has no task to end: it ends the node, whose invariants it broke. One that
        nobody asked a future for is told whenever that is collected, and may be of an earlier life."""
        error = context.get("exception")
        unasked = "future" in context
        if isinstance(error, Exception) and not unasked and not self._broken.done():
            self._broken.set_exception(error)
        loop.default_exception_handler(context)

    async def _tick(self) -> None:
        """Time passing, as an event; late ticks are the loop's lag. Where the pace lets it, the tick sleeps
        until something is due, or happens."""
        clock, look_every_ns = self._world.clock, self._plan.pace.look_every_ns
        lag = self.telemetry.stages["loop_lag"]
        while True:
            due = clock.mono() + TICK_NS
            await asyncio.sleep(TICK_NS / SECOND_NS)
            late = clock.mono() - due
            lag.record(late)
            for venue in self._venues.values():
                venue.look()
            self._latch.look(clock.mono())
            waits = max(self.shell.writer.waits_ns(), self._lease.waits_ns())
            self.shell.handle(Tick(late_ns=late, journal_ns=waits))
            self.shell.timers()
            if not self.shell.trading and self._may_begin():
                self.shell.start_strategies()
                self.shell.say("info", "desk.trading", epoch=str(self._lease.epoch))
            if look_every_ns > TICK_NS:
                now = clock.mono()
                wakes = min(self.shell.due(), now + look_every_ns) - TICK_NS
                if wakes > now:
                    await self.shell.sleeper.until(Mono(wakes), (wakes - now) / SECOND_NS)

    def _may_begin(self) -> bool:
        """Whether recovery is over: books compared, the private stream heard, nobody asked to stop, and the
        history of declared bars told, unless the venue takes too long over it."""
        ready = all(venue.recovered for venue in self._venues.values())
        leaves = self._stop.is_set() or self._hands_over.is_set()
        return ready and not leaves and not self.shell.history_awaited

    def hand_over(self) -> None:
        """Let a node that stands by lead: nothing new, what is under way drained, nothing cancelled."""
        self._hands_over.set()

    async def _until_handed_over(self) -> None:
        await self._hands_over.wait()
        self.shell.stop_strategies()
        self.shell.say(
            "info", "desk.handing_over", orders=str(len(self.shell.desk.state.orders.live))
        )
        deadline = self._world.clock.mono() + int(DRAIN_WITHIN_S * SECOND_NS)
        while in_flight(self.shell.routes.values()) and self._world.clock.mono() < deadline:  # noqa: ASYNC110 a poll with a deadline
            await asyncio.sleep(MS_NS / SECOND_NS)
        await self.shell.writer.finish()
        await self._lease.release()  # the next one leads while this one hangs up
        raise HandedOver

    async def _until_stopped(self) -> None:
        """An orderly end: nothing new, everything open cancelled at the venue but what protects positions, then
        the books compared."""
        await self._stop.wait()
        if self._role.stands_by and hasattr(self, "_lease"):
            with suppress(TimeoutError):  # what the one before left open is cancelled too
                async with asyncio.timeout(STOP_WITHIN_S):
                    await self.ready.wait()
        if not self.ready.is_set():
            raise Stopped
        self.shell.stop_strategies()
        self.shell.say("info", "desk.stopping", orders=str(len(self.shell.desk.state.orders.live)))
        await cancel_all(
            self.shell, self._world.clock, by="stop", within_s=STOP_WITHIN_S, busy=busy
        )
        for venue in self._venues.values():
            await venue.leave()
            await venue.ask_account()
        await self.shell.writer.finish()
        left = len(entries(self.shell))
        protecting = len(self.shell.desk.state.orders.live) - left
        level = "warning" if left else "info"
        self.shell.say(level, "desk.stopped", still_open=str(left), protecting=str(protecting))
        raise Stopped
