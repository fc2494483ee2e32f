"""A whole world from a seed: a lab, a machine with a journal, desks that start again when they die, faults.

Two phases: trading while faults strike, then the faults end and progress is demanded: a flatten must finish,
and everything unknown must become known. Facts reach the checkers as they happen; the first violation ends it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from functools import partial
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from random import Random

import msgspec

from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.control.messages import Request
from nightdesk.journal.frame import decode_frame
from nightdesk.lab.wire import Respond, RestCall
from nightdesk.model.errors import BadInput, OperatingError
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.mode import Mode
from nightdesk.model.records import decode_record
from nightdesk.modes.ladder import DESK
from nightdesk.node.compose import plan_of
from nightdesk.node.node import Node
from nightdesk.node.plan import SNAPSHOT_EVERY, World
from nightdesk.runtime.route import in_flight
from nightdesk.simulation import setting
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.faults import Fault, lanes_of
from nightdesk.simulation.hearing import deaf
from nightdesk.simulation.incarnation import RUNNING, Incarnation, Life
from nightdesk.simulation.loop import SimLoop, run
from nightdesk.simulation.machine import Machine
from nightdesk.simulation.mood import Mood, moody
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
from nightdesk.simulation.setting import Ended, WorldOptions, longer_s, outside
from nightdesk.simulation.strikes import Missed, strike
from nightdesk.simulation.trap import How, Moment
from nightdesk.simulation.watching import Watch
from nightdesk.venues.http import HttpRequest

HOME = "home"
RESTART_S = (0.05, 2.0)  # what a supervisor takes
FLAT_WITHIN_S = 30.0  # from the heal on
REST_S = 45.0  # from the heal to the end
PUBLISH_S = 1.0
ASK_AGAIN_S = 0.5
CRASHES_AFTER_S = (0.05, 0.5)  # from a start, while a poisoned message waits for every one of them
SNAPSHOTS_EVERY = (150, 600, SNAPSHOT_EVERY)  # records: a world is short


class TradingWorld:
    """Made inside a `SimLoop`."""

    def __init__(self, options: WorldOptions, watch: Watch) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop), "a world lives in virtual time"
        loop.set_exception_handler(self._unhandled)
        self.options = options
        self.watch = watch
        text = options.config or setting.drawn_config(options.seed)
        self.config: Config = setting.narrowed(load(text, "the world's config"), options.symbols)
        self.time = TrueTime(loop, setting.begin_of(self.config))
        watch.begin(self.time)
        self._loop = loop
        self._draw = Random(f"{options.seed}/world")
        self._nonces = Random(f"{options.seed}/nonces")
        self._trace = blake2b(digest_size=16)
        self._told = 0
        self._broke = ""
        self._healed_at: float | None = None
        self._flat_at: float | None = None
        self.lab = setting.lab_of(options.seed, self.config, options.parts)
        self.network = LabNetwork(self.lab, self.time, self._heard)
        lanes = lanes_of(options.faults)
        self.machine = Machine(HOME, loop, self.time, options.seed, self, lanes)
        self.nodes: list[Running] = []
        self.mood = Mood(watch)
        plan = moody(plan_of(self.config, Path(options.base)), self.mood)
        every = self._draw.choice(SNAPSHOTS_EVERY)
        self._plan = msgspec.structs.replace(plan, snapshot_every=every)
        self._stopping = False
        self.contracts = self.lab.usdm is not None
        self.names = setting.names_of(self.lab)
        self.tasks_ended: set[str] = set()
        self.crashing = 0  # how many faults kill whatever starts

    # --- facts ---------------------------------------------------------------------------

    def appended(self, node: str, after: Seq, frames: Sequence[bytes]) -> None:
        """See `machine.Observer`."""
        for index, data in enumerate(frames, 1):
            frame = decode_frame(data)
            record = decode_record(frame.body)
            self._trace.update(frame.digest)
            self.watch.written(node, Seq(after + index), frame.epoch, frame.at, record)

    def leased(self, node: str, epoch: Epoch, ttl_ns: int) -> None:
        """See `machine.Observer`."""
        self.watch.leased(node, epoch, self.time.wall() + ttl_ns)

    def _say(self, who: str, event: str, fields: dict[str, object]) -> None:
        self._trace.update(f"{self.time.now():.9f} {who} {event} {fields}\n".encode())
        self.watch.say(who, event, fields)

    def _heard(self) -> None:
        """The lab may have written into its log."""
        if self.lab.truth.last_seq == self._told:
            return
        for entry in self.lab.truth.after(self._told, 1_000_000):
            self._told = entry.seq
            if entry.kind == "market":
                continue
            self._trace.update(f"{entry.at_ns} {entry.kind} {entry.client_order_id}\n".encode())
            self.watch.venue(entry)

    # --- life ----------------------------------------------------------------------------

    async def live(self) -> Ended:
        """Both phases; returns how it ended."""
        self.network.advance()
        tasks = [
            self._loop.create_task(self._supervise("desk"), name="supervisor"),
            self._loop.create_task(self._publish(), name="publisher"),
            *(
                self._loop.create_task(self._strike(fault), name=f"fault-{n}")
                for n, fault in enumerate(self.options.faults)
            ),
        ]
        try:
            await self._until(self.options.seconds, tasks)
            tasks.append(self._heal())
            await self._until(self.options.seconds + REST_S + longer_s(self.options.parts), tasks)
            for running in self._alive():
                for what in deaf(running, self.options):
                    self.watch.deaf(running.name, what)
            return self._ended()
        finally:
            self._stopping = True
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self.machine.bury()

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An exception that nobody awaited: of a dead process it means nothing."""
        error = context.get("exception")
        if not isinstance(error, (OperatingError, BaseExceptionGroup)):
            self._broke = f"{context.get('message')}: {error!r}"

    def _alive(self) -> list[Running]:
        """Processes that have not ended, oldest first."""
        return [r for r in self.nodes if r.incarnation.life is not Life.DEAD and not r.task.done()]

    async def _until(self, second: float, tasks: Sequence["asyncio.Task[None]"]) -> None:
        while self.time.now() < second and not self.watch.stop() and not self._broke:
            await asyncio.sleep(min(1.0, second - self.time.now()))
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()  # the world itself is broken

    async def _supervise(self, program: str) -> None:
        """Start a desk, and again whenever it ends or dies."""
        while not self._stopping:
            running = self._start(program)
            await running.over.wait()
            if running.task.done() and running.incarnation.life is not Life.DEAD:
                self._ended_itself(running)
            await asyncio.sleep(self._draw.uniform(*RESTART_S))

    def _ended_itself(self, running: Running) -> None:
        error = None if running.task.cancelled() else running.task.exception()
        strange = [
            leaf for leaf in leaves(error) if not expected(leaf, running.name in self.tasks_ended)
        ]
        if strange:
            self._broke = f"{running.name}: {strange[0]!r}"
        for leaf in leaves(error):
            self._say(running.name, "ended", {"why": f"{type(leaf).__name__}: {leaf}"})
        self.machine.ended(running.incarnation)

    def _start(self, program: str, host: str = HOME) -> Running:
        machine = self.machine
        incarnation = machine.start(program)
        seed = f"{self.options.seed}/{incarnation.name}"
        running: Running
        tell = lambda request: self._sent(running, request)  # noqa: E731 `running` is made below
        told_to_wait = partial(self.watch.told_to_wait, incarnation.name)
        https = [
            TellingHttp(self.network, machine, incarnation, tell, told_to_wait, lane)
            for lane in range(len(machine.lanes))
        ]
        streams = SimStreams(self.network, machine.link, machine.clock)
        node = Node(
            self._plan,
            World(
                clock=machine.clock,
                entropy=ProcessEntropy(seed, self._nonces),
                processes=MachineProcesses(machine, incarnation, host),
                log=TellingLog(self._say, incarnation.name),
                journal=machine.engine(incarnation),
                venues=outside(
                    self.config, https, streams, machine.boards_of(host), self.options.parts
                ),
                log_dropped=lambda: 0,
            ),
        )
        running = Running(incarnation, node, machine.spawn(incarnation, node.run(), "node"))
        self.nodes.append(running)
        if self.crashing:
            self.soon(lambda: self.die(running, "kill"), self._draw.uniform(*CRASHES_AFTER_S))
        return running

    def _sent(self, running: Running, request: HttpRequest) -> None:
        writer = getattr(getattr(running.node, "shell", None), "writer", None)
        self.watch.sent(running.name, request, Epoch(0) if writer is None else writer.epoch)

    async def _publish(self) -> None:
        """What a status request would be told, once a second."""
        while True:
            await asyncio.sleep(PUBLISH_S)
            for running in self._alive():
                if running.up:
                    self.watch.published(running)
            if self._healed_at is not None and self._flat_at is None and self.watch.flat():
                self._flat_at = self.time.now()

    # --- faults --------------------------------------------------------------------------

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s)
        flying = sum(
            in_flight(running.node.shell.routes.values()) for running in self._alive() if running.up
        )
        self.watch.begins(fault)
        try:
            undo = strike(self, fault)
        except Missed:
            return
        self.watch.struck(fault, in_flight=flying)
        if undo is not None:
            await asyncio.sleep(fault.for_s)
            undo()

    def lab_door(self, method: str, path: str, body: str = "", query: str = "") -> bytes:
        """The lab's own control API, past every network fault; raises `BadInput` for what it refuses."""
        call = RestCall(id=-1, method=method, path=path, query=query, body=body)
        outs = self.lab.handle(call, self.time.wall())
        told = [o for o in outs if isinstance(o, Respond) and o.call == call.id]
        self.network.emit([o for o in outs if not (isinstance(o, Respond) and o.call == call.id)])
        if told[0].status != HTTPStatus.OK:
            raise BadInput(f"{method} {path} {body}: the lab says {told[0].body.decode()}")
        return told[0].body

    def living(self) -> Running | None:
        """The newest desk that runs."""
        for running in reversed(self.nodes):
            if running.incarnation.life is Life.RUNNING and not running.task.done():
                return running
        return None

    def command(self, verb: str, **asked: str) -> bool:
        """An operator's command to the desk that runs, with what else is `asked`; False when there is none to
        hear it."""
        running = self.living()
        if running is None or not running.up:
            return False
        said = {"verb": verb, "reason": "an operator of the world", **asked}
        request = msgspec.convert(said, Request)
        self.watch.commanded(verb)
        answer = running.node.commands.answer(request)
        _ = self.machine.spawn(running.incarnation, answer, f"command-{verb}")
        return True

    def running(self, process: Incarnation) -> Running:
        """The desk of a process."""
        return next(running for running in self.nodes if running.incarnation is process)

    def trapped(self, process: Incarnation, moment: Moment, how: How) -> None:
        """A process walked into a trap."""
        self.watch.trapped(process.name, moment, how)

    def soon(self, do: Callable[[], None], seconds: float = 0.0) -> None:
        """Do it as nobody's process."""
        self._loop.call_later(seconds, do, context=Context())

    def crash_loop(self) -> Callable[[], None]:
        """Every process that starts from now on dies soon; returns what ends it."""
        self.crashing += 1
        running = self.living()
        if running is not None:
            self.die(running, "kill")
        return lambda: setattr(self, "crashing", max(0, self.crashing - 1))

    def die(self, running: Running, how: str) -> None:
        """The process is gone; nothing happens to one that already is."""
        if running.incarnation.life is Life.DEAD or running.task.done():
            return
        self.watch.died(running, how)
        if how == "power":
            if self.machine.lose_power():
                self.watch.torn()
            for other in self.nodes:
                other.over.set()
        else:
            self.machine.kill(running.incarnation)
            running.over.set()
        for other in self.nodes:
            if other.incarnation.life is Life.DEAD:
                self.network.process_died(self.machine.link, other.incarnation)

    def second(self, host: str) -> Callable[[], None]:
        """Another desk on the same journal, here or where nobody sees who lives here; returns what ends it."""
        running = self._start("second", host)

        def end() -> None:
            if running.incarnation.life is Life.DEAD:
                return
            if running.task.done():
                self._ended_itself(running)
            else:
                self.die(running, "kill")

        return end

    def _heal(self) -> "asyncio.Task[None]":
        """The faults end; clocks stay as wrong as they are."""
        self.lab_door("DELETE", "/lab/faults")
        machine = self.machine
        for link in machine.lanes:
            link.mend()
        machine.disk.full = machine.disk.sync_fails = False
        machine.stalled_until = 0.0
        machine.traps.clear()
        self.crashing = 0
        for running in self.nodes:
            machine.thaw(running.incarnation)
        self._healed_at = self.time.now()
        self.watch.healed()
        return self._loop.create_task(self._flatten(), name="flatten")

    async def _flatten(self) -> None:
        """An operator who wants out says so to whoever leads, until that desk shows that it heard."""
        while not self._stopping:
            running = self.living()
            if running is not None and running.up:
                ladder = running.node.shell.desk.state.ladder
                if ladder.demands(DESK, "flatten") is Mode.NORMAL:
                    self.command("flatten")
            await asyncio.sleep(ASK_AGAIN_S)

    def _ended(self) -> Ended:
        running = next((r for r in reversed(self.nodes) if hasattr(r.node, "shell")), None)
        counts = {} if running is None else dict(running.node.shell.desk.state.counts)
        flat = None
        if self._healed_at is not None and self._flat_at is not None:
            flat = self._flat_at - self._healed_at
        return Ended(
            virtual_s=self.time.now(),
            turns=self._loop.turns,
            trace=self._trace.hexdigest(),
            flat_s=flat,
            orders=counts,
            fills=counts.get("fills", 0),
            epochs=0 if running is None else running.node.shell.desk.state.epoch,
            torn=self.machine.torn,
            broke=self._broke,
        )


def run_world(options: WorldOptions, watch: Watch) -> Ended:
    """One world from beginning to end."""
    assert RUNNING.get() is None, "a world is nobody's process"

    made: list[TradingWorld] = []

    async def main() -> Ended:
        made.append(TradingWorld(options, watch))
        return await made[0].live()

    try:
        return run(main, shuffle=Random(f"{options.seed}/shuffle") if options.shuffle else None)
    except BaseException:
        for world in made:
            world.machine.leave()
        raise
