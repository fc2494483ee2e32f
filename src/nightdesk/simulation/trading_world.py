"""A whole world from a seed: a lab, a machine with a journal, desks that start again when they die, faults.

Two phases: trading while faults strike, then the faults end and progress is demanded: a flatten must finish,
and everything unknown must become known. Facts reach the checkers as they happen; the first violation ends it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
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
from nightdesk.model.records import Spooled, decode_record
from nightdesk.model.time import MS_NS
from nightdesk.modes.ladder import DESK
from nightdesk.node.compose import plan_of
from nightdesk.node.plan import SNAPSHOT_EVERY
from nightdesk.runtime.route import in_flight
from nightdesk.simulation import setting
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.crew import HOME, Crew
from nightdesk.simulation.faults import Fault, lanes_of
from nightdesk.simulation.hearing import deaf, uncovered
from nightdesk.simulation.incarnation import RUNNING, Incarnation
from nightdesk.simulation.loop import SimLoop, run
from nightdesk.simulation.machine import Machine
from nightdesk.simulation.mood import Mood, moody
from nightdesk.simulation.network import LabNetwork
from nightdesk.simulation.setting import Ended, WorldOptions, longer_s
from nightdesk.simulation.spool import spooled
from nightdesk.simulation.strikes import Missed, strike
from nightdesk.simulation.trap import How, Moment
from nightdesk.simulation.watching import Watch

FLAT_WITHIN_S = 30.0  # from the heal on
REST_S = 45.0  # from the heal to the end
PUBLISH_S = 1.0
ASK_AGAIN_S = 0.5
MIRROR_EVERY_NS = 50 * MS_NS  # a look at nothing new costs a world as much as any other
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
        self._trace = blake2b(digest_size=16)
        self._told = 0
        self._broke = ""
        self._healed_at: float | None = None
        self._flat_at: float | None = None
        self.lab = setting.lab_of(options.seed, self.config, options.parts)
        self.network = LabNetwork(self.lab, self.time, self._heard)
        lanes = lanes_of(options.faults)
        self.machine = Machine(HOME, loop, self.time, options.seed, self, lanes)
        self.mood = Mood(watch)
        plan = moody(plan_of(self.config, Path(options.base)), self.mood)
        every = self._draw.choice(SNAPSHOTS_EVERY)
        pace = msgspec.structs.replace(plan.pace, mirror_every_ns=MIRROR_EVERY_NS)
        plan = msgspec.structs.replace(plan, snapshot_every=every, pace=pace)
        self.spooled = spooled(options.seed)
        self.crew = Crew(self, plan, self._draw)
        self.contracts = self.lab.usdm is not None

        self.names = setting.names_of(self.lab)

    # --- facts ---------------------------------------------------------------------------

    def appended(self, node: str, after: Seq, frames: Sequence[bytes]) -> None:
        """See `machine.Observer`."""
        for index, data in enumerate(frames, 1):
            frame = decode_frame(data)
            record = decode_record(frame.body)
            self._trace.update(frame.digest)
            self.watch.written(node, Seq(after + index), frame.epoch, frame.at, record)

    def kept(self, node: str, entries: Sequence[Spooled]) -> None:
        """See `machine.Observer`."""
        for entry in entries:
            self._trace.update(f"spool {entry.intent.client_id}\n".encode())
            self.watch.kept(node, entry.intent.client_id)

    def leased(self, node: str, epoch: Epoch, ttl_ns: int) -> None:
        """See `machine.Observer`."""
        self.watch.leased(node, epoch, self.time.wall() + ttl_ns)

    def broken(self, what: str) -> None:
        """A desk ended as none may."""
        self._broke = what

    def told(self, who: str, event: str, fields: dict[str, object]) -> None:
        """A line of a desk's log."""
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
            *(
                self._loop.create_task(self.crew.supervise(*shift), name="supervisor")
                for shift in self.crew.shifts
            ),
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
            for running in self.crew.alive():
                for what in deaf(running, self.options):
                    self.watch.deaf(running.name, what)
            for who, what in uncovered(self.crew, self.machine, self.options):
                self.watch.deaf(who, what)
            return self._ended()
        finally:
            self.crew.stopping = True
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self.machine.bury()

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An exception that nobody awaited: of a dead process it means nothing."""
        error = context.get("exception")
        if not isinstance(error, (OperatingError, BaseExceptionGroup)):
            self._broke = f"{context.get('message')}: {error!r}"

    async def _until(self, second: float, tasks: Sequence["asyncio.Task[None]"]) -> None:
        while self.time.now() < second and not self.watch.stop() and not self._broke:
            await asyncio.sleep(min(1.0, second - self.time.now()))
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()  # the world itself is broken

    async def _publish(self) -> None:
        """What a status request would be told, once a second."""
        while True:
            await asyncio.sleep(PUBLISH_S)
            for running in self.crew.alive():
                if running.up:
                    self.watch.published(running)
            if self._healed_at is not None and self._flat_at is None and self.watch.flat():
                self._flat_at = self.time.now()

    # --- faults --------------------------------------------------------------------------

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s)
        flying = sum(
            in_flight(running.node.shell.routes.values())
            for running in self.crew.alive()
            if running.up
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

    def command(self, verb: str, **asked: str) -> bool:
        """An operator's command to the desk that runs, with what else is `asked`; False when there is none to
        hear it."""
        running = self.crew.living()
        if running is None or not running.up:
            return False
        said = {"verb": verb, "reason": "an operator of the world", **asked}
        request = msgspec.convert(said, Request)
        self.watch.commanded(verb)
        answer = running.node.commands.answer(request)
        _ = self.machine.spawn(running.incarnation, answer, f"command-{verb}")
        return True

    def trapped(self, process: Incarnation, moment: Moment, how: How) -> None:
        """A process walked into a trap."""
        self.watch.trapped(process.name, moment, how)

    def soon(self, do: Callable[[], None], seconds: float = 0.0) -> None:
        """Do it as nobody's process."""
        self._loop.call_later(seconds, do, context=Context())

    def _heal(self) -> "asyncio.Task[None]":
        """The faults end; clocks stay as wrong as they are."""
        self.lab_door("DELETE", "/lab/faults")
        machine = self.machine
        for link in machine.lanes:
            link.mend()
        machine.disk.full = machine.disk.sync_fails = False
        machine.stalled_until = machine.spool_away_until = 0.0
        machine.spool_fails = False
        machine.traps.clear()
        self.crew.heal()
        self._healed_at = self.time.now()
        self.watch.healed()
        return self._loop.create_task(self._flatten(), name="flatten")

    async def _flatten(self) -> None:
        """An operator who wants out says so to whoever leads, until that desk shows that it heard."""
        while not self.crew.stopping:
            running = self.crew.living()
            if running is not None and running.up:
                ladder = running.node.shell.desk.state.ladder
                if ladder.demands(DESK, "flatten") is Mode.NORMAL:
                    self.command("flatten")
            await asyncio.sleep(ASK_AGAIN_S)

    def _ended(self) -> Ended:
        running = self.crew.last_led()
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
