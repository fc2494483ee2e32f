"""A desk core driven by hand: the test is its clock, its venue and its strategy."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from builders import BTCUSDT, NOW, STRATEGY, D, an_instrument
from nightdesk.desk.desk import Desk
from nightdesk.desk.events import (
    AccountTold,
    Decision,
    Event,
    OrderFound,
    OrderNotFound,
    OrderTold,
    Proposed,
    QuoteSeen,
    SendCancel,
    SendEnded,
    SendOrder,
    Tick,
)
from nightdesk.desk.settings import DeskSettings, StrategySettings
from nightdesk.desk.state import DeskState
from nightdesk.model.ids import ClientOrderId, Epoch, InstrumentId, Seq, StrategyId
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
    Record,
    decode_record,
    encode_record,
)
from nightdesk.model.time import MS_NS, SECOND_NS, Moment, Mono, Wall
from nightdesk.orders.book import Order
from nightdesk.portfolio.position import Position
from nightdesk.reconcile.resolve import final_from
from nightdesk.risk.limits import Limits
from nightdesk.risk.losses import LossLimits
from nightdesk.strategy.messages import FromStrategy, Place, Proposal

T = TypeVar("T")
READ_LAG_NS = 2 * SECOND_NS
TTL_NS = 2 * SECOND_NS
LEASE_NS = 2 * SECOND_NS
FUNDS = {"BTC": D(10), "USDT": D(1_000_000)}


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
    losses: LossLimits | None = None,
    strategy_losses: dict[str, LossLimits] | None = None,
) -> DeskSettings:
    """A desk of one pair and one strategy."""
    pairs = {i.id: i for i in instruments or [an_instrument()]}
    return DeskSettings(
        name=name,
        limits=dict.fromkeys(pairs, limits or some_limits()),
        instruments=pairs,
        baseline=baseline or {},
        strategies={
            StrategyId(s): StrategySettings(
                name=StrategyId(s),
                instruments=tuple(pairs),
                losses=(strategy_losses or {}).get(s, LossLimits()),
            )
            for s in strategies
        },
        read_lag_ns=READ_LAG_NS,
        order_ttl_ns=TTL_NS,
        losses=losses or LossLimits(),
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
        self.desk = Desk(state or fold(history), self.settings)
        opening: list[Record] = [
            EpochOpened(
                epoch=Epoch(epoch), nonce=epoch * 7, holder="me", version="0", config_hash="x"
            ),
            Configured(
                hash="x",
                instruments=list(self.settings.instruments.values()),
                body=self.settings.canonical(),
            ),
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
        told = AccountTold(
            venue=self.settings.venues[0],
            balances=held,
            open_orders=orders,
            asked_at=self.wall,
            quiet=quiet,
        )
        return self.decide(told)

    def differ(self, balances: dict[str, Decimal]) -> Decision:
        """The account differs for longer than the venue's answers lag."""
        self.account(balances)
        self.wait(READ_LAG_NS + 1)
        return self.account(balances)

    def ready(self) -> "Bench":
        """The books opened and the feed fresh for long enough."""
        self.account()
        self.desk.views.trading = True  # the shell says so once books were compared
        for _ in range(30):
            self.quote()
            self.tick()
        self.quote()
        return self

    def propose(self, *actions: FromStrategy, **rest: Any) -> Decision:
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

    def found(
        self, intent: Intent, status: VenueStatus, filled: str | Decimal = "0", *, ago: int = 0
    ) -> Decision:
        """A question that left `ago` ns ago was answered."""
        report = self.report(intent, status, filled, ReportSource.QUERY)
        return self.decide(OrderFound(report=report, asked_at=Wall(self.wall - ago)))

    def not_found(self, intent: Intent, *, everywhere: bool = True) -> Decision:
        """A question that left now found nothing."""
        absent = OrderNotFound(
            client_id=intent.client_id, asked_at=self.wall, everywhere=everywhere
        )
        return self.decide(absent)

    def confirm(self, intent: Intent) -> Decision:
        """Wait until nothing about a cancelled order can be hidden, and let the venue confirm its end."""
        self.wait(final_from(Wall(0), self.settings.read_lag_ns))
        return self.found(intent, VenueStatus.CANCELLED, self.order(intent).filled)

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


def fold(history: Sequence[tuple[Wall, Record]]) -> DeskState:
    """The state that records alone come to."""
    state = DeskState()
    for index, (at, record) in enumerate(history, 1):
        state.apply(decode_record(encode_record(record)), Seq(index), at)
    return state


def without_views(state: DeskState) -> DeskState:
    """Positions made by being looked at are no facts."""
    for key in [k for k, p in state.positions.items() if p == Position()]:
        del state.positions[key]
    return state


def sent(*decisions: Decision) -> list[Intent]:
    """The orders that would leave; of a pair both. Other terms for one that rests are no order."""
    leaving = [
        e for d in decisions for e in d.after if isinstance(e, SendOrder) and e.amendment is None
    ]
    return [
        intent for e in leaving for intent in (e.approved.intent, e.other) if intent is not None
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
