"""A shell with everything behind it in memory: real core, hosts, writer and gateway; no disk and no sockets."""

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl

import msgspec

from bench.node import CONFIG, ONE_PER_TICK, STRATEGY, Silent
from bench.venue import BALANCES, rules
from nightdesk.adapters.system import SystemClock, SystemEntropy
from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.desk.desk import Desk
from nightdesk.desk.events import AccountTold, Event, SendOrder
from nightdesk.desk.state import DeskState
from nightdesk.journal.chain import Head
from nightdesk.journal.frame import GENESIS
from nightdesk.model.ids import Epoch, InstrumentId, Seq, StrategyId, VenueId
from nightdesk.model.records import Configured, EpochOpened, Record
from nightdesk.model.time import Mono
from nightdesk.node.compose import plan_of
from nightdesk.node.plan import Plan
from nightdesk.node.practice import practice_config
from nightdesk.ports.journal import JournalEngine
from nightdesk.runtime.alarms import Alarms
from nightdesk.runtime.gateway import Gateway, Trigger
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.runtime.lease import Lease
from nightdesk.runtime.questions import Questions
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.route import Route
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.runtime.venue_clock import Reading
from nightdesk.strategy.host import Host
from nightdesk.strategy.prepare import prepare
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpAnswer, HttpRequest, HttpResult

FOR_EVER = Mono(1 << 62)


class AtOnce:
    """Stands in for the journal's engine where only appends happen."""

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> "asyncio.Future[None]":
        """Durable at once."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


class Accepting:
    """Stands in for the venue: orders rest (an IOC expires), cancels work, answers come in the next turn."""

    def __init__(self) -> None:
        self.written = 0

    def ready(self) -> bool:
        """Always."""
        return True

    async def hold(self) -> None:
        """Nothing to wait for."""

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        """An answer right away."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[HttpResult] = loop.create_future()
        text = request.body.decode() or request.target.partition("?")[2]
        asked = dict(parse_qsl(text))
        self.written += 1
        status = "NEW" if request.method == "POST" else "CANCELED"
        if asked.get("timeInForce") == "IOC":
            status = "EXPIRED"
        client_id = asked.get("newClientOrderId") or asked.get("origClientOrderId", "")
        body = {
            "symbol": asked.get("symbol", ""),
            "orderId": self.written,
            "clientOrderId": client_id,
            "origClientOrderId": client_id,
            "status": status,
            "executedQty": "0.00000000",
            "side": asked.get("side", "BUY"),
            "transactTime": int(asked["timestamp"]),
            "fills": [],
        }
        answer = HttpAnswer(status=200, headers={}, body=msgspec.json.encode(body))
        future.set_result(answer)
        return future


class StampedGateway(Gateway):
    """The production gateway; notes when an order reached it."""

    arrived = 0

    def send(self, order: SendOrder, trigger: Trigger) -> None:
        """The order is here."""
        self.arrived = time.perf_counter_ns()
        super().send(order, trigger)


class StillDesk:
    """The parts a benchmark needs to reach."""

    def __init__(
        self, shell: Shell, gateway: StampedGateway, codec: BinanceSpot, clock: SystemClock
    ) -> None:
        self.shell = shell
        self.gateway = gateway
        self.codec = codec
        self.clock = clock


def practice_desk(group: asyncio.TaskGroup) -> StillDesk:
    """Both example strategies with the practice desk's numbers."""
    return still_desk(group, practice_config("http://127.0.0.1:1", ["BTCUSDT"]))


def one_per_tick_desk(group: asyncio.TaskGroup) -> StillDesk:
    """One order for each quote."""
    text = CONFIG.format(rest="http://127.0.0.1:1", stream="ws://127.0.0.1:1")
    return still_desk(group, load(text + STRATEGY.format(kind=ONE_PER_TICK), "the bench's config"))


def still_desk(group: asyncio.TaskGroup, config: Config) -> StillDesk:
    """What a node composes, opened and trading."""
    plan, clock, telemetry, http = plan_of(config, Path()), SystemClock(), Telemetry(), Accepting()
    names = {of.id.partition(":")[2]: InstrumentId(of.id) for of in config.instrument}
    codec = BinanceSpot(VenueId("binance"), HmacSigner("key", "secret"), names)
    told = msgspec.json.encode(rules(list(names)))
    rules_of = codec.ruled(HttpAnswer(status=200, headers={}, body=told))
    assert isinstance(rules_of, Mapping), "the bench's own rules"
    desk = Desk(DeskState(), plan.settled(list(rules_of.values())))
    engine = cast("JournalEngine", AtOnce())
    head = Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0))
    writer = JournalWriter(engine, Epoch(1), head, clock, telemetry)
    requester = Requester(http, clock)
    now = clock.mono()
    requester.clock.take(Reading(asked=now, heard=now, told=clock.wall()))
    requester.clock.correct()
    lease = Lease(engine, clock, Epoch(1), clock.mono())
    lease.until = FOR_EVER

    def spawn(work: Awaitable[None], name: str) -> None:
        async def run() -> None:
            await work

        group.create_task(run(), name=name)

    def tell(event: Event) -> None:
        shell.handle(event)

    gateway = StampedGateway(
        desk=desk,
        codec=codec,
        requester=requester,
        lease=lease,
        telemetry=telemetry,
        spawn=spawn,
        tell=tell,
    )
    shell = Shell(
        desk=desk,
        writer=writer,
        routes={
            VenueId("binance"): Route(
                codec=codec,
                requester=requester,
                gateway=gateway,
                questions=Questions(
                    orders=desk.state.orders,
                    codec=codec,
                    requester=requester,
                    telemetry=telemetry,
                    alarms=Alarms(VenueId("binance"), telemetry, clock.mono, _unheard),
                    spawn=spawn,
                    tell=tell,
                ),
            )
        },
        lease=lease,
        hosts=_hosts(plan, desk),
        telemetry=telemetry,
        log=Silent(),
    )
    _open(shell)
    return StillDesk(shell, gateway, codec, clock)


def _unheard(level: str, event: str, fields: dict[str, str]) -> None:
    """Nothing answers, so nothing is to be told."""


def _hosts(plan: Plan, desk: Desk) -> dict[StrategyId, Host]:
    entropy = SystemEntropy(1)
    return {
        s.name: Host(
            s.name,
            prepare(s.kind, s.params, None),
            {i: desk.settings.instruments[i] for i in s.instruments},
            entropy.stream(s.name),
        )
        for s in plan.strategies
    }


def _open(shell: Shell) -> None:
    settings = shell.desk.settings
    records: list[Record] = [
        EpochOpened(epoch=Epoch(1), nonce=7, holder="bench", version="0", config_hash="x"),
        Configured(hash="x", instruments=list(settings.instruments.values()), body="{}"),
    ]
    shell.execute_opening(shell.desk.open(records, shell.moment()))
    at = shell.moment().wall
    venue = shell.desk.settings.venues[0]
    told = AccountTold(venue=venue, balances=BALANCES, open_orders=[], asked_at=at, quiet=True)
    shell.handle(told)
    shell.start_strategies()
