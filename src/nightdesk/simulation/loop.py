"""An asyncio event loop in virtual time: it jumps exactly to the next timer, and knows no threads or sockets.

The same code runs on it as in production. Tasks hash by creation number, because the standard library keeps
them in sets and an address-based order would differ from run to run.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


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


class _Timer(asyncio.TimerHandle):
    """Ordered by time, then by when it was asked for: a heap alone keeps no order among equals."""

    def __init__(self, number: int, *rest: Any) -> None:
        super().__init__(*rest)
        self.number = number

    def __lt__(self, other: asyncio.TimerHandle) -> bool:
        assert isinstance(other, _Timer), "every timer of this loop is one of ours"
        return (self.when(), self.number) < (other.when(), other.number)


class _NoSelector:
    """There is nothing to select on."""

    def select(self, _timeout: float | None = None) -> list[object]:
        return []

    def close(self) -> None:
        return None


class SimLoop(asyncio.BaseEventLoop):
    """Virtual seconds from 0; FIFO among what is due at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _NoSelector()
        self._now = 0.0
        self._clock_resolution = 1e-9
        self._tasks_made = 0
        self._timers_made = 0
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
        timer = _Timer(self._timers_made, when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]  # BaseEventLoop's own
        timer._scheduled = True  # type: ignore[attr-defined]  # noqa: SLF001 the base class's own mark
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
        return _Task(coro, self._tasks_made, loop=loop, name=name, context=context, **rest)

    def _run_once(self) -> None:
        """One turn: everything that is ready now; time moves only when nothing is."""
        scheduled, ready = self._scheduled, self._ready  # type: ignore[attr-defined]  # BaseEventLoop's own
        while scheduled and scheduled[0]._cancelled:  # noqa: SLF001 the same queue, the same handles
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]  # kept by BaseEventLoop
            heapq.heappop(scheduled)._scheduled = False  # noqa: SLF001 as above
        if not ready and not self._stopping:  # type: ignore[attr-defined]  # BaseEventLoop's own
            if not scheduled:
                raise SimDeadlock(f"no runnable task and no timer at {self._now} s")
            self._now = max(self._now, scheduled[0]._when)  # noqa: SLF001 the only place where time moves
        while scheduled and scheduled[0]._when <= self._now:  # noqa: SLF001 as above
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # noqa: SLF001 as above
            if not handle._cancelled:  # noqa: SLF001 as above
                ready.append(handle)
            else:
                self._timer_cancelled_count -= 1  # type: ignore[attr-defined]  # kept by BaseEventLoop
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001 as above
                handle._run()  # noqa: SLF001 as above

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


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` in virtual time to its end."""
    loop = SimLoop()

    async def body() -> T:
        return await main()

    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(body())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
