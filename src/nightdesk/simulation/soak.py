"""One long world: a desk that trades slowly for weeks, dies now and then, and must not grow.

The journal is a file on a real disk, as in production. The venue forgets what is long over: its memory is not
what is measured. What it logs goes to a file, which the laws are held against when all is over.
"""

import asyncio
import gc
import resource
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from random import Random
from time import process_time

import msgspec

from nightdesk.adapters.journal_file import history_of
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.audit.venue_log import Entry
from nightdesk.audit.verdict import Verdict, judge
from nightdesk.config.load import load
from nightdesk.lab.core import Lab
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.settings import AccountSettings, LabSettings, default_symbol
from nightdesk.lab.wire import RestCall
from nightdesk.model.errors import AppendUnknown
from nightdesk.model.ids import InstrumentId, instrument_key
from nightdesk.node.compose import plan_of
from nightdesk.node.node import Node
from nightdesk.node.plan import World
from nightdesk.ports.journal import Holder
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.engine import InlineJournal
from nightdesk.simulation.incarnation import RUNNING, Incarnation, Life
from nightdesk.simulation.link import Link, Trouble
from nightdesk.simulation.loop import SimLoop, run
from nightdesk.simulation.network import LabNetwork, SimHttp, SimStreams
from nightdesk.simulation.patience import patience
from nightdesk.simulation.processes import Alone, ProcessEntropy
from nightdesk.simulation.setting import KEY, SECRET, START, balances_of, outside
from nightdesk.simulation.steady import STEADY

DAY_S = 86_400.0
PACE = 0.01  # of the practice market: a quote every five seconds
A_DAY = {"kill": 2, "restart": 1, "reset": 5, "lost_response": 3, "lost_request": 3}  # on average
RESTART_S = 1.0
WALL_S_MAX = 86_400.0  # a month takes about an hour
VENUE_KEEPS = 2_000  # orders, executions and lines of the log
SYMBOL = "BTCUSDT"


class SoakOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One soak; `folder` is empty, and left as it is at the end."""

    seed: int
    days: float
    slice_s: float
    folder: Path


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Where the desk stands at the end of a slice; counts are from the beginning on."""

    day: float
    orders: int
    records: int
    starts: int
    journal_bytes: int
    snapshot_bytes: int  # of the newest one: what a start must load
    memory_bytes: int
    cpu_s: float


class _Process:
    """One desk's process, with everything that dies with it."""

    def __init__(self, seed: int, number: int, path: Path) -> None:
        self.incarnation = Incarnation(f"soak/desk.{number}", number)
        self.link = Link("10.0.0.1", Random(f"{seed}/link/{number}"))
        self.node: Node
        self.task: asyncio.Task[None]
        self.over = asyncio.Event()
        self._file: SqliteJournal | None = SqliteJournal(str(path))
        draw = Random(f"{seed}/engine/{number}")
        self.engine = InlineJournal(self._opened, draw, self.incarnation.thread)

    def _opened(self) -> SqliteJournal:
        if self._file is None:
            raise AppendUnknown("the process is gone")
        return self._file

    def close(self) -> None:
        """Let go of the file; nothing reaches it any more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def bury(self) -> None:
        """Nothing of it runs, or takes memory, from here on."""
        self.incarnation.kill()
        self.link.begin(Trouble(up_cut=True))
        self.close()
        context = copy_context()
        context.run(RUNNING.set, self.incarnation)
        loop = asyncio.get_running_loop()
        context.run(loop.set_exception_handler, lambda *_: None)
        context.run(self.incarnation.bury)
        context.run(loop.set_exception_handler, None)


class _Others(Alone):
    """The port: one process at a time, so whoever else held the lease is gone."""

    def __init__(self, number: int) -> None:
        self._number = number

    def me(self, name: str) -> Holder:
        """See the port."""
        return Holder(name=name, machine="soak", boot="sim", pid=self._number, started=1)

    def gone(self, holder: Holder) -> bool:
        """See the port."""
        return holder.pid != self._number


class _Quiet:
    """A log that keeps nothing."""

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        """Nothing."""


class SoakWorld:
    """Made inside a `SimLoop`."""

    def __init__(self, options: SoakOptions) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop), "a world lives in virtual time"
        self._loop = loop
        self._options = options
        self._path = options.folder / "desk.journal"
        self._log = (options.folder / "venue.log").open("wb")
        self._time = TrueTime(loop, START)
        self._clock = MachineClock(self._time)
        self._nonces = Random(f"{options.seed}/nonces")
        self._config = load(STEADY, "the soak's config")
        traded = [InstrumentId(i.id) for i in self._config.instrument]
        self._symbols = {instrument_key(instrument): instrument for instrument in traded}
        self._lab = _lab(options.seed)
        self._network = LabNetwork(self._lab, self._time)
        self._process: _Process
        self._starts = 0
        self._orders = 0  # that the venue accepted
        self._stopping = False

    async def live(self, tell: Callable[[Slice], None]) -> None:
        """To the end, telling every slice."""
        self._network.advance()
        tasks = [
            self._loop.create_task(self._supervise(), name="supervisor"),
            self._loop.create_task(self._strike(), name="strikes"),
        ]
        end = self._options.days * DAY_S
        at = 0.0
        while at < end:
            at = min(end, at + self._options.slice_s)
            await asyncio.sleep(at - self._loop.time())
            for task in tasks:
                if task.done():
                    task.result()
            self._venue_forgets()
            tell(self._slice())
        self._stopping = True
        self._process.node.stop()
        await self._process.over.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._process.bury()
        self._venue_forgets()
        self._log.close()

    def leave(self) -> None:
        """Let go of it in the middle: nothing in it may run, or be missed, later."""
        self._process.close()
        self._log.close()
        rest = Incarnation("soak", 0)
        rest.tasks = list(asyncio.all_tasks(self._loop))
        rest.bury()

    async def _supervise(self) -> None:
        while not self._stopping:
            self._process = process = self._start()
            await process.over.wait()
            if process.incarnation.life is not Life.DEAD and not process.task.cancelled():
                process.task.result()  # a soak has no fault that ends a desk
            if self._stopping:
                return
            self._network.process_died(process.link, process.incarnation)
            process.bury()
            await asyncio.sleep(RESTART_S)

    def _start(self) -> _Process:
        self._starts += 1
        process = _Process(self._options.seed, self._starts, self._path)
        http = SimHttp(self._network, process.link)
        streams = SimStreams(self._network, process.link, self._clock)
        seed = f"{self._options.seed}/{process.incarnation.name}"
        process.node = Node(
            plan_of(self._config, Path()),
            World(
                clock=self._clock,
                entropy=ProcessEntropy(seed, self._nonces),
                processes=_Others(self._starts),
                log=_Quiet(),
                journal=process.engine,
                venues=outside(self._config, [http], streams),
                log_dropped=lambda: 0,
            ),
        )
        process.task = process.incarnation.spawn(self._loop, process.node.run(), "node")
        process.task.add_done_callback(lambda _: process.over.set(), context=copy_context())
        return process

    async def _strike(self) -> None:
        draw = Random(f"{self._options.seed}/strikes")
        kinds = [kind for kind, times in A_DAY.items() for _ in range(times)]
        while True:
            await asyncio.sleep(draw.expovariate(len(kinds) / DAY_S))
            process = self._process
            match draw.choice(kinds):
                case "kill":
                    process.engine.killed()
                    process.incarnation.kill()
                    process.over.set()
                case "restart":
                    process.node.stop()
                case "reset":
                    process.link.reset()
                case kind:
                    self._lab_fault(kind)

    def _lab_fault(self, kind: str) -> None:
        fault = {"kind": kind, "count": 1, "match": {"path": "/api/v3/order"}}
        body = msgspec.json.encode(fault).decode()
        call = RestCall(id=-1, method="POST", path="/lab/faults", query="", body=body)
        self._network.emit(self._lab.handle(call, self._time.wall()))

    def _venue_forgets(self) -> None:
        truth = self._lab.truth
        for entry in truth.entries:
            if entry.kind != "market":
                self._log.write(msgspec.json.encode(entry) + b"\n")
            self._orders += entry.kind == "accept"
        truth.entries.clear()
        for account in self._lab.exchange.accounts.values():
            old = [number for number in account.orders if number not in account.open_ids]
            for number in old[:-VENUE_KEEPS]:
                del account.orders[number]
            known = account.by_client_id
            for key in [k for k, numbers in known.items() if numbers[-1] not in account.orders]:
                del known[key]
            del account.fills[:-VENUE_KEEPS]

    def _slice(self) -> Slice:
        gc.collect()
        journal = SqliteJournal(str(self._path), readonly=True)
        stored = journal.stored()
        journal.close()
        newest = stored.snapshots[0][0].body if stored.snapshots else b""
        files = [self._path, self._path.with_name("desk.journal-wal")]
        return Slice(
            day=round(self._loop.time() / DAY_S, 4),
            orders=self._orders,
            records=stored.head,
            starts=self._starts,
            journal_bytes=sum(file.stat().st_size for file in files if file.exists()),
            snapshot_bytes=len(newest),
            memory_bytes=_resident(),
            cpu_s=process_time(),
        )


def soak(options: SoakOptions, tell: Callable[[Slice], None]) -> Verdict:
    """Run one; the laws' verdict over what it left behind."""

    made: list[SoakWorld] = []

    async def main() -> None:
        made.append(SoakWorld(options))
        await made[0].live(tell)

    try:
        with patience(WALL_S_MAX):
            run(main)
    except BaseException:
        for world in made:
            world.leave()
        raise
    return judge(history_of(options.folder / "desk.journal"), _logged(options.folder / "venue.log"))


def _lab(seed: int) -> Lab:
    symbols = (default_symbol(SYMBOL),)
    account = AccountSettings(
        name="practice", api_key=KEY, secret=SECRET, balances=balances_of(symbols)
    )
    settings = LabSettings(seed=seed, accounts=(account,), symbols=symbols)
    return Lab(settings, GeneratedMarket(symbols, seed, PACE))


def _logged(path: Path) -> Iterator[Entry]:
    decoder = msgspec.json.Decoder(Entry, strict=False)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
