"""Group commit on the loop: what waits while one commit is in flight goes out in the next.

The writer owns the chain's head. A refused, fenced or unsure append ends it: nothing after it may be assumed,
so the first failure is kept and everything that waits is dropped without its effects.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from nightdesk.journal.chain import Head
from nightdesk.journal.frame import digest_of, encode_frame
from nightdesk.model.errors import AppendRefused, AppendUnknown, Fenced
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Record, encode_record
from nightdesk.model.time import Wall
from nightdesk.ports.clock import Clock
from nightdesk.ports.journal import JournalEngine
from nightdesk.runtime.telemetry import Telemetry

BATCH_MAX = 512  # frames per commit: beyond that a commit's own time is what delays
WAITING_MAX = 20_000  # frames; at ten thousand a second this is two seconds of a stalled disk

Done = Callable[[], None]


class JournalWriter:
    """Appends in order; calls back in order."""

    def __init__(
        self,
        engine: JournalEngine,
        epoch: Epoch,
        head: Head,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.epoch = epoch
        self.durable = head.seq
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._engine = engine
        self._clock = clock
        self._telemetry = telemetry
        self._digest = head.digest
        self._next = Seq(head.seq + 1)
        self._waiting: deque[bytes] = deque()
        self._callbacks: deque[tuple[Seq, Done]] = deque()
        self._in_flight = 0
        self._started = 0
        self._closed = False

    @property
    def depth(self) -> int:
        """Frames that are not durable yet."""
        return len(self._waiting) + self._in_flight

    @property
    def over(self) -> bool:
        """Whether nothing more is written: an append failed, or the node has ended."""
        return self._closed or self.failed.done()

    def waits_ns(self) -> int:
        """How long the commit under way has taken so far; 0 when none is."""
        return self._clock.mono() - self._started if self._in_flight else 0

    def submit(self, records: Sequence[Record], at: Wall, done: Done | None) -> None:
        """Queue records for the next slots; `done` runs once they are durable, never otherwise."""
        if self.failed.done() or self._closed:
            return
        for record in records:
            frame = encode_frame(
                seq=self._next,
                epoch=self.epoch,
                at=at,
                previous=self._digest,
                body=encode_record(record),
            )
            self._digest = digest_of(frame)
            self._next = Seq(self._next + 1)
            self._waiting.append(frame)
        if done is not None:
            self._callbacks.append((Seq(self._next - 1), done))
        if len(self._waiting) > WAITING_MAX:
            self._fail(AppendRefused(f"{len(self._waiting)} frames wait: the disk has stalled"))
        elif not self._in_flight:
            self._commit()

    def when_durable(self, done: Done) -> None:
        """Run `done` once everything submitted so far is durable; never, if the writer fails before."""
        if self.failed.done():
            return
        if self.depth:
            self._callbacks.append((Seq(self._next - 1), done))
        else:
            done()

    async def drained(self) -> None:
        """Wait until everything submitted so far is durable; raises what failed."""
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.failed.done():
            self.failed.result()
        if not self.depth:
            return
        self._callbacks.append(
            (Seq(self._next - 1), lambda: None if reached.done() else reached.set_result(None))
        )
        while not reached.done():
            await asyncio.wait((reached, self.failed), return_when=asyncio.FIRST_COMPLETED)
            if self.failed.done():
                self.failed.result()

    async def finish(self) -> None:
        """Wait as `drained` does, then write nothing more: the lease is about to be given back, and who leads
        next begins with what is durable."""
        await self.drained()
        while self.depth:  # more came while nobody was told that it is
            await self.drained()
        self._closed = True

    def close(self) -> None:
        """The node has ended: what is on its way to the disk calls nobody back, and nothing follows it."""
        self._closed = True
        self._waiting.clear()
        self._callbacks.clear()

    def head(self) -> Head:
        """The head of what was submitted; durable only when `depth` is 0."""
        return Head(seq=Seq(self._next - 1), digest=self._digest, epoch=self.epoch)

    def _commit(self) -> None:
        if not self._waiting:
            return
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))]
        self._in_flight = len(batch)
        self._started = self._clock.mono()
        future = self._engine.append(self.epoch, self.durable, batch)
        future.add_done_callback(self._committed)

    def _committed(self, future: "asyncio.Future[None]") -> None:
        if future.cancelled():
            return
        error = future.exception()
        if self.failed.done():
            return  # what it came to was looked at, and changes nothing
        if error is not None:
            self._fail(error)
            return
        self._telemetry.stages["commit"].record(self._clock.mono() - self._started)
        self._telemetry.count("journal.frames", self._in_flight)
        self._telemetry.count("journal.commits")
        self.durable = Seq(self.durable + self._in_flight)
        self._in_flight = 0
        ready: list[Done] = []
        while self._callbacks and self._callbacks[0][0] <= self.durable:
            ready.append(self._callbacks.popleft()[1])
        self._commit()  # the next commit is on its way before the sends of this one
        for done in ready:
            done()

    def _fail(self, error: BaseException) -> None:
        self._waiting.clear()
        self._callbacks.clear()
        self._in_flight = 0
        if not isinstance(error, (Fenced, AppendRefused, AppendUnknown)):
            error = AppendUnknown(f"append: {error!r}")
        if not self.failed.done():
            self.failed.set_exception(error)
            self.failed.exception()  # looked at: a life that ended of something else is not told again
