"""One thread that does what may wait for a disk, in turn, so that the loop never does."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


def heard(future: "asyncio.Future[Any]") -> None:
    """Of one that nobody waits for any more: what it raises is nobody's."""
    if not future.cancelled():
        future.exception()


class Worker:
    """A daemon: a disk that never answers keeps no process from ending."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Do it after what was asked for before; what it raises, the future raises."""
        future: asyncio.Future[T] = self._loop.create_future()

        def job() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 carried to the caller, whatever it is
                self._back(future, None, error)
            else:
                self._back(future, result, None)

        self._jobs.put(job)
        return future

    def end(self, wait_s: float = 0.0) -> None:
        """Do nothing more; what was asked for before is still done, and waited for so long."""
        self._jobs.put(None)
        if wait_s:
            self._thread.join(wait_s)

    def _back(self, future: asyncio.Future[T], result: T | None, error: Exception | None) -> None:
        def settle() -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # T may itself be None

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
