"""Where requests to one venue wait for room in its budget; who is cancelled there has cost nothing."""

import asyncio
from collections.abc import Callable

from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.resilience.budget import Budget, Cost, Spent
from nightdesk.resilience.line import Line, Waiting

WAIT_MAX_NS = 10 * SECOND_NS  # for room: what is asked for later is asked anew
LOOK_LEAST_NS = MS_NS  # a loop's timer may come a little early by another clock
LOOK_MOST_NS = 20 * MS_NS  # what other processes give back, nobody tells


class Turns:
    """The line of one budget, on the loop's timers; `shared` with other processes or not."""

    def __init__(self, budget: Budget, mono: Callable[[], Mono], *, shared: bool = False) -> None:
        self._mono = mono
        self._shared = shared
        self._line = Line(budget)
        self._waiting: dict[Waiting, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def free(self, cost: Cost) -> bool:
        """Whether a request need not wait."""
        return self._line.free(cost, self._mono())

    async def wait(self, cost: Cost) -> Spent | None:
        """Wait for room, which is then spent; None where it did not come in time, or too many wait."""
        waiting = self._line.join(cost, Mono(self._mono() + WAIT_MAX_NS))
        if waiting is None:
            return None
        served = self._waiting[waiting] = asyncio.get_running_loop().create_future()
        self.look()
        try:
            await served
        except asyncio.CancelledError:
            self._line.leave(waiting)
            self.look()
            raise
        finally:
            del self._waiting[waiting]
        return waiting.spent

    def look(self) -> None:
        """Serve who has room now: time has passed, or something was given back."""
        if not self._waiting:
            return
        if self._timer is not None:
            self._timer.cancel()
        now = self._mono()
        for waiting in self._line.serve(now):
            if not self._waiting[waiting].done():  # else it was cancelled, and is about to leave
                self._waiting[waiting].set_result(None)
        due, self._timer = self._line.due(now), None
        if due is not None:
            loop = asyncio.get_running_loop()
            wait_ns = min(due - now, LOOK_MOST_NS) if self._shared else due - now
            self._timer = loop.call_later(max(wait_ns, LOOK_LEAST_NS) / SECOND_NS, self.look)
