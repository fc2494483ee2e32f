"""A desk's process in a world, and the ports that belong to it alone."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from random import Random

from nightdesk.model.errors import OperatingError, TaskEnded
from nightdesk.model.ids import Epoch
from nightdesk.node.node import Node
from nightdesk.ports.journal import Holder
from nightdesk.runtime.requester import wait_of
from nightdesk.simulation.incarnation import Incarnation, Life
from nightdesk.simulation.machine import Machine
from nightdesk.simulation.network import LabNetwork, SimHttp
from nightdesk.venues.http import HttpRequest, HttpResult


class Running:
    """A desk's process."""

    def __init__(
        self,
        incarnation: Incarnation,
        node: Node,
        task: "asyncio.Task[None]",
        *,
        stands_by: bool = False,
    ) -> None:
        self.stands_by = stands_by  # beside one that leads
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
    def epoch(self) -> Epoch:
        """Of its desk, once it has composed it; 0 before, and while it stands by."""
        writer = getattr(getattr(self.node, "shell", None), "writer", None)
        return Epoch(0) if writer is None else writer.epoch

    @property
    def up(self) -> bool:
        """Whether it has composed its desk and runs."""
        return self.incarnation.life is Life.RUNNING and self.node.ready.is_set()


class ProcessEntropy:
    """A process's own chance; nonces come from the world, which never repeats one."""

    def __init__(self, seed: str, nonces: Random) -> None:
        self._seed = seed
        self._nonces = nonces

    def stream(self, name: str) -> Random:
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

    async def ended(self, holder: Holder) -> None:
        """See the port."""

    async def end(self, holder: Holder) -> bool:
        """See the port."""
        return True


class MachineProcesses:
    """Who a process is, and which others of its `host` still live.

    A process that says it is on another host than the machine's shares its journal all the same, and sees of
    the others only whether they renew their lease.
    """

    def __init__(self, machine: Machine, incarnation: Incarnation, host: str) -> None:
        self._host = host
        self._machine = machine
        self._incarnation = incarnation

    def me(self, name: str) -> Holder:
        """See the port."""
        return Holder(
            name=self._incarnation.name,
            machine=self._host,
            boot="sim",
            pid=self._incarnation.pid,
            started=1,
        )

    def gone(self, holder: Holder) -> bool:
        """See the port."""
        return holder.machine == self._host and self._machine.gone(holder)

    async def ended(self, holder: Holder) -> None:
        """See the port."""
        while not self.gone(holder):
            await self._machine.deaths.wait()

    async def end(self, holder: Holder) -> bool:
        """See the port."""
        if holder.machine != self._host:
            return False
        self._machine.end(holder)
        return True


class TellingLog:
    """A desk's log, told to whoever looks at the world."""

    def __init__(self, say: Callable[[str, str, dict[str, object]], None], who: str) -> None:
        self._say = say
        self._who = who

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        """See the port."""
        self._say(self._who, event, fields)


class TellingHttp(SimHttp):
    """A pool that tells what leaves, and walks into traps."""

    def __init__(
        self,
        network: LabNetwork,
        machine: Machine,
        incarnation: Incarnation,
        tell: Callable[[HttpRequest], None],
        told_to_wait: Callable[[HttpRequest, int], None],
        lane: int = 0,
    ) -> None:
        super().__init__(network, machine.lanes[lane])
        self._traps = machine.traps
        self._incarnation = incarnation
        self._tell = tell
        self._told_to_wait = told_to_wait

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        """See the port."""
        self._tell(request)
        self._traps.sending(self._incarnation, request)
        if self._incarnation.life is Life.FROZEN:
            return self._later(request, timeout_ns)
        return self._write(request, timeout_ns)

    def _write(self, request: HttpRequest, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        future = super().exchange(request, timeout_ns=timeout_ns)
        self._traps.sent(self._incarnation, request)
        future.add_done_callback(partial(self._answered, request))
        return future

    def _answered(self, request: HttpRequest, done: "asyncio.Future[HttpResult]") -> None:
        result = None if done.cancelled() else done.result()
        wait_s = None if result is None else wait_of(result)
        if wait_s is not None:
            self._told_to_wait(request, wait_s)
        self._traps.answered(self._incarnation, request)

    def _later(self, request: HttpRequest, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        """It stood still between its last look and the write: the bytes leave when it goes on."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[HttpResult] = loop.create_future()

        def write() -> None:
            inner = self._write(request, timeout_ns)
            inner.add_done_callback(lambda done: future.set_result(done.result()))

        loop.call_soon(write)
        return future


def leaves(error: BaseException | None) -> list[BaseException]:
    """What a process ended with, without the groups around it."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [] if error is None else [error]


def expected(leaf: BaseException, task_ended: bool) -> bool:
    """Whether a desk may end with it: with an ended task only where a fault ended one."""
    if isinstance(leaf, TaskEnded):
        return task_ended
    return isinstance(leaf, OperatingError)
