"""One life of a simulated process, which may end between any two instructions or stand still.

Everything that a process starts inherits its incarnation through the context; the loop asks it before it runs
anything. A process that was killed runs no `finally`: its tasks are kept, never cancelled, and never run again.
"""

import asyncio
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from enum import Enum, auto
from typing import Any


class Life(Enum):
    """What the scheduler does with a process."""

    RUNNING = auto()
    FROZEN = auto()  # SIGSTOP, a stalled hypervisor, a loop that is blocked
    DEAD = auto()


class Incarnation:
    """One process from its start to its end."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.life = Life.RUNNING
        self.parked: deque[asyncio.Handle] = deque()
        self.parked_max: int | None = None  # what fits into its memory while nothing is handled
        self.burst: Callable[[], None] = lambda: None  # called when more than that waits
        self.tasks: list[asyncio.Task[Any]] = []
        self._thread: Incarnation | None = None

    def spawn(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], name: str
    ) -> asyncio.Task[Any]:
        """Start a task of this process; whatever it starts belongs to the process too."""
        context = copy_context()
        context.run(RUNNING.set, self)
        return loop.create_task(work, name=f"{self.name}/{name}", context=context)

    @property
    def thread(self) -> "Incarnation":
        """A thread of the process beside its event loop: it dies and stands still with the process, and goes on
        while only the loop is blocked."""
        if self._thread is None:
            self._thread = Incarnation(f"{self.name}'s thread", self.pid)
            self._thread.life = self.life
        return self._thread

    def kill(self) -> None:
        """The process is gone: nobody in it hears of that."""
        self.life = Life.DEAD
        self.parked.clear()
        if self._thread is not None:
            self._thread.kill()

    def freeze(self) -> None:
        """Nothing of it runs; what comes due meanwhile waits."""
        self.block()
        if self._thread is not None:
            self._thread.block()

    def block(self) -> None:
        """Somebody computes in its event loop: threads go on, nothing else does."""
        if self.life is Life.RUNNING:
            self.life = Life.FROZEN

    def thaw(self) -> None:
        """It goes on as if no time had passed; the loop runs what was parked first."""
        if self.life is Life.FROZEN:
            self.life = Life.RUNNING

    def park(self, handle: asyncio.Handle) -> None:
        """Keep what it should have run; more than its memory holds is its end."""
        self.parked.append(handle)
        if self.parked_max is not None and len(self.parked) > self.parked_max:
            self.parked_max = None
            self.burst()

    def bury(self) -> None:
        """Let go of what a dead process held, after the world has ended; it dies of it, if it had not."""
        self.kill()
        here = Context()
        here.run(RUNNING.set, self)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # what it had not begun to await
            self._close(here)

    def _close(self, here: Context) -> None:
        for task in self.tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 it is meant to be pending
            coroutine = task.get_coro()
            try:
                if coroutine is not None:
                    here.run(coroutine.close)
            except (Exception, BaseExceptionGroup):  # noqa: BLE001 a `finally` that awaits, a group that is closed
                pass
        self.tasks.clear()


RUNNING: ContextVar[Incarnation | None] = ContextVar("nightdesk_incarnation", default=None)


def gone() -> bool:
    """Whether the process that asks has just died: what it does on its way down reaches nobody."""
    process = RUNNING.get()
    return process is not None and process.life is Life.DEAD
