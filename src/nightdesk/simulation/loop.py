"""An asyncio event loop in virtual time: it jumps exactly to the next timer, and knows no threads or sockets.

The same code runs on it as in production. Tasks hash by creation number, because the standard library keeps
them in sets and an address-based order would differ from run to run. Simulated processes share the loop: what
belongs to a dead one is never run, what belongs to a frozen one waits.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeVar

from nightdesk.simulation.incarnation import RUNNING, Incarnation, Life

T = TypeVar("T")
ExceptionHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]

TASKS_KEPT = 200  # tasks of one process remembered before the finished ones are let go
# Asked for before every callback; an enumeration looks its members up slowly.
_ALIVE, _FROZEN = Life.RUNNING, Life.FROZEN


class SimDeadlock(RuntimeError):
    """Nothing can run and no timer is set: somebody waits for what will never come."""


class SimEscape(RuntimeError):
    """Code under simulation reached for a thread, a socket or a resolver."""


class _Task(asyncio.Task[T]):
    """Hashes by creation number."""

    def __init__(
        self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], number: int, **rest: Any
    ) -> None:
        self._number = number  # the base class's constructor hashes
        super().__init__(coro, **rest)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Soon(asyncio.Handle):
    """As its base, made without asking whether anybody debugs: a world makes a hundred a second."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[object, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._source_traceback = self._repr = None


class _Timer(asyncio.TimerHandle):
    """The same for what waits for a time."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[object, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = copy_context() if context is None else context
        self._cancelled = self._scheduled = False
        self._source_traceback = self._repr = None

    def cancel(self) -> None:
        """Never to be run; the loop lets go of it when its time comes."""
        self._cancelled = True
        self._callback = self._args = None  # type: ignore[assignment]  # as the base lets go of them


class _NoSelector:
    """There is nothing to select on."""

    def select(self, _timeout: float | None = None) -> list[object]:
        return []

    def close(self) -> None:
        return None


class SimLoop(asyncio.BaseEventLoop):
    """Virtual seconds from 0; FIFO among what is due at the same time, or shuffled by `shuffle`.

    A shuffled order is one that a real loop never shows (it keeps call_soon's order): a failure under it needs
    judgement.
    """

    def __init__(self, shuffle: Random | None = None) -> None:
        super().__init__()
        self._shuffle = shuffle
        self._handlers: dict[Incarnation | None, ExceptionHandler | None] = {}
        self._current: Incarnation | None = None
        self.turns = 0  # callbacks run so far
        self._selector = _NoSelector()
        self.now = 0.0  # virtual seconds since the loop was made
        self._clock_resolution = 1e-9
        self._tasks_made = 0
        self._timers_made = 0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []  # a heap: time, then FIFO
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """`now`, as asyncio asks for it."""
        return self.now

    def call_at(  # type: ignore[override]  # the base's signature needs a newer typing
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As the base class does it, with timers of one moment in the order they were asked for."""
        if self._closed:  # type: ignore[attr-defined]  # BaseEventLoop's own
            self._check_closed()  # type: ignore[attr-defined]  # BaseEventLoop's own
        self._timers_made += 1
        timer = _Timer(when, callback, args, self, context)
        heappush(self._timers, (when, self._timers_made, timer))
        return timer

    def call_later(  # type: ignore[override]  # as above
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As the base class does it."""
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_soon(  # type: ignore[override]  # as above
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As the base class does it."""
        if self._closed:  # type: ignore[attr-defined]  # BaseEventLoop's own
            self._check_closed()  # type: ignore[attr-defined]  # BaseEventLoop's own
        handle = _Soon(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]  # BaseEventLoop's own
        return handle

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Any,
        context: Context | None = None,
        **rest: Any,
    ) -> asyncio.Task[Any]:
        self._tasks_made += 1
        name = rest.pop("name", None) or f"task-{self._tasks_made}"
        task = _Task(coro, self._tasks_made, loop=loop, name=name, context=context, **rest)
        owner = RUNNING.get() if context is None else context.get(RUNNING)
        if owner is not None:
            owner.tasks.append(task)
            if len(owner.tasks) > TASKS_KEPT:
                owner.tasks = [task for task in owner.tasks if not task.done()]
        return task

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """For the process that asks, not for its neighbours."""
        self._handlers[RUNNING.get()] = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """The handler of the process whose callback failed."""
        if self.is_closed():
            return  # what the dead were never told is found by the collector, long after their world
        handler = self._handlers.get(self._current)
        if handler is None:
            self.default_exception_handler(context)
        else:
            handler(self, context)

    def thawed(self, incarnation: Incarnation) -> None:
        """Run what a process that goes on had waiting."""
        # Before whatever has come due since: it waited longer.
        self._ready.extendleft(reversed(incarnation.parked))  # type: ignore[attr-defined]  # BaseEventLoop's own
        incarnation.parked.clear()

    def _run_once(self) -> None:
        """Turn after turn until somebody stops the loop; time moves only when nothing is ready."""
        timers, ready = self._timers, self._ready  # type: ignore[attr-defined]  # BaseEventLoop's own
        while True:
            while timers and timers[0][2]._cancelled:  # noqa: SLF001 the base class's own mark
                heappop(timers)
            if not ready and not self._stopping:  # type: ignore[attr-defined]  # BaseEventLoop's own
                if not timers:
                    raise SimDeadlock(f"no runnable task and no timer at {self.now} s")
                if timers[0][0] > self.now:
                    self.now = timers[0][0]  # the only place where time moves
            now = self.now
            while timers and timers[0][0] <= now:
                ready.append(heappop(timers)[2])
            if self._shuffle is not None and len(ready) > 1:
                mixed = list(ready)
                self._shuffle.shuffle(mixed)
                ready.clear()
                ready.extend(mixed)
            self._turn(ready)
            if self._stopping:  # type: ignore[attr-defined]  # BaseEventLoop's own
                return

    def _turn(self, ready: deque[_Soon | _Timer]) -> None:
        """Everything that is ready now; what it brings about is the next turn's."""
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:  # noqa: SLF001 the base class's own
                continue
            context = handle._context  # noqa: SLF001 as above
            owner = context.get(RUNNING)
            if owner is not None and owner.life is not _ALIVE:
                if owner.life is _FROZEN:
                    owner.park(handle)
                continue
            self._current = owner
            self.turns += 1
            try:
                context.run(handle._callback, *handle._args)  # noqa: SLF001 as above
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 the process's own handler decides, as on any loop
                message = f"Exception in callback {handle!r}"
                self.call_exception_handler(
                    {"message": message, "exception": error, "handle": handle}
                )
        self._current = None

    def _process_events(self, _events: object) -> None:
        return None

    def _write_to_self(self) -> None:
        return None

    def run_in_executor(self, *_: Any) -> Any:  # type: ignore[override]  # refuses every call
        """There are no threads here."""
        raise SimEscape("a thread in simulation: put it behind a port")

    def call_soon_threadsafe(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]  # refuses every call
        """There are no threads here."""
        raise SimEscape("call_soon_threadsafe in simulation: put the thread behind a port")

    async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        """There is no network here."""
        raise SimEscape("a name lookup in simulation: put it behind a port")

    async def create_connection(self, *_: Any, **__: Any) -> Any:
        """There is no network here."""
        raise SimEscape("a socket in simulation: put it behind a port")

    async def create_server(self, *_: Any, **__: Any) -> Any:
        """There is no network here."""
        raise SimEscape("a listening socket in simulation: put it behind a port")

    async def create_unix_server(self, *_: Any, **__: Any) -> Any:
        """There are no sockets here."""
        raise SimEscape("a listening socket in simulation: put it behind a port")


def run(main: Callable[[], Awaitable[T]], *, shuffle: Random | None = None) -> T:
    """Run `main` in virtual time to its end."""
    loop = SimLoop(shuffle)

    async def body() -> T:
        return await main()

    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(body())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
