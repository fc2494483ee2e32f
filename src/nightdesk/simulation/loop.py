"""An asyncio event loop in virtual time: it jumps exactly to the next timer, and knows no threads or sockets.

The same code runs on it as in production. Tasks hash by creation number, because the standard library keeps
them in sets and an address-based order would differ from run to run. Simulated processes share the loop: what
belongs to a dead one is never run, what belongs to a frozen one waits.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from random import Random
from typing import Any, TypeVar

from nightdesk.simulation.incarnation import RUNNING, Incarnation, Life

T = TypeVar("T")
ExceptionHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]

TASKS_KEPT = 200  # tasks of one process remembered before the finished ones are let go


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
        self._now = 0.0
        self._clock_resolution = 1e-9
        self._tasks_made = 0
        self._timers_made = 0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []  # a heap: time, then FIFO
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def call_at(  # type: ignore[override]  # the base's signature needs a newer typing
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As the base class does it, with timers of one moment in the order they were asked for."""
        self._check_closed()  # type: ignore[attr-defined]  # BaseEventLoop's own
        self._timers_made += 1
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, self._timers_made, timer))
        return timer

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
        """One turn: everything that is ready now; time moves only when nothing is."""
        timers, ready = self._timers, self._ready  # type: ignore[attr-defined]  # BaseEventLoop's own
        while timers and timers[0][2]._cancelled:  # noqa: SLF001 the base class's own mark
            heapq.heappop(timers)
        if not ready and not self._stopping:  # type: ignore[attr-defined]  # BaseEventLoop's own
            if not timers:
                raise SimDeadlock(f"no runnable task and no timer at {self._now} s")
            self._now = max(self._now, timers[0][0])  # the only place where time moves
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        self._turn(ready)

    def _turn(self, ready: deque[asyncio.Handle]) -> None:
        if self._shuffle is not None and len(ready) > 1:
            mixed = list(ready)
            self._shuffle.shuffle(mixed)
            ready.clear()
            ready.extend(mixed)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:  # noqa: SLF001 as above
                continue
            owner = handle._context.get(RUNNING)  # type: ignore[attr-defined]  # noqa: SLF001 the base class's own
            if owner is not None and owner.life is not Life.RUNNING:
                if owner.life is Life.FROZEN:
                    owner.park(handle)
                continue
            self._current = owner
            self.turns += 1
            handle._run()  # noqa: SLF001 as above
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
