"""Asking what may wait for a disk that never answers: within a while, or not at all."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from nightdesk.adapters.worker import Worker
from nightdesk.model.errors import AppendRefused

T = TypeVar("T")
WITHIN_S = 2.0


class Patience:
    """One question at a time, from a thread that keeps no process from ending."""

    def __init__(self, name: str) -> None:
        self._worker = Worker(name)
        self._late: asyncio.Future[Any] | None = None

    async def ask(self, work: Callable[[], T]) -> T:
        """What it says; raises `AppendRefused` where that takes longer than `WITHIN_S`. Nothing else is asked
        before it has answered, and then that answer is too old."""
        try:
            async with asyncio.timeout(WITHIN_S):
                if self._late is not None:
                    await asyncio.wait([self._late])
                    self._late = None
                asked = self._worker.do(work)
                self._late = asked
                await asyncio.wait([asked])
                self._late = None
                return asked.result()
        except TimeoutError:
            raise AppendRefused(f"the disk has not answered for {WITHIN_S:.0f} s") from None
