"""One stream kept for ever: opened anew when it ends, before the venue ends it, and when its data stops.

Where the first connection still stands, the next one is opened and heard before the first is let go, and what
both bring is told once: such a change of connections loses nothing. What cannot be read is put aside, and the
stream goes on. A mistake in what is done with a frame that was read is a mistake of ours: it ends the node.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from nightdesk.model.errors import StreamEnding, StreamOver
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.ports.clock import Clock
from nightdesk.ports.venue import ConnectFailed, Send, Streams
from nightdesk.runtime.liveness import Liveness
from nightdesk.runtime.once import Once
from nightdesk.strategy.api import Draw

BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.2, 5.0
STEADY_NS = 10 * SECOND_NS  # a connection that lived this long starts its back-off anew
READY_WITHIN_NS = (
    5 * SECOND_NS
)  # a subscription that is confirmed at all is confirmed in a round trip
DRAIN_NS = SECOND_NS  # after both were seen to tell the same: what is still on its way to the first
OVERLAP_NS = (
    10 * SECOND_NS
)  # where they never tell the same: nothing happened, or the first is dead
OWED_NS = 5 * SECOND_NS  # within which the venue tells what it has acknowledged already
ROLLS_AT, ROLLS_WITHIN = (
    0.85,
    0.1,
)  # of a connection's life: spread, so that not all of them roll at once
_GOLDEN = 0.618033988749895  # its multiples lie evenly between the whole numbers
_LEAST_WAIT_S = 0.001  # a clock that drifts against the loop's must not make it spin

T = TypeVar("T")


class Reader(Protocol[T]):
    """Who reads a stream: how it is reached, what its frames say, who is told."""

    async def where(self) -> str:
        """Its path; raises `ConnectFailed`."""
        ...

    def hello(self) -> str:
        """What subscribes it, confirmed by a frame that `confirms`; empty where the path does."""
        ...

    def read(self, frame: bytes, received: Mono) -> T | None:
        """What a frame says. Raises `StreamOver`, `StreamEnding`; anything else puts the frame aside."""
        ...

    def confirms(self, told: T) -> bool:
        """Whether it says that the stream is subscribed."""
        ...

    def subscription(self, told: T) -> Hashable:
        """Of which subscription it comes."""
        ...

    def named(self, subscription: Any) -> str:
        """One of them, for people."""
        ...

    def tell(self, told: T, received: Mono) -> None:
        """Pass it on."""
        ...

    def poisoned(self, frame: bytes, error: Exception) -> None:
        """A frame was put aside."""
        ...

    def heard(self, *, gap: bool) -> None:
        """A connection is subscribed; with a `gap`, something may have been missed before."""
        ...

    def lost(self, why: str) -> None:
        """No connection is left that is subscribed; told once, until one is again."""
        ...

    def note(self, event: str, why: str) -> None:
        """What became of a connection: `reconnects`, `rollovers`, `doubts`."""
        ...


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """What the streams of one venue have in common. `numbers` tell their connections apart; `life_ns` is after
    which time the venue ends one. Where they are not `watched`, nothing ends or dies unseen."""

    clock: Clock
    draw: Draw
    numbers: Iterator[int]
    life_ns: int
    watched: bool


class _Connection:
    """One of a stream's connections."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.task: asyncio.Task[None]
        self.where = ""  # its path, once that is known; it may hold a credential
        self.opened: Mono | None = None
        self.ready: Mono | None = None  # since when it is subscribed
        self.leaving = ""  # why another one is to take its place
        self.noted = ""  # which of these reasons was told
        self.hurried = False  # the venue told it to leave as soon as it had come
        self.deaf = False  # its data has stopped, as far as anybody can tell
        self.let_go = ""  # why it was closed here
        self.over = ""  # why it has ended


class KeptStream(Generic[T]):
    """See the module. `patience_ns` is how long each subscription may say nothing before it is doubted. Streams
    that share `once` are copies: each frame is told by one of them."""

    def __init__(
        self,
        streams: Streams,
        reader: Reader[T],
        *,
        upkeep: Upkeep,
        name: str,
        patience_ns: Mapping[Any, int] | None = None,
        once: Once | None = None,
    ) -> None:
        self._streams = streams
        self._reader = reader
        self._name = name
        self._clock, self._draw, self._numbers = upkeep.clock, upkeep.draw, upkeep.numbers
        self._life_ns = upkeep.life_ns if upkeep.watched else 0
        watched = patience_ns if upkeep.watched else None
        self._live = Liveness(watched) if watched else None
        self._shared = once
        self._once = once
        self._connections: list[_Connection] = []  # at most two, the older first
        self._group: asyncio.TaskGroup  # of all its tasks
        self._lost = False  # it was told that nobody is subscribed
        self._wake = asyncio.Event()
        self._not_before = Mono(0)
        self._failures = 0
        self._same: Mono | None = None  # when both were first seen to tell the same
        self._owed: Mono | None = None  # since when something is to be told
        self._told = Mono(0)  # when it told something last

    @property
    def subscribed(self) -> bool:
        """Whether one of its connections is."""
        return any(c.ready is not None and not c.deaf for c in self._connections)

    async def keep(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as self._group:
            while True:
                self._wake.clear()
                now = self._clock.mono()
                self._look(now)
                await self._until(self._due(now))

    def after(self, wait_ns: int, act: Callable[[], None]) -> None:
        """Do something later, unless the stream is kept no more by then."""

        async def wait() -> None:
            await asyncio.sleep(wait_ns / SECOND_NS)
            act()

        self._group.create_task(wait(), name=f"{self._name} later")

    def distrust(self, why: str) -> None:
        """Its connections tell nothing any more: another one has to take their place. One that does not know
        its path yet is not meant."""
        for connection in list(self._connections):
            if connection.ready is not None:
                connection.deaf, connection.leaving = True, why
            elif connection.where:
                self._let_go(connection, why)
        self._nobody(why)
        self._wake.set()

    def owes(self, since: Mono) -> None:
        """Something happened after `since` of which this stream has to tell."""
        if self._owed is None and self._told < since and self.subscribed:
            self._owed = self._clock.mono()
            self._wake.set()

    async def _until(self, due: Mono | None) -> None:
        wait_s = None
        if due is not None:
            wait_s = max((due - self._clock.mono()) / SECOND_NS, _LEAST_WAIT_S)
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    # --- what is to be done ------------------------------------------------------------------

    def _look(self, now: Mono) -> None:
        for ended in [c for c in self._connections if c.over]:
            self._ended(ended, now)
        if len(self._connections) == 2 and now >= self._handed_over_at():
            self._let_go(self._connections[0], "another one took its place")
        if not self._connections:
            if now >= self._not_before:
                self._open()
            return
        newest = self._connections[-1]
        if newest.ready is None:
            if newest.opened is not None and now >= newest.opened + READY_WITHIN_NS:
                self._let_go(newest, "it was not subscribed in time")
        elif len(self._connections) == 1 and now >= self._not_before:
            self._next(newest, now)

    def _next(self, current: _Connection, now: Mono) -> None:
        """Open another connection beside the one in use, where there is a reason to."""
        silent = [] if self._live is None else self._live.doubted(now)
        if silent:
            self._doubt(current, f"silent: {', '.join(map(self._reader.named, silent))}")
        elif self._owed is not None and now >= self._owed + OWED_NS:
            self._doubt(current, "it does not tell what the venue acknowledged")
        elif now >= self._rolls_at(current):
            current.leaving = current.leaving or "it has lived long enough"
        if current.leaving:
            if current.noted != current.leaving:
                current.noted = current.leaving
                self._reader.note("doubts" if current.deaf else "rollovers", current.leaving)
            self._open()

    def _doubt(self, connection: _Connection, why: str) -> None:
        """What it owes is asked for when the next one is subscribed."""
        self._owed = None
        if not connection.deaf:
            connection.deaf, connection.leaving = True, why

    def _due(self, now: Mono) -> Mono | None:
        if not self._connections:
            return self._not_before
        newest = self._connections[-1]
        if newest.ready is None:
            return None if newest.opened is None else Mono(newest.opened + READY_WITHIN_NS)
        if len(self._connections) == 2:
            return self._handed_over_at()
        dues = [now] if newest.leaving else []
        if self._live is not None:
            dues += [due for due in [self._live.due()] if due is not None]
        if self._life_ns:
            dues.append(self._rolls_at(newest))
        if self._owed is not None:
            dues.append(Mono(self._owed + OWED_NS))
        return max(self._not_before, min(dues)) if dues else None

    def _rolls_at(self, connection: _Connection) -> Mono:
        """When its place is to be taken, the venue ending what is `life_ns` old."""
        assert connection.opened is not None, "asked of open ones"
        if not self._life_ns:
            return Mono(2**63)
        share = ROLLS_AT + ROLLS_WITHIN * (connection.number * _GOLDEN % 1)
        return Mono(connection.opened + round(self._life_ns * share))

    def _handed_over_at(self) -> Mono:
        """When nothing that only the older connection has can be on its way any more."""
        newest = self._connections[-1]
        if newest.ready is None:
            return Mono(2**63)
        last = newest.ready + OVERLAP_NS
        return Mono(last if self._same is None else min(last, self._same + DRAIN_NS))

    # --- connections -------------------------------------------------------------------------

    def _open(self) -> None:
        connection = _Connection(next(self._numbers))
        if self._connections and self._shared is None:
            self._once = Once()
        self._same = None
        self._connections.append(connection)
        work = self._run(connection)
        connection.task = self._group.create_task(work, name=f"{self._name} connection")

    def _let_go(self, connection: _Connection, why: str) -> None:
        connection.let_go = why
        connection.task.cancel()
        connection.over = why
        self._ended(connection, self._clock.mono())

    def _ended(self, connection: _Connection, now: Mono) -> None:
        """It is over, and counts no more."""
        was_subscribed = connection.ready is not None and not connection.deaf
        self._connections.remove(connection)
        if self._shared is None and self._connections:
            self._once = None
        if was_subscribed or all(c.ready is not None for c in self._connections):
            standing = [c.leaving for c in self._connections if c.leaving]
            self._nobody(next(iter(standing), connection.leaving or connection.over))
        if connection.ready is None or not connection.let_go:
            self._reader.note("reconnects", connection.over)
        elif not connection.hurried:
            return  # in its turn
        opened = connection.opened
        steady = opened is not None and now - opened > STEADY_NS and not connection.hurried
        self._failures = 0 if steady else self._failures + 1
        wait_s = min(BACKOFF_FIRST_S * 2 ** min(self._failures, 10), BACKOFF_MAX_S)
        self._not_before = Mono(now + round(wait_s * self._draw.uniform(0.5, 1.0) * SECOND_NS))

    def _nobody(self, why: str) -> None:
        """Tell it once if no connection is subscribed."""
        if not self._lost and not self.subscribed:
            self._lost = True
            self._reader.lost(why)

    async def _run(self, connection: _Connection) -> None:
        why = "its task ended"
        try:
            connection.where = await self._reader.where()
            why = await self._streams.run(
                connection.where,
                partial(self._opened, connection),
                partial(self._frame, connection),
            )
        except (ConnectFailed, StreamOver) as error:
            why = str(error).replace(connection.where, "")  # what is told is kept in the journal
        finally:
            if not connection.let_go:
                connection.over = why or "it ended"
                self._wake.set()

    def _opened(self, connection: _Connection, send: Send) -> None:
        connection.opened = self._clock.mono()
        hello = self._reader.hello()
        if hello:
            send(hello)
        else:
            self._ready(connection)
        self._wake.set()

    def _ready(self, connection: _Connection) -> None:
        gap = not self.subscribed
        connection.ready = now = self._clock.mono()
        self._lost = False
        if self._live is not None:
            self._live.begin(now)
        self._reader.heard(gap=gap)
        self._wake.set()

    def _leaves(self, connection: _Connection, why: str, now: Mono) -> None:
        """The venue will end it."""
        if not connection.leaving:
            connection.leaving = why
            opened = connection.opened
            connection.hurried = opened is not None and now - opened < STEADY_NS
        self._wake.set()

    def _frame(self, connection: _Connection, data: bytes, received: Mono) -> None:
        if connection.let_go:
            return
        reader = self._reader
        try:
            told = reader.read(data, received)
        except StreamOver:
            raise
        except StreamEnding as ending:
            self._leaves(connection, str(ending), received)
            return
        except Exception as error:  # noqa: BLE001 whatever cannot be read, by whatever mistake
            reader.poisoned(data, error)
            return
        if told is None:
            return
        if connection.ready is None and reader.confirms(told):
            self._ready(connection)
        self._owed, self._told = None, received
        if self._live is not None:
            self._live.heard(reader.subscription(told), received)
        if self._once is not None and not self._once.first(data, connection.number):
            both = len(self._connections) == 2 and self._connections[-1].ready is not None
            if both and self._same is None:
                self._same = received
                self._wake.set()
            return
        reader.tell(told, received)
