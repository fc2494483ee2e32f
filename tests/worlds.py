"""Whole desks in virtual time on a simulated lab, and what their journals hold."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import msgspec

from builders import NOW, D
from nightdesk.adapters.journal_file import history_of
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.audit.invariant import Finding
from nightdesk.audit.venue_log import Entry, VenueLog
from nightdesk.audit.verdict import judge
from nightdesk.config.load import load
from nightdesk.desk.state import DeskState
from nightdesk.journal.chain import Chain, Head
from nightdesk.journal.frame import GENESIS
from nightdesk.lab.core import Lab
from nightdesk.lab.launch import LaunchOptions, prepare_both
from nightdesk.lab.settings import AccountSettings
from nightdesk.lab.wire import Respond, RestCall
from nightdesk.model.errors import AppendUnknown
from nightdesk.model.ids import Epoch, InstrumentId, Seq
from nightdesk.model.records import Record, decode_record
from nightdesk.model.time import Wall
from nightdesk.node.compose import plan_of, signed_codecs
from nightdesk.node.node import Node
from nightdesk.node.plan import SNAPSHOT_EVERY, Outside, World
from nightdesk.node.practice import BALANCES, practice_text
from nightdesk.ports.latch import NOWHERE, LatchPlace
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.engine import InlineJournal
from nightdesk.simulation.link import Link
from nightdesk.simulation.loop import run
from nightdesk.simulation.network import LabNetwork, SimHttp, SimStreams
from nightdesk.simulation.processes import Alone, ProcessEntropy
from nightdesk.simulation.setting import KEY, SECRET
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.http import HttpRequest, HttpResult

T = TypeVar("T")


def durable_records(path: Path) -> list[tuple[Wall, Record]]:
    """Every record in a journal file, with its time."""
    journal = SqliteJournal(str(path), readonly=True)
    try:
        chain = Chain(Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0)))
        rows = journal.rows(Seq(0), 10_000_000)
        return [(frame.at, decode_record(frame.body)) for frame in chain.read(rows)]
    finally:
        journal.close()


class Keeping:
    """A log that tests can read."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.lines.append((level, event, fields))

    def events(self) -> list[str]:
        return [event for _, event, _ in self.lines]


class MortalJournal(InlineJournal):
    """An engine that a crash silences: what was not durable then never is, and nobody is called back."""

    dead = False
    refuse: Callable[[], Exception | None] = staticmethod(lambda: None)
    stalled = False

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> "asyncio.Future[None]":
        error = self.refuse()
        if error is not None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.set_exception(error)
            return future
        if self.stalled:
            return asyncio.get_running_loop().create_future()
        return super().append(epoch, after, frames)

    def _later(self, work: Callable[[], T], patience_s: float = 0.0) -> "asyncio.Future[T]":
        def guarded() -> T:
            if self.dead:
                raise AppendUnknown("dead")
            return work()

        inner = super()._later(guarded, patience_s)
        outer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def copy(done: "asyncio.Future[T]") -> None:
            error = None if done.cancelled() else done.exception()
            if self.dead or done.cancelled() or outer.done():
                return
            if error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(done.result())

        inner.add_done_callback(copy)
        return outer


class MortalHttp(SimHttp):
    """A pool that a crash silences: the requests arrive, their answers do not."""

    dead = False

    def __init__(self, network: LabNetwork, link: Link) -> None:
        super().__init__(network, link)
        self.requests: list[HttpRequest] = []

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        assert not self.dead, "a dead desk sends nothing"
        self.requests.append(request)
        inner = super().exchange(request, timeout_ns=timeout_ns)
        outer: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
        inner.add_done_callback(
            lambda done: None if self.dead or outer.done() else outer.set_result(done.result())
        )
        return outer


class SimWorld:
    """One lab and one journal file; desks come and go. Made inside the virtual loop."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 1,
        text: str | None = None,
        replace: Sequence[tuple[str, str]] = (),
        usdm: bool = False,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.escaped: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.escaped.append(context))
        settings, market, perps = prepare_both(LaunchOptions(seed=seed, usdm=usdm))
        held = {asset: D(amount) for asset, amount in BALANCES.items()}
        account = AccountSettings(
            name="practice", api_key=KEY, secret=SECRET, balances=held, usdm={"USDT": D(100_000)}
        )
        self.lab = Lab(msgspec.structs.replace(settings, accounts=(account,)), market, perps)
        self.time = TrueTime(self.loop, NOW)
        self.clock = MachineClock(self.time)
        self.entropy = ProcessEntropy(str(seed), Random(f"{seed}/nonces"))
        self.network = LabNetwork(self.lab, self.time)
        self.link = Link("10.0.0.1", self.entropy.stream("network"))
        self.network.advance()
        self.path = folder / "desk.journal"
        symbols = list(self.lab.exchange.rules)
        text = text or practice_text("http://lab", symbols)
        for old, new in replace:
            assert old in text, f"{old!r} is not in the practice config"
            text = text.replace(old, new)
        self.base = folder
        self.config = load(text, "the world's config")
        self.symbols = {s: InstrumentId(f"binance:{s}") for s in symbols}
        self.log = Keeping()
        self.lives: list[Life] = []

    def desk(self, **parts: Any) -> "Life":
        """One more node on the same journal and the same lab; not started yet."""
        life = Life(self, **parts)
        self.lives.append(life)
        return life

    def rest(self, method: str, path: str, body: str = "", query: str = "") -> Any:
        """The lab's own door, at once."""
        call = RestCall(id=-1, method=method, path=path, query=query, body=body)
        found = None
        outs = self.lab.handle(call, self.time.wall())
        for out in outs:
            if isinstance(out, Respond) and out.call == -1:
                assert out.status == 200, out.body
                found = msgspec.json.decode(out.body)
        self.network.emit([o for o in outs if not (isinstance(o, Respond) and o.call == -1)])
        return found

    def fault(self, kind: str, **rest: Any) -> None:
        """Make something go wrong from now on."""
        body = msgspec.json.encode({"kind": kind, **rest}).decode()
        self.rest("POST", "/lab/faults", body)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.rest("DELETE", "/lab/faults")

    def fired(self) -> int:
        """How often a fault struck so far."""
        return sum(1 for entry in self.lab.log if entry.kind == "fault_fired")

    def arrivals(self, since_ns: int = 0) -> list[Any]:
        """Orders that reached the venue."""
        return [
            e
            for e in self.lab.log
            if e.kind == "arrival" and e.client_order_id and e.at_ns >= since_ns and e.side
        ]

    def held(self) -> dict[str, Decimal]:
        """What the venue holds for us, open orders included."""
        balances = self.rest("GET", "/lab/account", query="name=practice")["balances"]
        return {asset: D(b["free"]) + D(b["locked"]) for asset, b in balances.items()}

    def findings(self) -> list[Finding]:
        """The journal against the venue's log."""
        return judge(history_of(self.path), self.entries(), account="practice").findings

    def entries(self) -> list[Entry]:
        """The lab's log, as the audit reads it."""
        return msgspec.convert(msgspec.to_builtins(self.lab.log), list[Entry], strict=False)

    def venue_log(self) -> VenueLog:
        """The venue's orders and fills."""
        return VenueLog(self.entries(), "practice")

    def differences(self, life: "Life") -> dict[str, Decimal]:
        """Venue minus desk, per asset."""
        held, ours = self.held(), life.state.funds.balances
        return {a: held[a] - ours[a] for a in ours if held[a] != ours[a]}


class Life:
    """One incarnation of a node."""

    def __init__(
        self,
        world: SimWorld,
        *,
        processes: Any = None,
        clock: Any = None,
        journal: type[MortalJournal] = MortalJournal,
        codecs: Any = None,
        snapshot_every: int = SNAPSHOT_EVERY,
        latch: LatchPlace = NOWHERE,
    ) -> None:
        self.world = world
        plan = plan_of(world.config, world.base)
        self.file = SqliteJournal(str(world.path))
        number = len(world.lives)
        self.journal = journal(lambda: self.file, world.entropy.stream(f"journal/{number}"))
        self.http = MortalHttp(world.network, world.link)
        streams = SimStreams(world.network, world.link, world.clock)
        codecs = codecs or signed_codecs(world.config, HmacSigner(KEY, SECRET))
        self.node = Node(
            msgspec.structs.replace(plan, snapshot_every=snapshot_every),
            World(
                clock=clock or world.clock,
                entropy=world.entropy,
                processes=processes or Alone(),
                log=world.log,
                journal=self.journal,
                venues={
                    name: Outside(
                        http=self.http,
                        market=streams,
                        private=streams,
                        codec=each,
                        private_copies=world.config.venue[name].private_copies,
                        dead_man_ns=world.config.venue[name].dead_man_ns,
                    )
                    for name, each in codecs.items()
                },
                log_dropped=lambda: 0,
                latch=latch,
            ),
        )
        self.task: asyncio.Task[None] | None = None

    @property
    def state(self) -> DeskState:
        """The desk's durable state."""
        return self.node.shell.desk.state

    async def up(self, within_s: float = 30.0) -> "Life":
        """Start, and wait until it is ready."""
        self.task = asyncio.get_running_loop().create_task(self.node.run(), name="node")
        async with asyncio.timeout(within_s):
            waiting = asyncio.get_running_loop().create_task(self.node.ready.wait())
            await asyncio.wait((waiting, self.task), return_when=asyncio.FIRST_COMPLETED)
            if self.task.done():
                waiting.cancel()
                self.task.result()
        return self

    async def crash(self) -> None:
        """The process is gone between two instructions: nothing is said to anybody."""
        assert self.task is not None
        self.journal.dead = self.http.dead = True
        self.task.cancel()
        await asyncio.wait((self.task,))
        self.file.close()

    async def stop(self, within_s: float = 60.0) -> None:
        """An orderly end."""
        assert self.task is not None
        self.node.stop()
        async with asyncio.timeout(within_s):
            await self.task
        self.file.close()

    async def ended(self, within_s: float = 30.0) -> BaseException | None:
        """Wait for its end; what it raised."""
        assert self.task is not None
        async with asyncio.timeout(within_s):
            await asyncio.wait((self.task,))
        return self.task.exception()

    def command(self, verb: str, **rest: Any) -> "Awaitable[Any]":
        """A command as the control socket gives it."""
        from nightdesk.control.messages import Request

        return self.node.commands.answer(Request(verb=verb, **rest))


def leaves(error: BaseException | None) -> list[BaseException]:
    """Every exception inside nested groups."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [] if error is None else [error]


def live(main: Callable[[], Awaitable[T]]) -> T:
    """Run in virtual time; whatever a failed test left running is cancelled, so that its own error is seen."""

    async def whole() -> T:
        try:
            return await main()
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)

    return run(whole)
