"""Who would lead if this node fell: what those that stand by say of themselves, heard once a second."""

import asyncio

from nightdesk.desk.events import Health
from nightdesk.model.errors import AppendRefused
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.modes.ladder import DESK
from nightdesk.node.plan import VERSION
from nightdesk.ports.journal import Holder, JournalEngine, Presence
from nightdesk.runtime.shell import Shell

FRESH_NS = 3 * SECOND_NS  # how old what a node says of itself may be
JOINS_WITHIN_NS = 10 * SECOND_NS  # of a start: nobody is missed before
CAUSE = "cover"


def told_lately(node: Presence, me: Holder, now: Mono) -> bool:
    """Whether a node of this machine and this boot has said that no longer ago. What nodes of an earlier boot
    said lies there still, and their clock began anew: it may read as said just now, or tomorrow."""
    here = (node.holder.machine, node.holder.boot) == (me.machine, me.boot)
    return here and 0 <= now - node.at <= FRESH_NS


class Cover:
    """One leader's. `uncovered` is the mode that the desk takes while nobody could lead in its place; `missed`
    says that there should be somebody also where that is NORMAL: it took over from one."""

    def __init__(
        self,
        journal: JournalEngine,
        holder: Holder,
        shell: Shell,
        uncovered: Mode,
        *,
        missed: bool = False,
    ) -> None:
        self.standbys: list[Presence] = []  # also those that could not lead now
        self.holder = holder
        self._journal = journal
        self._shell = shell
        self._uncovered = uncovered
        self._missed = missed or uncovered is not Mode.NORMAL
        self._began = shell.moment().mono
        self._covered: bool | None = None  # None: nobody has joined yet, and nobody was missed

    async def keep(self, every_s: float) -> None:
        """For ever."""
        self._begin()
        while True:
            await asyncio.sleep(every_s)
            await self._look()

    def _begin(self) -> None:
        """Where it is not wanted, what an earlier life risked less for the want of it is lifted."""
        if self._uncovered is Mode.NORMAL and self._shell.desk.state.ladder.holds(DESK, CAUSE):
            why = "the config asks for no cover"
            self._shell.handle(Health(scope=DESK, cause=CAUSE, mode=Mode.NORMAL, why=why))

    async def _look(self) -> None:
        """Say that this node leads and hear who stands by. A folder without room is no reason to end."""
        now = self._shell.moment().mono
        here = Presence(
            holder=self.holder,
            leads=True,
            seq=self._shell.writer.durable,
            at=now,
            version=VERSION,
        )
        try:
            await self._journal.tell(here)
            nodes = await self._journal.nodes()
        except AppendRefused as error:
            self._shell.telemetry.count("cover.untold")
            self._shell.say("warning", "cover.untold", why=str(error))
            return
        now = self._shell.moment().mono  # they may have said it while this one spoke
        self.standbys = [n for n in nodes if not n.leads and told_lately(n, self.holder, now)]
        self._judge(late=now - self._began > JOINS_WITHIN_NS)

    def _judge(self, *, late: bool) -> None:
        fit = [node for node in self.standbys if not node.unfit]
        if bool(fit) is self._covered:
            return
        if fit:
            why = ", ".join(f"{node.holder.name} (pid {node.holder.pid})" for node in fit)
            self._shell.say("info", "cover.found", by=why)
        elif self._covered is None and not (late and self._missed):
            return
        else:
            why = "; ".join(node.unfit for node in self.standbys) or "no node stands by"
            self._shell.say("warning", "cover.lost", why=why)
        self._covered = bool(fit)
        mode = Mode.NORMAL if fit else self._uncovered
        self._shell.handle(Health(scope=DESK, cause=CAUSE, mode=mode, why=why))
