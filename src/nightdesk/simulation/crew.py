"""The desk's processes of a world: one, or several that stand by, each started again when it ends or dies."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial
from random import Random
from typing import Protocol

import msgspec

from nightdesk.config.schema import Config
from nightdesk.node.node import Node
from nightdesk.node.plan import ALONE, Plan, Role, World
from nightdesk.simulation.incarnation import Incarnation, Life
from nightdesk.simulation.machine import Machine
from nightdesk.simulation.network import LabNetwork, SimStreams
from nightdesk.simulation.processes import (
    MachineProcesses,
    ProcessEntropy,
    Running,
    TellingHttp,
    TellingLog,
    expected,
    leaves,
)
from nightdesk.simulation.setting import WorldOptions, outside
from nightdesk.simulation.spool import SimSpool
from nightdesk.simulation.watching import Watch
from nightdesk.venues.http import HttpRequest

HOME = "home"
RESTART_S = (0.05, 2.0)  # what a supervisor takes
CRASHES_AFTER_S = (0.05, 0.5)  # from a start, while a poisoned message waits for every one of them


class Place(Protocol):
    """The world that a crew works in."""

    options: WorldOptions
    watch: Watch
    config: Config
    network: LabNetwork
    machine: Machine
    spooled: bool

    def soon(self, do: Callable[[], None], seconds: float = 0.0) -> None: ...
    def told(self, who: str, event: str, fields: dict[str, object]) -> None: ...
    def broken(self, what: str) -> None: ...


class Crew:
    """`plan` is what each is told to run that starts from now on."""

    def __init__(self, place: Place, plan: Plan, draw: Random) -> None:
        self.nodes: list[Running] = []  # all that ever were, oldest first
        self.tasks_ended: set[str] = set()  # processes in which a fault ended a task
        self.stopping = False
        self._place = place
        self.plan = plan
        self._draw = draw
        self._nonces = Random(f"{place.options.seed}/nonces")
        self._crashing = 0  # how many faults kill whatever starts
        # In nobody's context: what comes of it is not the killer's.
        place.machine.ends = lambda process: Context().run(self.die, self.running(process), "kill")

    @property
    def shifts(self) -> list[tuple[str, Role]]:
        """What is started at the beginning: one desk alone, or several that stand by each other."""
        several = self._place.options.nodes
        if several == 1:
            return [("desk", ALONE)]
        return [(f"desk-{n}", Role(stands_by=True, rank=n)) for n in range(1, several + 1)]

    async def supervise(self, program: str, role: Role) -> None:
        """Start a desk, and again whenever it ends or dies."""
        rest_ns = 0
        while not self.stopping:
            running = self._start(program, HOME, msgspec.structs.replace(role, rest_ns=rest_ns))
            await running.over.wait()
            if running.task.done() and running.incarnation.life is not Life.DEAD:
                self._ended_itself(running)
            rest_ns = self.plan.pace.lease.ttl_ns if running.node.handed_over else 0
            await asyncio.sleep(self._draw.uniform(*RESTART_S))

    def alive(self) -> list[Running]:
        """Processes that have not ended, oldest first."""
        return [r for r in self.nodes if r.incarnation.life is not Life.DEAD and not r.task.done()]

    def living(self) -> Running | None:
        """The desk that runs: of several the one that led last, else the newest."""
        runs = [r for r in self.alive() if r.incarnation.life is Life.RUNNING]
        return max(runs, key=lambda r: (r.epoch, self.nodes.index(r)), default=None)

    def standing_by(self) -> Running | None:
        """The newest that runs and does not lead."""
        runs = [r for r in self.alive() if r.incarnation.life is Life.RUNNING and not r.epoch]
        return runs[-1] if runs and self._place.options.nodes > 1 else None

    def running(self, process: Incarnation) -> Running:
        """The desk of a process."""
        return next(running for running in self.nodes if running.incarnation is process)

    def last_led(self) -> Running | None:
        """Who led last, whether or not it still runs."""
        led = [running for running in self.nodes if running.epoch]
        return max(led, key=lambda r: r.epoch, default=None)

    def die(self, running: Running, how: str) -> None:
        """The process is gone; nothing happens to one that already is."""
        if running.incarnation.life is Life.DEAD or running.task.done():
            return
        place = self._place
        if how == "power":
            for other in self.alive():
                place.watch.died(other, how)
            if place.machine.lose_power():
                place.watch.torn()
            for other in self.nodes:
                other.over.set()
        else:
            place.watch.died(running, how)
            place.machine.kill(running.incarnation)
            running.over.set()
        for other in self.nodes:
            if other.incarnation.life is Life.DEAD:
                place.network.process_died(place.machine.link, other.incarnation)

    def second(self, host: str) -> Callable[[], None]:
        """Another desk on the same journal, here or where nobody sees who lives here; returns what ends it."""
        running = self._start("second", host, ALONE)

        def end() -> None:
            if running.incarnation.life is Life.DEAD:
                return
            if running.task.done():
                self._ended_itself(running)
            else:
                self.die(running, "kill")

        return end

    @property
    def crashing(self) -> int:
        """How many faults kill whatever starts."""
        return self._crashing

    def crash_loop(self) -> Callable[[], None]:
        """Every process that starts from now on dies soon; returns what ends it."""
        self._crashing += 1
        for running in self.alive():
            self.die(running, "kill")
        return lambda: setattr(self, "_crashing", max(0, self._crashing - 1))

    def heal(self) -> None:
        """Nobody stands still or crashes any more."""
        self._crashing = 0
        for running in self.nodes:
            self._place.machine.thaw(running.incarnation)

    def _ended_itself(self, running: Running) -> None:
        error = None if running.task.cancelled() else running.task.exception()
        ended = leaves(error)
        strange = [e for e in ended if not expected(e, running.name in self.tasks_ended)]
        if strange:
            self._place.broken(f"{running.name}: {strange[0]!r}")
        for leaf in ended:
            self._place.told(running.name, "ended", {"why": f"{type(leaf).__name__}: {leaf}"})
        self._place.machine.ended(running.incarnation)

    def _start(self, program: str, host: str, role: Role) -> Running:
        place, machine = self._place, self._place.machine
        incarnation = machine.start(program)
        seed = f"{place.options.seed}/{incarnation.name}"
        running: Running
        tell = lambda request: self._sent(running, request)  # noqa: E731 `running` is made below
        told_to_wait = partial(place.watch.told_to_wait, incarnation.name)
        https = [
            TellingHttp(place.network, machine, incarnation, tell, told_to_wait, lane)
            for lane in range(len(machine.lanes))
        ]
        streams = SimStreams(place.network, machine.link, machine.clock)
        boards, parts = machine.boards_of(host), place.options.parts
        node = Node(
            self.plan,
            World(
                clock=machine.clock,
                entropy=ProcessEntropy(seed, self._nonces),
                processes=MachineProcesses(machine, incarnation, host),
                log=TellingLog(place.told, incarnation.name),
                journal=machine.engine(incarnation),
                venues=outside(place.config, https, streams, boards, parts),
                log_dropped=lambda: 0,
                spool=SimSpool(machine, incarnation) if place.spooled else None,
            ),
            role,
        )
        task = machine.spawn(incarnation, node.run(), "node")
        running = Running(incarnation, node, task, stands_by=role.stands_by)
        self.nodes.append(running)
        if self._crashing:
            place.soon(lambda: self.die(running, "kill"), self._draw.uniform(*CRASHES_AFTER_S))
        return running

    def _sent(self, running: Running, request: HttpRequest) -> None:
        self._place.watch.sent(running.name, request, running.epoch)
