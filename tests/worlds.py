"""Shared worlds: a desk core driven by hand, whole desks on a simulated lab, and journals to plant
things in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from builders import BTCUSDT, NOW, STRATEGY, D, an_instrument
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.audit.check import Finding, JournalView, check
from nightdesk.audit.venue_log import Entry, VenueLog
from nightdesk.config.load import load
from nightdesk.desk.desk import Desk
from nightdesk.desk.events import (
    AccountTold,
    Decision,
    Event,
    OrderTold,
    Proposed,
    QuoteSeen,
    SendCancel,
    SendEnded,
    SendOrder,
    Tick,
)
from nightdesk.desk.image import encode_state
from nightdesk.desk.settings import DeskSettings, StrategySettings
from nightdesk.desk.state import DeskState
from nightdesk.journal.chain import Chain, Head
from nightdesk.journal.frame import GENESIS, digest_of, encode_frame
from nightdesk.lab.core import Lab
from nightdesk.lab.launch import LaunchOptions, prepare
from nightdesk.lab.settings import AccountSettings
from nightdesk.lab.wire import Respond, RestCall
from nightdesk.model.errors import AppendUnknown
from nightdesk.model.ids import ClientOrderId, Epoch, InstrumentId, Seq, StrategyId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.order import (
    Execution,
    Intent,
    OrderReport,
    OrderType,
    ReportSource,
    Side,
    VenueStatus,
)
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.records import (
    Configured,
    EpochOpened,
    Executed,
    Record,
    Reported,
    decode_record,
    encode_record,
)
from nightdesk.model.time import MS_NS, SECOND_NS, Moment, Mono, Wall
from nightdesk.node.compose import plan_of
from nightdesk.node.node import Node
from nightdesk.node.plan import World
from nightdesk.node.practice import BALANCES, practice_text
from nightdesk.orders.book import Order
from nightdesk.portfolio.position import Position
from nightdesk.risk.limits import Limits
from nightdesk.simulation.loop import run
from nightdesk.simulation.world import (
    InlineJournal,
    LabNetwork,
    SimClock,
    SimEntropy,
    SimHttp,
    SimProcesses,
    SimStreams,
)
from nightdesk.strategy.messages import Cancel, Place, Proposal, Target
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpRequest, HttpResult

T = TypeVar("T")

KEY, SECRET = "simulated-key", "simulated-secret"
READ_LAG_NS = 2 * SECOND_NS
TTL_NS = 2 * SECOND_NS
LEASE_NS = 2 * SECOND_NS
FUNDS = {"BTC": D(10), "USDT": D(1_000_000)}


# --- frames and journals ------------------------------------------------------------------------------------


def frames(
    count: int, *, epoch: int = 1, head: Head | None = None, at: Wall = NOW
) -> tuple[list[bytes], Head]:
    """`count` frames that follow `head`, each with a small record, and the head behind them."""
    head = head or Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0))
    made: list[bytes] = []
    digest, seq = head.digest, head.seq
    for _ in range(count):
        seq = Seq(seq + 1)
        frame = encode_frame(
            seq=seq, epoch=Epoch(epoch), at=at, previous=digest, body=f"record {seq}".encode()
        )
        digest = digest_of(frame)
        made.append(frame)
    return made, Head(seq=seq, digest=digest, epoch=Epoch(epoch))


def whole_chain(journal: SqliteJournal) -> int:
    """How many slots the journal holds, after checking that every one follows the one before."""
    chain = Chain(Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0)))
    count = sum(1 for _ in chain.read(journal.rows(Seq(0), 10_000_000)))
    assert chain.torn is None, chain.torn
    return count


def durable_records(path: Path) -> list[tuple[Wall, Record]]:
    """Every record in a journal file, with its time."""
    journal = SqliteJournal(str(path), readonly=True)
    try:
        chain = Chain(Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0)))
        rows = journal.rows(Seq(0), 10_000_000)
        return [(frame.at, decode_record(frame.body)) for frame in chain.read(rows)]
    finally:
        journal.close()


# --- the decision core, by hand -----------------------------------------------------------------------------


def some_limits(**changed: object) -> Limits:
    """Room for anything a test does, unless it says otherwise."""
    made = Limits(
        order_qty_max=D(5),
        order_notional_max=D(1_000_000),
        position_max=D(5),
        gross_max=D(1_000_000),
        open_orders_max=50,
        orders_per_second_max=1_000,
        collar_bps=D(1_000),
        stale_after_ns=2 * SECOND_NS,
        duplicate_window_ns=0,
    )
    return msgspec.structs.replace(made, **changed)


def some_settings(
    *,
    instruments: Sequence[Instrument] | None = None,
    strategies: Sequence[str] = (STRATEGY,),
    limits: Limits | None = None,
    baseline: dict[str, Decimal] | None = None,
    name: str = "test",
) -> DeskSettings:
    """A desk of one pair and one strategy."""
    pairs = {i.id: i for i in instruments or [an_instrument()]}
    return DeskSettings(
        name=name,
        limits=dict.fromkeys(pairs, limits or some_limits()),
        instruments=pairs,
        baseline=baseline or {},
        strategies={
            StrategyId(s): StrategySettings(name=StrategyId(s), instruments=tuple(pairs))
            for s in strategies
        },
        read_lag_ns=READ_LAG_NS,
        order_ttl_ns=TTL_NS,
    )


class Bench:
    """A `Desk` with its clock in the test's hands; every record that it decides is kept."""

    def __init__(
        self,
        settings: DeskSettings | None = None,
        *,
        history: Sequence[tuple[Wall, Record]] = (),
        epoch: int = 1,
        wall: Wall = NOW,
        state: DeskState | None = None,
    ) -> None:
        self.settings = settings or some_settings()
        self.wall = wall
        self.mono = Mono(SECOND_NS)
        self.records: list[tuple[Wall, Record]] = list(history)
        self.desk = Desk(state or fold(history, wall), self.settings)
        opening: list[Record] = [
            EpochOpened(
                epoch=Epoch(epoch), nonce=epoch * 7, holder="me", version="0", config_hash="x"
            ),
            Configured(hash="x", instruments=list(self.settings.instruments.values()), body="{}"),
        ]
        self.opening = self._kept(self.desk.open(opening, self.moment()))

    @property
    def state(self) -> DeskState:
        """The durable state."""
        return self.desk.state

    def moment(self) -> Moment:
        """Now; the lease is always good for two seconds more."""
        return Moment(mono=self.mono, wall=self.wall, lease_until=Mono(self.mono + LEASE_NS))

    def decide(self, event: Event) -> Decision:
        """One event now."""
        return self._kept(self.desk.decide(event, self.moment()))

    def wait(self, ns: int) -> None:
        """Let time pass without an event."""
        self.wall, self.mono = Wall(self.wall + ns), Mono(self.mono + ns)

    def tick(self, ns: int = 50 * MS_NS) -> Decision:
        """Time passes, and the desk hears of it."""
        self.wait(ns)
        return self.decide(Tick())

    def ticks(self, seconds: float, *, quoted: bool = False) -> list[Decision]:
        """Ticks for a while; with `quoted` the market keeps moving."""
        made = []
        for _ in range(int(seconds * SECOND_NS / (50 * MS_NS))):
            made.append(self.tick())
            if quoted:
                made.append(self.quote())
        return made

    def quote(
        self, bid: str = "100", ask: str = "100.01", instrument: InstrumentId = BTCUSDT
    ) -> Decision:
        """The market moves."""
        quote = Quote(
            instrument=instrument,
            bid=D(bid),
            bid_qty=D(1),
            ask=D(ask),
            ask_qty=D(1),
            update_id=1,
            received=self.mono,
        )
        return self.decide(QuoteSeen(quote=quote))

    def account(
        self,
        balances: dict[str, Decimal] | None = None,
        orders: Sequence[OrderReport] = (),
        *,
        quiet: bool = True,
    ) -> Decision:
        """The venue tells its account; what the desk itself believes, where not said."""
        held = dict(balances if balances is not None else self.state.funds.balances or FUNDS)
        told = AccountTold(balances=held, open_orders=orders, asked_at=self.wall, quiet=quiet)
        return self.decide(told)

    def ready(self) -> "Bench":
        """The books opened and the feed fresh for long enough."""
        self.account()
        self.desk.views.trading = True  # the shell says so once books were compared
        for _ in range(30):
            self.quote()
            self.tick()
        self.quote()
        return self

    def propose(self, *actions: Place | Cancel | Target, **rest: Any) -> Decision:
        """The strategy wishes."""
        strategy = rest.pop("strategy", STRATEGY)
        return self.decide(Proposed(strategy=strategy, proposal=Proposal(actions=actions, **rest)))

    def place(
        self,
        side: Side = Side.BUY,
        qty: str = "1",
        price: str = "100",
        *,
        type: OrderType = OrderType.LIMIT,
        strategy: StrategyId = STRATEGY,
        instrument: InstrumentId = BTCUSDT,
        ref: str = "",
    ) -> Intent:
        """Place an order that the gate lets through; returns what would leave."""
        wish = Place(
            ref=ref or f"t{self.state.seq}",
            instrument=instrument,
            side=side,
            type=type,
            qty=D(qty),
            price=D(price),
        )
        (intent,) = sent(self.propose(wish, strategy=strategy))
        return intent

    def answer(
        self,
        intent: Intent,
        verdict: Verdict,
        reason: Reason = Reason.NONE,
        *,
        wait_ns: int = 0,
        report: OrderReport | None = None,
        executions: tuple[Execution, ...] = (),
    ) -> Decision:
        """The gateway says how the send ended."""
        outcome = Outcome(
            verdict=verdict,
            reason=reason,
            text=str(reason),
            wait_ns=wait_ns,
            report=report,
            executions=executions,
        )
        unsent = verdict is Verdict.NOT_SENT
        at = Wall(0) if unsent else self.wall
        return self.decide(SendEnded(client_id=intent.client_id, outcome=outcome, sent_at=at))

    def ack(self, intent: Intent) -> Decision:
        """The order rests."""
        return self.answer(intent, Verdict.ACKED, report=self.report(intent))

    def lose(self, intent: Intent) -> Decision:
        """The answer never came."""
        return self.answer(intent, Verdict.UNKNOWN, Reason.TIMEOUT)

    def open_order(self, *args: Any, **kwargs: Any) -> Intent:
        """An order that rests at the venue."""
        intent = self.place(*args, **kwargs)
        self.ack(intent)
        return intent

    def report(
        self,
        intent: Intent,
        status: VenueStatus = VenueStatus.WORKING,
        filled: str | Decimal = "0",
        source: ReportSource = ReportSource.STREAM,
    ) -> OrderReport:
        """What the venue says of an order."""
        return OrderReport(
            client_id=intent.client_id,
            venue_order_id=str(1000 + int(self.state.seq)),
            instrument=intent.instrument,
            status=status,
            filled=D(filled),
            venue_time=self.wall,
            source=source,
        )

    def told(self, report: OrderReport, execution: Execution | None = None) -> Decision:
        """The private stream says it."""
        return self.decide(OrderTold(report=report, execution=execution))

    def fill(self, intent: Intent, qty: str = "", *, fee: str = "0", asset: str = "") -> Decision:
        """One trade of an order, with its report."""
        order = self.order(intent)
        amount = D(qty) if qty else order.remaining
        filled = order.filled + amount
        execution = Execution(
            client_id=intent.client_id,
            instrument=intent.instrument,
            trade_id=f"{intent.client_id}/{len(order.trade_ids)}",
            side=intent.side,
            price=intent.price,
            qty=amount,
            fee=D(fee),
            fee_asset=asset or "USDT",
            maker=False,
            venue_time=self.wall,
        )
        status = VenueStatus.FILLED if filled >= intent.qty else VenueStatus.WORKING
        return self.told(self.report(intent, status, filled), execution)

    def buy(self, qty: str = "1", price: str = "100", **rest: Any) -> Intent:
        """Hold something."""
        intent = self.open_order(Side.BUY, qty, price, **rest)
        self.fill(intent)
        return intent

    def order(self, intent: Intent) -> Order:
        """What the desk knows of an order."""
        found = self.state.orders.get(intent.client_id)
        assert found is not None, "the desk forgot it"
        return found

    def restart(
        self, settings: DeskSettings | None = None, *, after_ns: int = SECOND_NS
    ) -> "Bench":
        """The next life of the same journal: only the records survive."""
        wall = Wall(self.wall + after_ns)
        epoch = self.state.epoch + 1
        return Bench(settings or self.settings, history=self.records, epoch=epoch, wall=wall)

    def _kept(self, decision: Decision) -> Decision:
        self.records += [(self.wall, record) for record in decision.records]
        return decision


def fold(history: Sequence[tuple[Wall, Record]], now: Wall) -> DeskState:
    """The state that records alone come to."""
    state = DeskState()
    for index, (at, record) in enumerate(history, 1):
        state.apply(decode_record(encode_record(record)), Seq(index), at)
    state.settle(now)
    return state


def without_views(state: DeskState) -> DeskState:
    """Positions made by being looked at are no facts."""
    for key in [k for k, p in state.positions.items() if p == Position()]:
        del state.positions[key]
    return state


def folded_bytes(bench: Bench) -> tuple[bytes, bytes]:
    """The live state and the fold of its records, as bytes."""
    return encode_state(bench.state), encode_state(fold(bench.records, bench.wall))


def sent(*decisions: Decision) -> list[Intent]:
    """The orders that would leave."""
    return [
        effect.approved.intent
        for decision in decisions
        for effect in decision.after
        if isinstance(effect, SendOrder)
    ]


def cancels(*decisions: Decision) -> list[ClientOrderId]:
    """The cancels that leave."""
    return [
        effect.intent.client_id
        for decision in decisions
        for effect in decision.at_once
        if isinstance(effect, SendCancel)
    ]


def effects(kind: type[T], *decisions: Decision) -> list[T]:
    """Every effect of one kind."""
    found: list[T] = []
    for decision in decisions:
        found += [e for e in (*decision.at_once, *decision.after) if isinstance(e, kind)]
    return found


def causes(state: DeskState) -> dict[str, str]:
    """Cause -> mode, whatever the scope."""
    return {name: cause.mode.name for _, name, cause in state.ladder.told()}


# --- whole desks on the virtual loop ------------------------------------------------------------------------


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

    def _later(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        def guarded() -> T:
            if self.dead:
                raise AppendUnknown("dead")
            return work()

        inner = super()._later(guarded)
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

    def __init__(self, network: LabNetwork) -> None:
        super().__init__(network)
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
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.escaped: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.escaped.append(context))
        settings, market = prepare(LaunchOptions(seed=seed))
        held = {asset: D(amount) for asset, amount in BALANCES.items()}
        account = AccountSettings(name="practice", api_key=KEY, secret=SECRET, balances=held)
        self.lab = Lab(msgspec.structs.replace(settings, accounts=(account,)), market)
        self.clock = SimClock(self.loop, NOW)
        self.entropy = SimEntropy(seed)
        self.network = LabNetwork(self.lab, self.clock, self.entropy.stream("network"))
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
        outs = self.lab.handle(call, self.clock.wall())
        for out in outs:
            if isinstance(out, Respond) and out.call == -1:
                assert out.status == 200, out.body
                found = msgspec.json.decode(out.body)
        self.network._emit([o for o in outs if not (isinstance(o, Respond) and o.call == -1)])
        self.network._schedule()
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
        entries = msgspec.convert(msgspec.to_builtins(self.lab.log), list[Entry], strict=False)
        return check(JournalView(durable_records(self.path)), VenueLog(entries, "practice"))

    def venue_log(self) -> VenueLog:
        """The venue's orders and fills."""
        entries = msgspec.convert(msgspec.to_builtins(self.lab.log), list[Entry], strict=False)
        return VenueLog(entries, "practice")

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
        codec: Any = None,
    ) -> None:
        self.world = world
        self.file = SqliteJournal(str(world.path))
        number = len(world.lives)
        self.journal = journal(self.file, world.entropy.stream(f"journal/{number}"))
        self.http = MortalHttp(world.network)
        streams = SimStreams(world.network, world.clock)
        signer = HmacSigner(KEY, SECRET)
        self.node = Node(
            plan_of(world.config, world.base),
            World(
                clock=clock or world.clock,
                entropy=world.entropy,
                processes=processes or SimProcesses(),
                log=world.log,
                journal=self.journal,
                http=self.http,
                market=streams,
                private=streams,
                codec=codec or BinanceSpot(VenueId("binance"), signer, world.symbols),
                log_dropped=lambda: 0,
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


def journaled_orders(path: Path) -> set[ClientOrderId]:
    """Ids that the journal says lived."""
    return {
        r.report.client_id if isinstance(r, Reported) else r.execution.client_id
        for _, r in durable_records(path)
        if isinstance(r, (Reported, Executed))
    }
