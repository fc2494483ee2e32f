"""A node beside the one that leads: it folds what that journals, keeps the ways to the venues open, journals
nothing, sends no order, and leads when it may.

What it has folded is the journal's and nothing of its own: at every snapshot both states are compared, and
where they differ it begins again, as a start would. Of several that stand by, those of a lesser rank go first.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from nightdesk.desk.image import state_hash
from nightdesk.model.errors import AppendRefused, AppendUnknown, BadInput
from nightdesk.model.ids import Epoch, InstrumentId, Seq
from nightdesk.model.instrument import Instrument
from nightdesk.model.records import GENERATION
from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.node.cover import told_lately
from nightdesk.node.journal_watch import LOST
from nightdesk.node.plan import VERSION, Plan, Role, World
from nightdesk.node.recovery import Fold, Recovered, fold_of
from nightdesk.ports.journal import Holder, Presence
from nightdesk.runtime.challenge import Challenger
from nightdesk.runtime.lease import Lease

TELL_EVERY_S = 1.0
BUSY_FOR_NS, IDLE_NS = (
    500 * MS_NS,
    20 * MS_NS,
)  # how long after news it looks often, and how often else
GIVE_WAY_NS = 300 * MS_NS  # to each that goes first


class Standby:
    """One node's time of standing by."""

    def __init__(
        self,
        plan: Plan,
        world: World,
        holder: Holder,
        role: Role,
        cold: Callable[[], str] = lambda: "",
    ) -> None:
        self._cold = cold
        self._challenger = Challenger(
            world.journal,
            world.clock,
            world.processes,
            holder,
            plan.pace.lease,
            say=self._say,
            may=self._unfit_now,
            rest_ns=role.rest_ns,
        )
        self._plan = plan
        self._world = world
        self._holder = holder
        self._role = role
        self._fold: Fold | None = None
        self._blind = ""
        self._read_at = Mono(0)  # when the last read began that told all there was
        self._verified = Seq(0)
        self._nodes: list[Presence] = []
        self._asked: tuple[Epoch, Mono] | None = None
        self._planned: tuple[str, str] = ("", "")

    @property
    def known(self) -> Mapping[InstrumentId, Instrument]:
        """The rules of instruments that the journal has."""
        return {} if self._fold is None else self._fold.state.instruments

    async def lead(self) -> tuple[Lease, Recovered]:
        """Stand by until this node leads; returns with everything folded that an older epoch wrote.

        Raises `CorruptionError` for a journal that cannot be believed, `AppendUnknown` for one that was taken
        away.
        """
        await self._read()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._mirror(), name="mirror"),
                group.create_task(self._tell(), name="presence"),
            ]
            lease = await self._challenger.wait()
            for task in tasks:
                task.cancel()
        self._say("info", "standby.leads", lease.why)
        return lease, await self._caught_up()

    async def _caught_up(self) -> Recovered:
        """No older epoch can write any more: what is in the journal now is all."""
        if self._fold is None:
            self._fold = fold_of(await self._world.journal.stored(), self._world.clock.wall())
        await self._fold.follow(self._world.journal)
        return self._fold.recovered()

    async def _mirror(self) -> None:
        busy_ns = self._plan.pace.mirror_every_ns
        idle_ns, news_at = max(busy_ns, IDLE_NS), self._world.clock.mono()
        while True:
            now = self._world.clock.mono()
            await asyncio.sleep((busy_ns if now - news_at < BUSY_FOR_NS else idle_ns) / SECOND_NS)
            if await self._read():
                news_at = self._world.clock.mono()

    async def _read(self) -> bool:
        """Fold what is new; whether anything was. A journal that cannot be read is no reason to end: who leads
        finds it out."""
        journal, before = self._world.journal, self._fold
        began = self._world.clock.mono()
        seen = None if before is None else before.head.seq
        try:
            if self._fold is None:
                self._fold = fold_of(await journal.stored(), self._world.clock.wall())
            await self._fold.follow(journal)
        except (AppendRefused, AppendUnknown) as error:
            if not self._blind:
                self._say("warning", "standby.blind", str(error))
            self._blind = str(error)
            return False
        self._blind, self._read_at = "", began
        return self._fold.head.seq != seen

    async def _tell(self) -> None:
        """Say that we are here and how far, hear who else is, and hold our state against each snapshot."""
        journal = self._world.journal
        while True:
            try:
                health = await journal.health()
                if not health.file_is_ours:
                    raise AppendUnknown(LOST)
                await journal.tell(self._presence())
                self._nodes = await journal.nodes()
                if health.snapshot_seq > self._verified:
                    await self._verify(health.snapshot_seq)
            except AppendRefused as error:
                self._say("warning", "standby.blind", str(error))
            await asyncio.sleep(TELL_EVERY_S)

    async def _verify(self, newest: Seq) -> None:
        """What the leader folded up to a snapshot, and we behind it, must be what we folded all the way."""
        journal, ours = self._world.journal, self._fold
        if ours is None or ours.head.seq < newest:
            return
        told = fold_of(await journal.stored(), self._world.clock.wall())
        self._verified = newest
        if told.snapshot_seq < newest:
            return  # it could not be believed; the next start says so
        while told.head.seq < ours.head.seq:
            await told.follow(journal, upto=ours.head.seq)
        # Nothing was awaited since both stood at the same slot.
        if state_hash(told.state) != state_hash(ours.state):
            self._say(
                "error",
                "standby.differs",
                f"at slot {ours.head.seq} what we folded is not what the leader's snapshot of slot {newest} "
                "leads to; beginning again from that",
            )
            self._fold = told
        else:
            self._say("info", "standby.agrees", f"with the snapshot of slot {newest}")

    def _presence(self) -> Presence:
        now = self._world.clock.mono()
        return Presence(
            holder=self._holder,
            leads=False,
            seq=Seq(0) if self._fold is None else self._fold.head.seq,
            at=now,
            lag_ns=now - self._read_at,
            unfit=self.unfit(),
            cold=self._cold(),
            rank=self._role.rank,
            rests_until=self._challenger.rests_until,
            version=VERSION,
        )

    def unfit(self) -> str:
        """Why this node could not lead now, or nothing."""
        if self._blind or self._fold is None:
            return f"it cannot read the journal: {self._blind or 'not yet'}"
        state = self._fold.state
        if state.generation and abs(state.generation - GENERATION) > 1:
            return (
                f"the desk is led by a release of generation {state.generation}, this one is of {GENERATION}: "
                "only neighbours make a pair"
            )
        if state.plan_hash and state.plan_hash != self._plan_hash():
            return (
                "its config is not the one that the desk runs by: start it with the same, or stop the desk and "
                "start that with this one"
            )
        return ""

    def _plan_hash(self) -> str:
        """Ours, by the rules that the journal has; nothing where it lacks some."""
        assert self._fold is not None, "asked for once the journal was read"
        state = self._fold.state
        if self._planned[0] != state.config_hash:
            rules = [state.instruments[i] for i in self._plan.limits if i in state.instruments]
            ours = ""
            if len(rules) == len(self._plan.limits):
                with suppress(BadInput):  # another desk's instruments
                    ours = self._plan.hash(self._plan.settled(rules))
            self._planned = (state.config_hash, ours)
        return self._planned[1]

    def _unfit_now(self) -> str:
        """The same, and while others go first."""
        unfit = self.unfit()
        if unfit:
            return unfit
        assert self._fold is not None, "a node that is fit has read the journal"
        now, epoch = self._world.clock.mono(), self._fold.state.epoch
        if self._asked is None or self._asked[0] != epoch:
            self._asked = (epoch, now)
        first = [node for node in self._nodes if self._goes_first(node, now)]
        if now - self._asked[1] < GIVE_WAY_NS * len(first):
            return f"{first[0].holder.name} (pid {first[0].holder.pid}) goes first"
        return ""

    def _goes_first(self, node: Presence, now: Mono) -> bool:
        """Whether one of lesser rank stands by too, as far as it said lately."""
        if node.leads or node.unfit or node.holder == self._holder:
            return False
        if node.holder == self._challenger.led:
            return False  # it led until now; what is read of it may be of before that
        if now < node.rests_until:
            return False  # it has just handed over, and does not want it back
        if not told_lately(node, self._holder, now) or self._world.processes.gone(node.holder):
            return False
        ours = (self._role.rank, self._holder.started, self._holder.pid)
        return (node.rank, node.holder.started, node.holder.pid) < ours

    def _say(self, level: str, event: str, why: str) -> None:
        self._world.log.log(level, event, {"why": why})
