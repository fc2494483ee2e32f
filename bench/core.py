"""A desk's core without a node around it: opened and fed, wished at, answered, and its records as they come."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from bench.venue import BALANCES, rules
from nightdesk.desk.desk import Desk
from nightdesk.desk.events import (
    AccountTold,
    Decision,
    Health,
    Proposed,
    QuoteSeen,
    SendEnded,
    SendOrder,
)
from nightdesk.desk.settings import DeskSettings, StrategySettings
from nightdesk.desk.state import DeskState
from nightdesk.model.ids import Epoch, InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
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
from nightdesk.model.records import Configured, EpochOpened, Record, StrategyKept
from nightdesk.model.time import SECOND_NS, Moment, Mono, Wall
from nightdesk.modes.ladder import DESK
from nightdesk.risk.caps import Cap, Of
from nightdesk.risk.limits import Limits, StrategyLimits
from nightdesk.strategy.messages import Place, Proposal
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpAnswer

BTCUSDT = InstrumentId("binance:BTCUSDT")
NAME = StrategyId("one")
START = Wall(1_723_161_254 * SECOND_NS)
STEP_NS = 4_000_000  # an order each four milliseconds, as in the wire benchmark
QTY = Decimal("0.001")
_HUGE = Decimal(10) ** 12


def codec() -> BinanceSpot:
    """The production codec with a key of nobody's."""
    return BinanceSpot(VenueId("binance"), HmacSigner("key", "secret"), {"BTCUSDT": BTCUSDT})


def instruments() -> dict[InstrumentId, Instrument]:
    """The bench venue's one pair, read by the codec."""
    told = HttpAnswer(status=200, headers={}, body=msgspec.json.encode(rules()))
    ruled = codec().ruled(told)
    assert isinstance(ruled, Mapping), "the bench's own rules"
    return {i.id: i for i in ruled.values()}


def settings(cap: Cap | None = None) -> DeskSettings:
    """One pair, one strategy, limits that never say no; with a limit that may be set or not, where one is
    named."""
    limits = Limits(
        order_qty_max=_HUGE,
        order_notional_max=_HUGE,
        position_max=_HUGE,
        gross_max=_HUGE,
        open_orders_max=10**9,
        orders_per_second_max=10**9,
        collar_bps=Decimal(50),
        stale_after_ns=10**18,
        duplicate_window_ns=0,
    )
    own = StrategyLimits()
    if cap is not None and cap.of is Of.STRATEGY:
        own = msgspec.structs.replace(own, **{cap.limit: _HUGE})
    elif cap is not None:
        limits = msgspec.structs.replace(limits, **{cap.limit: _HUGE})
    return DeskSettings(
        name="bench",
        limits={BTCUSDT: limits},
        instruments=instruments(),
        baseline={},
        strategies={NAME: StrategySettings(name=NAME, instruments=(BTCUSDT,), limits=own)},
        read_lag_ns=5 * SECOND_NS,
        order_ttl_ns=2 * SECOND_NS,
    )


class Core:
    """A desk whose time is in our hands, open for entries."""

    def __init__(self, state: DeskState | None = None, cap: Cap | None = None) -> None:
        self.wall = START
        self.mono = Mono(SECOND_NS)
        self.number = 0
        self.desk = Desk(state or DeskState(), settings(cap))
        self.desk.views.trading = True
        self.opening = self._open()

    def moment(self) -> Moment:
        """Now, with two seconds of lease."""
        return Moment(mono=self.mono, wall=self.wall, lease_until=Mono(self.mono + 2 * SECOND_NS))

    def place(self) -> Decision:
        """The next order, buying and selling in turn, a step later than the one before."""
        self.wall, self.mono = Wall(self.wall + STEP_NS), Mono(self.mono + STEP_NS)
        return self.desk.decide(self.wish(), self.moment())

    def wish(self) -> Proposed:
        """A strategy's proposal of one order at the touch."""
        self.number += 1
        buying = self.number % 2 == 1
        place = Place(
            ref=f"r{self.number}",
            instrument=BTCUSDT,
            side=Side.BUY if buying else Side.SELL,
            type=OrderType.IOC,
            qty=QTY,
            price=Decimal("61700.20") if buying else Decimal("61700.10"),
        )
        return Proposed(strategy=NAME, proposal=Proposal(actions=(place,)))

    def filled(self, intent: Intent) -> SendEnded:
        """The venue's FULL answer to it: acknowledged and filled in one trade."""
        at = Wall(self.wall // 1_000_000 * 1_000_000)
        report = OrderReport(
            client_id=intent.client_id,
            venue_order_id=str(9_000_000_000 + self.number),
            instrument=intent.instrument,
            status=VenueStatus.FILLED,
            filled=intent.qty,
            venue_time=at,
            source=ReportSource.ANSWER,
        )
        trade = Execution(
            client_id=intent.client_id,
            instrument=intent.instrument,
            trade_id=str(3_000_000_000 + self.number),
            side=intent.side,
            price=intent.price,
            qty=intent.qty,
            fee=Decimal("0.0617001"),
            fee_asset="USDT",
            maker=False,
            venue_time=at,
        )
        outcome = Outcome(verdict=Verdict.ACKED, report=report, executions=(trade,))
        return SendEnded(client_id=intent.client_id, outcome=outcome, sent_at=self.wall)

    def refused(self, intent: Intent) -> SendEnded:
        """The venue said no: the shortest life of an order."""
        outcome = Outcome(
            verdict=Verdict.REJECTED,
            reason=Reason.BY_STATE,
            code=-2010,
            text="Order would immediately match and take.",
        )
        return SendEnded(client_id=intent.client_id, outcome=outcome, sent_at=self.wall)

    def quote(self) -> Decision:
        """The touch, as good as new."""
        quote = Quote(
            instrument=BTCUSDT,
            bid=Decimal("61700.10"),
            bid_qty=Decimal(3),
            ask=Decimal("61700.20"),
            ask_qty=Decimal(2),
            update_id=self.number,
            received=self.mono,
        )
        return self.desk.decide(QuoteSeen(quote=quote), self.moment())

    def _open(self) -> list[Record]:
        made: list[Record] = [
            EpochOpened(epoch=Epoch(1), nonce=7, holder="bench", version="0", config_hash="x"),
            Configured(
                hash="x",
                instruments=list(self.desk.settings.instruments.values()),
                body=self.desk.settings.canonical(),
            ),
        ]
        records = list(self.desk.open(made, self.moment()).records)
        self.quote()
        told = AccountTold(
            venue=self.desk.settings.venues[0],
            balances=BALANCES,
            open_orders=[],
            asked_at=self.wall,
            quiet=True,
        )
        fresh = Health(scope=DESK, cause="private", mode=Mode.NORMAL, why="subscribed")
        for event in (told, fresh):
            records += self.desk.decide(event, self.moment()).records
        return records


def intent_of(decision: Decision) -> Intent:
    """The one order that a decision sends."""
    effect = decision.after[0]
    assert isinstance(effect, SendOrder), "only orders wait for the journal"
    return effect.approved.intent


def life(core: Core) -> Iterator[tuple[Wall, Record]]:
    """Records of a desk at work, for ever: intent, answer, execution, report, and each tenth time a state."""
    for record in core.opening:
        yield core.wall, record
    while True:
        decision = core.place()
        yield from ((core.wall, record) for record in decision.records)
        ended = core.desk.decide(core.filled(intent_of(decision)), core.moment())
        yield from ((core.wall, record) for record in ended.records)
        if core.number % 10 == 0:
            body = b"\x81\xa6quotes" + core.number.to_bytes(4, "big")
            kept = StrategyKept(strategy=NAME, body=body)
            core.desk.state.apply(kept, core.desk.state.seq + 1, core.wall)  # type: ignore[arg-type]  # an int is a Seq here
            yield core.wall, kept
