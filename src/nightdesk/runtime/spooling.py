"""Ways out that do not wait for a journal that stalls: durable in the spool instead, they leave while the lease
is held.

Nothing else may be sent before the journal has it. What the spool has and the journal never gets is found by
whoever leads next. Once the journal has everything, the spool is emptied.
"""

import asyncio
from collections.abc import Callable

from nightdesk.desk.events import SendOrder
from nightdesk.journal.chain import Head
from nightdesk.journal.spool import START, frames_behind
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.order import Origin
from nightdesk.model.records import Spooled
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.ports.spool import Spool
from nightdesk.runtime.gateway import Trigger
from nightdesk.runtime.journal_writer import JournalWriter

PATIENCE_NS = 250 * MS_NS  # a commit takes under one
Send = Callable[[SendOrder, Trigger], None]
Say = Callable[..., None]


class _Waiting:
    """An order whose intent the journal does not have."""

    __slots__ = ("asked", "left", "order", "since", "trigger")

    def __init__(self, order: SendOrder, trigger: Trigger, since: Mono) -> None:
        self.order = order
        self.trigger = trigger
        self.since = since
        self.asked = False  # the spool was given it
        self.left = False  # it was sent, or could not be


class Spooling:
    """One life's. Once its journal has failed it, or it is over, nothing leaves any more."""

    def __init__(
        self,
        writer: JournalWriter,
        mono: Callable[[], Mono],
        wall: Callable[[], Wall],
        send: Send,
        say: Say,
    ) -> None:
        self._writer = writer
        self._mono, self._wall = mono, wall
        self._send, self._say = send, say
        self._spool: Spool | None = None
        self._waiting: dict[ClientOrderId, _Waiting] = {}
        self._head: Head = START

    def use(self, spool: Spool) -> None:
        """From now on, one that was opened and has nothing in its file."""
        self._spool, self._head = spool, START

    def waits(self, order: SendOrder, trigger: Trigger) -> None:
        """An order's intent is on its way to the journal."""
        if self._spool is not None and _may_leave_early(order):
            client_id = order.approved.intent.client_id
            self._waiting[client_id] = _Waiting(order, trigger, self._mono())

    def durable(self, order: SendOrder) -> bool:
        """The journal has it; whether it has left before."""
        if not self._waiting:
            return False
        waiting = self._waiting.pop(order.approved.intent.client_id, None)
        if not self._waiting and self._head is not START and self._spool is not None:
            self._head = START
            self._spool.empty().add_done_callback(self._looked_at)
        return waiting is not None and waiting.left

    def look(self) -> None:
        """Whether some have waited too long."""
        if not self._waiting or self._spool is None:
            return
        now = self._mono()
        late = [w for w in self._waiting.values() if not w.asked and now - w.since >= PATIENCE_NS]
        if not late or self._writer.over:
            return
        epoch, at = self._writer.epoch, self._wall()
        entries = [Spooled(intent=w.order.approved.intent, epoch=epoch, at=at) for w in late]
        data, self._head = frames_behind(self._head, entries)
        for waiting in late:
            waiting.asked = True
        self._spool.keep(data).add_done_callback(lambda kept: self._kept(late, kept))

    def _kept(self, late: list[_Waiting], kept: "asyncio.Future[None]") -> None:
        if not self._looked_at(kept) or self._spool is None or self._writer.over:
            return
        for waiting in late:
            client_id = waiting.order.approved.intent.client_id
            if self._waiting.get(client_id) is not waiting:
                continue  # the journal had it first
            waiting.left, waiting.trigger.durable = True, self._mono()
            waited_ms = (waiting.trigger.durable - waiting.since) // MS_NS
            self._say("warning", "order.spooled", intent=client_id, waited_ms=str(waited_ms))
            self._send(waiting.order, waiting.trigger)

    def _looked_at(self, done: "asyncio.Future[None]") -> bool:
        """A spool that failed is used no more by this life."""
        if done.cancelled():
            return False
        error = done.exception()
        if error is not None and self._spool is not None:
            self._spool = None
            self._say("error", "spool.failed", why=str(error))
        return error is None


def _may_leave_early(order: SendOrder) -> bool:
    """What an operator's way out is made of, and what its venue lets do nothing but reduce; not what asks for
    more in the same request."""
    intent = order.approved.intent
    whole = order.other is None and order.amendment is None and intent.replaces is None
    return whole and (intent.reduce_only or intent.origin is Origin.FLATTEN)
