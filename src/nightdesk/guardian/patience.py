"""Asking what may wait for a disk that never answers: within a while, or not at all."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from nightdesk.adapters.worker import Worker, heard
from nightdesk.model.errors import AppendRefused

T = TypeVar("T")
WITHIN_S = 2.0


class Patience:
    """One question at a time, from a thread that keeps no process from ending."""

    def __init__(self, name: str) -> None:
        self._worker = Worker(name)
        self._late: asyncio.Future[Any] | None = None

    async def ask(self, work: Callable[[], T]) -> T:
        """What it says; raises `AppendRefused` where that takes longer than `WITHIN_S`. Until it has answered
        nothing else is asked, and nobody waits; that answer is too old."""
        if self._late is None or self._late.done():
            self._late = asked = self._worker.do(work)
            asked.add_done_callback(heard)
            await asyncio.wait([asked], timeout=WITHIN_S)
            if asked.done():
                return asked.result()
        raise AppendRefused(f"the disk has not answered for {WITHIN_S:g} s")
