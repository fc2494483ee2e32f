"""A desk's process in a world, and the ports that belong to it alone."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from random import Random

from nightdesk.node.node import Node
from nightdesk.ports.journal import Holder
from nightdesk.simulation.incarnation import Incarnation, Life
from nightdesk.simulation.machine import Machine
from nightdesk.simulation.network import SimHttp
from nightdesk.strategy.api import Draw
from nightdesk.venues.http import HttpRequest, HttpResult


class Running:
    """A desk's process."""

    def __init__(self, incarnation: Incarnation, node: Node, task: "asyncio.Task[None]") -> None:
        self.incarnation = incarnation
        self.node = node
        self.task = task
        self.over = asyncio.Event()  # it ended or died
        task.add_done_callback(self._ended, context=copy_context())

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            task.exception()  # looked at: whoever waits for `over` judges it
        self.over.set()

    @property
    def name(self) -> str:
        """Machine, program and pid."""
        return self.incarnation.name

    @property
    def up(self) -> bool:
        """Whether it has composed its desk and runs."""
        return self.incarnation.life is Life.RUNNING and self.node.ready.is_set()


class ProcessEntropy:
    """A process's own chance; nonces come from the world, which never repeats one."""

    def __init__(self, seed: str, nonces: Random) -> None:
        self._seed = seed
        self._nonces = nonces

    def stream(self, name: str) -> Draw:
        """See the port."""
        return Random(f"{self._seed}/{name}")

    def nonce(self, below: int) -> int:
        """See the port."""
        return self._nonces.randrange(below)


class Alone:
    """One process that never dies by itself; who held the lease before has ended."""

    def me(self, name: str) -> Holder:
        """See the port."""
        return Holder(name=f"{name} in simulation", machine="sim", boot="sim", pid=1, started=1)

    def gone(self, holder: Holder) -> bool:
        """See the port."""
        return holder.machine == "sim"


class MachineProcesses:
    """Who a process is, and which others of its machine still live."""

    def __init__(self, machine: Machine, incarnation: Incarnation) -> None:
        self._machine = machine
        self._incarnation = incarnation

    def me(self, name: str) -> Holder:
        """See the port."""
        return Holder(
            name=self._incarnation.name,
            machine=self._machine.name,
            boot="sim",
            pid=self._incarnation.pid,
            started=1,
        )

    def gone(self, holder: Holder) -> bool:
        """See the port."""
        return self._machine.gone(holder)


class TellingLog:
    """A desk's log, told to whoever looks at the world."""

    def __init__(self, say: Callable[[str, str, dict[str, object]], None], who: str) -> None:
        self._say = say
        self._who = who

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        """See the port."""
        self._say(self._who, event, fields)


class TellingHttp(SimHttp):
    """A pool that tells what leaves."""

    tell: Callable[[HttpRequest], None]

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        """See the port."""
        self.tell(request)
        return super().exchange(request, timeout_ns=timeout_ns)
