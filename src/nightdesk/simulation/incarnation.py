"""One life of a simulated process, which may end between any two instructions or stand still.

Everything that a process starts inherits its incarnation through the context; the loop asks it before it runs
anything. A process that was killed runs no `finally`: its tasks are kept, never cancelled, and never run again.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
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
        self.tasks: list[asyncio.Task[Any]] = []

    def spawn(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], name: str
    ) -> asyncio.Task[Any]:
        """Start a task of this process; whatever it starts belongs to the process too."""
        context = copy_context()
        context.run(RUNNING.set, self)
        return loop.create_task(work, name=f"{self.name}/{name}", context=context)

    def kill(self) -> None:
        """The process is gone: nobody in it hears of that."""
        self.life = Life.DEAD
        self.parked.clear()

    def freeze(self) -> None:
        """Nothing of it runs; what comes due meanwhile waits."""
        if self.life is Life.RUNNING:
            self.life = Life.FROZEN

    def thaw(self) -> None:
        """It goes on as if no time had passed; the loop runs what was parked first."""
        if self.life is Life.FROZEN:
            self.life = Life.RUNNING

    def bury(self) -> None:
        """Let go of what a dead process held, after the world has ended."""
        for task in self.tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 it is meant to be pending
            coroutine = task.get_coro()
            try:
                if coroutine is not None:
                    coroutine.close()
            except Exception:  # noqa: BLE001 a `finally` that awaits: the process it belonged to is long dead
                pass
        self.tasks.clear()


RUNNING: ContextVar[Incarnation | None] = ContextVar("nightdesk_incarnation", default=None)
