"""How a node comes to lead: at once where nobody does, and beside one that does when that one has ended, gave
the lease back, or shows no life for a whole ttl.

Signs of life are changes of (epoch, renewals), timed on the challenger's own CLOCK_BOOTTIME, so that no clock
of another host, and none that steps, has a say. What was not read did not stay unchanged: a challenger that
cannot read, or that stood still itself, begins to count anew or counts no further. A holder is killed only
where it stands still inside the journal's lock, and nothing else could free that.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from nightdesk.model.errors import AppendRefused, AppendUnknown, Fenced, LeaseHeld, Locked
from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS, Mono
from nightdesk.ports.clock import Clock
from nightdesk.ports.journal import Holder, JournalEngine, LeaseView
from nightdesk.ports.process import Processes
from nightdesk.runtime.lease import Lease, Term

LOOK_EVERY_NS = 50 * MS_NS
READS_MIN = 3
STEP_MAX_NS = (
    250 * MS_NS
)  # of the time between two reads counts no more: who looks away sees nothing

Say = Callable[[str, str, str], None]  # level, event, why


class Stillness:
    """For how long nobody renewed a lease, as far as successful reads of it tell."""

    def __init__(self) -> None:
        self.seen: LeaseView | None = None
        self._reads = 0
        self._still_ns = 0
        self._read_at = Mono(0)

    def read(self, view: LeaseView, now: Mono) -> bool:
        """One successful read; whether it shows that somebody lives who was read of before."""
        before = self.seen
        if before is not None and (before.epoch, before.renewals) == (view.epoch, view.renewals):
            self._still_ns += min(now - self._read_at, STEP_MAX_NS)
            self._reads += 1
            self._read_at = now
            return False
        self.seen, self._read_at = view, now
        self._still_ns, self._reads = 0, 1
        return before is not None

    def unread(self) -> None:
        """It could not be read: what it did meanwhile is not known."""
        self.seen = None

    @property
    def expired(self) -> bool:
        """Whether its holder has shown no life for a whole ttl."""
        seen = self.seen
        return seen is not None and self._reads >= READS_MIN and self._still_ns >= seen.ttl_ns


class Challenger:
    """One node's way to the lease.

    `may` says why this node must not lead now, or nothing: it is asked again before every try. `rest` keeps it
    from taking a lease that it has just handed over, until somebody else did or that much time has passed.
    """

    def __init__(
        self,
        engine: JournalEngine,
        clock: Clock,
        processes: Processes,
        holder: Holder,
        term: Term,
        *,
        say: Say = lambda _level, _event, _why: None,
        may: Callable[[], str] = lambda: "",
        rest_ns: int = 0,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._processes = processes
        self._holder = holder
        self._term = term
        self._say = say
        self._may = may
        self._stillness = Stillness()
        self.rests_until = Mono(clock.mono() + rest_ns)
        self.led: Holder | None = None  # who held it last, as far as it was seen
        self._held_back = ""

    @property
    def seen(self) -> LeaseView | None:
        """The lease as it was read last; None while it cannot be read."""
        return self._stillness.seen

    async def take(self) -> Lease:
        """Lead, or raise `LeaseHeld` naming who does: a holder on this machine that lives, or one that cannot
        be seen and renews."""
        while True:
            view = await self._engine.lease()
            lives = self._stillness.read(view, self._clock.mono())
            why = self._may_be_taken(view)
            if not why and (lives or self._beside(view)):
                raise LeaseHeld(_held(view))
            if why:
                return await self._acquire(view, why)
            await asyncio.sleep(LOOK_EVERY_NS / SECOND_NS)

    async def wait(self) -> Lease:
        """Lead once nobody else does, however long that takes."""
        ended, watched, watch = asyncio.Event(), None, None
        async with asyncio.TaskGroup() as group:
            while True:
                view = await self._look()
                lease = None if view is None else await self._try(view)
                if lease is not None:
                    break
                holder = None if view is None else view.holder
                if holder != watched and holder != self._holder:
                    if watch is not None:
                        watch.cancel()
                    watched, watch = holder, None
                    if holder is not None:
                        watch = group.create_task(self._tell_end(holder, ended), name="watch")
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_NS / SECOND_NS):
                        await ended.wait()
                ended.clear()  # it is heard of once, and from then on seen
            if watch is not None:
                watch.cancel()
        return lease

    async def _tell_end(self, holder: Holder, ended: asyncio.Event) -> None:
        await self._processes.ended(holder)
        ended.set()

    async def _look(self) -> LeaseView | None:
        try:
            view = await self._engine.lease()
        except (AppendRefused, AppendUnknown) as error:
            self._stillness.unread()
            self._tell("standby.blind", str(error))
            return None
        self._stillness.read(view, self._clock.mono())
        if view.holder is not None:
            self.led = view.holder
            if view.holder != self._holder:
                self.rests_until = LONG_AGO  # somebody else leads: what it handed over was taken
        return view

    async def _try(self, view: LeaseView) -> Lease | None:
        why = self._may_be_taken(view)
        if not why:
            self._held_back = ""
            return None
        not_now = self._may()
        if not_now:
            self._tell("standby.held_back", f"{why}, but {not_now}")
            return None
        try:
            return await self._acquire(view, why)
        except Fenced:
            self._stillness.unread()  # somebody was quicker, and lives
        except AppendRefused as error:
            self._tell("standby.refused", str(error))
            if isinstance(error, Locked):
                await self._free_lock(view)
        return None

    async def _acquire(self, view: LeaseView, why: str) -> Lease:
        started = self._clock.mono()
        granted = await self._engine.acquire(view, self._holder, self._term.ttl_ns)
        lease = Lease(self._engine, self._clock, granted.epoch, started, self._term)
        lease.before, lease.why = view.holder, why
        return lease

    async def _free_lock(self, view: LeaseView) -> None:
        """The lease may be taken and the journal's lock is held: end its holder, if that is who holds it."""
        holder = view.holder
        if holder is None or holder.machine != self._holder.machine or not self._stillness.expired:
            return
        again = await self._look()
        if again != view or not await self._engine.blocked_by(holder):
            return
        if await self._processes.end(holder):
            why = f"{_named(holder)} stood still inside the journal's lock"
            self._say("warning", "standby.killed", why)

    def _may_be_taken(self, view: LeaseView) -> str:
        """Why, as far as the lease and its holder tell; nothing where it may not."""
        holder = view.holder
        if holder is None:
            resting = self._clock.mono() < self.rests_until
            return "" if resting else "nobody led" if not view.epoch else "it was handed over"
        if holder == self._holder:
            return "an earlier life of this process led"
        if self._processes.gone(holder):
            return f"{_named(holder)} has ended"
        if self._stillness.expired:
            return f"{_named(holder)} has not renewed for {view.ttl_ns / SECOND_NS:.1f} s"
        return ""

    def _beside(self, view: LeaseView) -> bool:
        return view.holder is not None and view.holder.machine == self._holder.machine

    def _tell(self, event: str, why: str) -> None:
        """Once, as long as it stays the same."""
        if why != self._held_back:
            self._held_back = why
            self._say("warning", event, why)


async def take(
    engine: JournalEngine,
    clock: Clock,
    processes: Processes,
    holder: Holder,
    term: Term = Term(),  # noqa: B008 it is frozen
) -> Lease:
    """Lead at once or raise `LeaseHeld`; see `Challenger.take`."""
    return await Challenger(engine, clock, processes, holder, term).take()


def _named(holder: Holder) -> str:
    return f"{holder.name} (pid {holder.pid})"


def _held(view: LeaseView) -> str:
    who = "another node" if view.holder is None else _named(view.holder)
    return (
        f"the journal is led by {who}, epoch {view.epoch}; "
        "stop it first, use another journal path, or stand by: nightdesk up --role standby"
    )
