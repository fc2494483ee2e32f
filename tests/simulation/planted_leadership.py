"""Mistakes in who leads, and in what a node does that stands by, takes over or was deposed."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from nightdesk.adapters.sqlite_journal import SqliteJournal, _Transaction
from nightdesk.desk import accounts, watch
from nightdesk.desk.events import QuoteSeen, SendOrder
from nightdesk.desk.image import decode_state, encode_state
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono, Wall
from nightdesk.node.node import Node
from nightdesk.node.recovery import Fold, Recovered
from nightdesk.node.spool_watch import SpoolWatch
from nightdesk.node.standby import Standby
from nightdesk.ports.spool import Left, Spool
from nightdesk.runtime import challenge
from nightdesk.runtime.challenge import Challenger, Stillness
from nightdesk.runtime.gateway import Gateway
from nightdesk.runtime.lease import MARGIN_NS, Lease
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.spooling import PATIENCE_NS, Spooling
from simulation.planting import Patch, Plant


def the_journal_takes_what_a_deposed_node_appends(patch: Patch) -> None:
    def unfenced(self: SqliteJournal, epoch: Any, after: Any, frames: Any) -> None:
        with _Transaction(self):
            head = self._head()
            rows = [(head + index, frame) for index, frame in enumerate(frames, 1)]
            self._db.executemany("INSERT INTO journal VALUES (?, ?)", rows)

    patch.setattr(SqliteJournal, "append", unfenced)


def a_standby_trades_on_what_it_read_long_ago(patch: Patch) -> None:
    caught_up = Standby._caught_up

    async def never(self: Standby) -> None:
        await asyncio.Event().wait()

    async def stale(self: Standby) -> Recovered:
        assert self._fold is not None
        state = decode_state(encode_state(self._fold.state), self._world.clock.wall())
        full = await caught_up(self)
        state.seq, state.epoch = full.state.seq, full.state.epoch
        return msgspec.structs.replace(full, state=state)

    patch.setattr(Standby, "_mirror", never)
    patch.setattr(Standby, "_caught_up", stale)


def a_new_leader_believes_an_absence_at_once(patch: Patch) -> None:
    for module in (watch, accounts):
        patch.setattr(module, "grace_ends", lambda deadline, read_lag_ns: Wall(0))


def reconciling_begins_every_grace_anew(patch: Patch) -> None:
    weigh = watch.weigh

    def patient(asked: Any, *, asked_at: Wall, grace: Wall, everywhere: bool) -> Any:
        later = max(grace, asked_at + 5 * SECOND_NS)
        return weigh(asked, asked_at=asked_at, grace=Wall(later), everywhere=everywhere)

    patch.setattr(watch, "weigh", patient)


def an_epoch_keeps_the_nonce_before_it(patch: Patch) -> None:
    patch.setattr(Node, "_new_nonce", lambda self: 7)


def a_standby_renews_the_lease_of_another(patch: Patch) -> None:
    read = Standby._read

    async def renewing(self: Standby) -> bool:
        news = await read(self)
        view = await self._world.journal.lease()
        if view.holder is not None:
            await self._world.journal.renew(view.epoch, view.renewals + 1)
        return news

    patch.setattr(Standby, "_read", renewing)


def of_two_that_challenge_both_lead(patch: Patch) -> None:
    def unseen(self: SqliteJournal, seen: Any, holder: Any, ttl_ns: int) -> Any:
        with _Transaction(self):
            self._db.execute(
                "UPDATE lease SET epoch = ?, renewals = 0, ttl_ns = ?, holder = ?",
                (seen.epoch + 1, ttl_ns, msgspec.json.encode(holder)),
            )
        return self.lease()

    patch.setattr(SqliteJournal, "_acquired", unseen)
    patch.setattr(Standby, "_goes_first", lambda *_: False)


def a_standby_forgets_what_is_held(patch: Patch) -> None:
    follow = Fold.follow

    async def forgetful(self: Fold, *given: Any, **named: Any) -> None:
        await follow(self, *given, **named)
        if len(given) == 1 and not named:  # as one that stands by reads on
            self.state.positions.clear()

    patch.setattr(Fold, "follow", forgetful)


def a_lease_is_taken_before_its_ttl_is_over(patch: Patch) -> None:
    hasty = property(lambda self: self.seen is not None and self._still_ns >= 300_000_000)
    patch.setattr(Stillness, "expired", hasty)


# --- caught by a script, for want of a law or of a fault that comes at its moment -------------------


def a_lease_counts_from_the_reply(patch: Patch) -> None:
    renew = Lease.renew

    async def late(self: Lease) -> None:
        await renew(self)
        self.until = Mono(self._clock.mono() + self._term.ttl_ns - MARGIN_NS)

    patch.setattr(Lease, "renew", late)


def an_order_waits_after_its_last_check(patch: Patch) -> None:
    exchange = Requester._exchange

    def waiting(self: Requester, *given: Any) -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def write() -> None:
            inner = exchange(self, *given)
            inner.add_done_callback(lambda done: future.set_result(done.result()))

        loop.call_later(0.002, write)
        return future

    patch.setattr(Requester, "_exchange", waiting)


def a_holder_is_killed_before_the_lease_is_asked_for(patch: Patch) -> None:
    acquire = Challenger._acquire

    async def sure(self: Challenger, view: Any, why: str) -> Lease:
        if view.holder is not None:
            await self._processes.end(view.holder)
        return await acquire(self, view, why)

    patch.setattr(Challenger, "_acquire", sure)


def a_new_leader_takes_what_it_heard_long_ago_for_fresh(patch: Patch) -> None:
    handle = Shell.handle

    def fresh(self: Shell, event: Any, done: Any = None) -> None:
        if isinstance(event, QuoteSeen) and not self.trading:
            quote = msgspec.structs.replace(event.quote, received=self.moment().mono)
            event = QuoteSeen(quote=quote)
        handle(self, event, done)

    patch.setattr(Shell, "handle", fresh)


def a_deposed_node_cancels_its_successors_stops(patch: Patch) -> None:
    patch.setattr(Gateway, "_latches", lambda *_: "")


def what_could_not_be_read_stayed_unchanged(patch: Patch) -> None:
    look = Challenger._look

    async def blind(self: Challenger) -> Any:
        before = self.seen
        view = await look(self)
        if view is None and before is not None:
            self._stillness.seen = before
            self._stillness.read(before, self._clock.mono())
            return before
        return view

    patch.setattr(Challenger, "_look", blind)


def a_challenger_counts_its_own_pause(patch: Patch) -> None:
    patch.setattr(challenge, "STEP_MAX_NS", 1 << 62)


def a_node_with_another_config_challenges(patch: Patch) -> None:
    patch.setattr(Standby, "unfit", lambda _: "")


def a_step_of_the_clock_does_not_void_the_lease(patch: Patch) -> None:
    patch.setattr(Lease, "void", lambda _: None)
    held = Lease.held
    patch.setattr(Lease, "held", lambda self, now, since=LONG_AGO: held(self, now))


PLANTS_OF_LEADERSHIP: tuple[Plant, ...] = (
    the_journal_takes_what_a_deposed_node_appends,
    a_standby_trades_on_what_it_read_long_ago,
    a_new_leader_believes_an_absence_at_once,
    reconciling_begins_every_grace_anew,
    an_epoch_keeps_the_nonce_before_it,
    a_standby_renews_the_lease_of_another,
    of_two_that_challenge_both_lead,
    a_standby_forgets_what_is_held,
    a_lease_is_taken_before_its_ttl_is_over,
)


def what_left_by_the_spool_leaves_again(patch: Patch) -> None:
    durable = Spooling.durable

    def not_seen(self: Spooling, order: SendOrder) -> bool:
        durable(self, order)
        return False

    patch.setattr(Spooling, "durable", not_seen)


def what_a_spool_has_is_not_looked_for(patch: Patch) -> None:
    async def read(self: SpoolWatch, spool: Spool, left: Sequence[Left]) -> None:
        await spool.drop([file.life for file in left])

    patch.setattr(SpoolWatch, "_read", read)


def an_order_leaves_before_the_spool_has_it(patch: Patch) -> None:
    def hasty(self: Spooling) -> None:
        for waiting in self._waiting.values():
            if not waiting.asked and self._mono() - waiting.since >= PATIENCE_NS:
                waiting.asked = waiting.left = True
                self._send(waiting.order, waiting.trigger)

    patch.setattr(Spooling, "look", hasty)
