"""The spool of a machine: on a disk of its own, which no fault of the journal's reaches, and with faults of
its own: it refuses, and then has a beginning of what it was given, or it answers nothing for a while."""

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from nightdesk.journal.spool import entries_in
from nightdesk.ports.spool import Left
from nightdesk.simulation.incarnation import Incarnation
from nightdesk.simulation.machine import Machine

T = TypeVar("T")

SHARE = 0.5  # of desks that have one
TAKES_S = 0.0001  # until it is done, and until that is heard


def spooled(seed: int) -> bool:
    """Whether the desk of a world has one."""
    return Random(f"{seed}/spool").random() < SHARE


class SimSpool:
    """One process's. A process that dies may not have heard what was done. One whose file was removed while it
    stood still writes on into what nobody finds any more."""

    def __init__(self, machine: Machine, process: Incarnation) -> None:
        self._machine = machine
        self._process = process
        self._own = ""
        self._data = b""  # what its open file has
        self._removed = False
        self._loop = asyncio.get_running_loop()

    def open(self, life: str) -> asyncio.Future[list[Left]]:
        """See the port."""

        def work() -> list[Left]:
            self._works()
            self._own = life
            others = sorted(self._machine.spools.items())
            return [Left(life=other, data=data) for other, data in others if other != life]

        return self._later(work)

    def keep(self, data: bytes) -> asyncio.Future[None]:
        """See the port."""

        def work() -> None:
            spools, before = self._machine.spools, self._data
            self._removed = self._removed or spools.get(self._own, b"") != before
            if self._machine.spool_fails and not self._removed:
                spools[self._own] = before + data[: len(data) // 2]
            self._works()
            self._data = before + data
            if not self._removed:
                spools[self._own] = self._data
            kept, known = entries_in(self._data)[0], entries_in(before)[0]
            self._machine.observer.kept(self._process.name, kept[len(known) :])

        return self._later(work)

    def empty(self) -> asyncio.Future[None]:
        """See the port."""

        def work() -> None:
            self._works()
            self._data = b""
            if not self._removed:
                self._machine.spools.pop(self._own, None)

        return self._later(work)

    def drop(self, lives: Sequence[str]) -> asyncio.Future[None]:
        """See the port."""

        def work() -> None:
            self._works()
            for life in lives:
                self._machine.spools.pop(life, None)

        return self._later(work)

    def _works(self) -> None:
        if self._machine.spool_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _later(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()

        def act() -> None:
            away_s = self._machine.spool_away_until - self._loop.time()
            if away_s > 0:
                self._loop.call_later(away_s, act)
                return
            try:
                result = work()
            except OSError as error:
                self._loop.call_later(TAKES_S, future.set_exception, error)
            else:
                self._loop.call_later(TAKES_S, future.set_result, result)

        self._loop.call_later(TAKES_S, act)
        return future
