"""Getting out where nobody leads: the next epoch is taken, so that whoever wakes is fenced, a latch is left,
and then it is done what a person would have done with the emergency tool.

Every request leaves only while the lease is held, asked in the step that writes. Where the journal does not
give the epoch although nobody leads, it is done without, as long as nobody is seen to lead and no desk answers.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum, auto
from pathlib import Path

import msgspec

from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.control.latch import Latch
from nightdesk.control.messages import Reply, Request
from nightdesk.emergency import desk
from nightdesk.emergency.rounds import errand_of, go_round, ids
from nightdesk.emergency.status import asking_of
from nightdesk.emergency.telling import errand_lines
from nightdesk.guardian.watch import Finding, Watch
from nightdesk.guardian.way import Way
from nightdesk.model.errors import AppendRefused, AppendUnknown, BadInput, Fenced
from nightdesk.model.ids import Epoch
from nightdesk.model.time import SECOND_NS
from nightdesk.ports.clock import Clock
from nightdesk.ports.journal import Holder
from nightdesk.runtime.lease import Lease, Term

BY = "the guardian"
TRIES, TRY_EVERY_S = 20, 0.2  # to take the epoch: somebody may just be reading
TERM = Term()
ANSWERS_WITHIN_S = 2.0  # the journal, or what is done is done without it


class End(StrEnum):
    """How it ended; `FAILED` is to be tried again."""

    DONE = auto()
    FAILED = auto()
    STOOD_BACK = auto()
    STOPPED = auto()


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended, in words too; `epoch` is the one it was done by, None without."""

    how: End
    why: str
    epoch: Epoch | None = None


class Act:
    """One try. `look` reads the lease into `watch`, `say` tells of progress, from any thread."""

    def __init__(
        self,
        way: Way,
        watch: Watch,
        clock: Clock,
        *,
        me: Holder,
        look: Callable[[], Awaitable[None]],
        stop: asyncio.Event,
        say: Callable[[str], None],
    ) -> None:
        self._way = way
        self._watch = watch
        self._clock = clock
        self._me = me
        self._look = look
        self._stop = stop
        self._say = say
        self._why = ""
        self._lease: Lease | None = None
        self._over = threading.Event()  # nothing more may be sent
        self._ended = Ended(how=End.FAILED, why="not all of it")  # why it is over before it is done

    async def run(self, journal: Path) -> Ended:
        """Get out; returns when it is done, or may not go on."""
        self._why = self._watch.ground
        engine = ThreadedJournal(str(journal), create=False, within_s=ANSWERS_WITHIN_S)
        try:
            try:
                self._lease = await self._taken(engine)
            except Fenced as error:
                return Ended(how=End.STOOD_BACK, why=str(error))
            if self._lease is None:
                if not self._watch.may_go_on:
                    return Ended(how=End.FAILED, why=self._watch.why)
                if why := await asyncio.to_thread(self._lives):
                    return Ended(how=End.STOOD_BACK, why=why)
            await asyncio.to_thread(self._leave_latch)
            return await self._get_out()
        finally:
            if self._lease is not None:
                with suppress(Fenced, AppendRefused, AppendUnknown):
                    await self._lease.release()
            with suppress(AppendUnknown):
                await engine.close()

    # --- the epoch ----------------------------------------------------------------------------

    async def _taken(self, engine: ThreadedJournal) -> Lease | None:
        """The next epoch, or None where the journal does not give it. Raises `Fenced` where somebody leads."""
        try:
            await engine.open()
        except (BadInput, AppendUnknown) as error:
            self._say(f"going on without an epoch: {error}")
            return None
        why = "it cannot be read"
        for _ in range(TRIES):
            view = self._watch.view
            if view is not None:
                started = self._clock.mono()
                try:
                    granted = await engine.acquire(view, self._me, TERM.ttl_ns)
                except AppendRefused as error:
                    why = str(error)
                except AppendUnknown as error:
                    why = str(error)
                    break  # a disk that fails or does not answer: nothing is asked of it again
                else:
                    self._say(f"epoch {granted.epoch} is the guardian's")
                    return Lease(engine, self._clock, granted.epoch, started, TERM)
            await asyncio.sleep(TRY_EVERY_S)
            await self._look()
            led = self._watch.view
            if self._watch.finding is Finding.LED and led is not None and led.holder != self._me:
                raise Fenced(f"somebody leads, epoch {led.epoch}")
        self._say(f"going on without an epoch: {why}")
        return None

    def _lives(self) -> str:
        """Whether a desk answers, though nobody was seen to lead: without an epoch nobody acts beside it."""
        control = self._way.desk.control
        if control is None:
            return ""
        answer = desk.ask(control, Request(verb="status", by=BY))
        return f"a desk answers at {control}" if isinstance(answer, Reply) else ""

    def _leave_latch(self) -> None:
        latch = self._way.desk.latch
        assert latch is not None, "a config that was read says where the journal lies"
        at = self._clock.wall()
        try:
            desk.leave(latch, Latch(by=BY, why=self._why, at=at, halted=True))
        except BadInput as error:
            self._say(f"{error}. Going on: a desk that sees our orders halts")

    # --- out ----------------------------------------------------------------------------------

    async def _get_out(self) -> Ended:
        new_id = ids()
        errands = [
            errand_of(place, asking_of(place, self._may_not), task, new_id, self._say)
            for place, task in self._way.places
        ]
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep(), name="lease")
            went = await asyncio.to_thread(go_round, errands, None, self._over.wait)
            keeping.cancel()
        lines = "\n".join(line for errand in errands for line in errand_lines(errand))
        ended = self._ended
        if went and all(errand.done for errand in errands):
            epoch = None if self._lease is None else self._lease.epoch
            ended = Ended(how=End.DONE, why="", epoch=epoch)
        return msgspec.structs.replace(ended, why=f"{ended.why}\n{lines}".strip())

    async def _keep(self) -> None:
        """Renew, or without an epoch go on looking; and end it where it may not go on."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TERM.renew_every_ns / SECOND_NS):
                    await self._stop.wait()
                return self._end(End.STOPPED, "told to end")
            try:
                if self._lease is None:
                    await self._look()
                    if not self._watch.may_go_on:
                        how = End.STOOD_BACK if self._watch.finding is Finding.LED else End.FAILED
                        return self._end(how, self._watch.why or "somebody leads")
                else:
                    await self._lease.renew()
            except Fenced as error:
                return self._end(End.STOOD_BACK, str(error))
            except (AppendRefused, AppendUnknown) as error:
                if self._may_not():
                    return self._end(End.FAILED, str(error))

    def _end(self, how: End, why: str) -> None:
        self._ended = Ended(how=how, why=why)
        self._over.set()

    def _may_not(self) -> str:
        """Why nothing may be sent now; asked by the thread that sends."""
        if self._over.is_set():
            return "the guardian stands back"
        if self._lease is not None and not self._lease.held(self._clock.mono()):
            return "the guardian's lease ran out"
        return ""
