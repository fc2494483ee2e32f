"""The node in numbers: what is published once a second and what the tables show."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from nightdesk.control.messages import (
    CauseRow,
    EventRow,
    InstrumentRow,
    LimitRow,
    OrderRow,
    PositionRow,
    Sample,
)
from nightdesk.desk import losses
from nightdesk.desk.desk import Desk
from nightdesk.desk.placing import gross, worst
from nightdesk.desk.state import Protection
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.time import Moment
from nightdesk.modes.ladder import DESK, instrument_scope
from nightdesk.risk.losses import LossLimits
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.runtime.shell import Shell

EVENTS_SHOWN = 12


def order_rows(desk: Desk, moment: Moment) -> list[OrderRow]:
    """Every live order."""
    return [
        OrderRow(
            id=order.intent.client_id,
            strategy=order.intent.strategy,
            instrument=order.intent.instrument,
            side=order.intent.side,
            type=order.intent.type,
            qty=order.intent.qty,
            price=order.intent.price,
            filled=order.filled,
            state=order.state,
            cancelling=order.cancel_asked,
            age_ns=moment.wall - order.intended_at,
            trigger=order.intent.trigger,
            trail_bps=order.intent.trail_bps,
        )
        for order in desk.state.orders.live.values()
    ]


def position_rows(desk: Desk) -> list[PositionRow]:
    """Every strategy's position, valued at the last mid."""
    rows = []
    for (strategy, instrument), position in sorted(desk.state.positions.items()):
        quote = desk.views.quotes.get(instrument)
        target = desk.state.targets.get((strategy, instrument))
        rows.append(
            PositionRow(
                strategy=strategy,
                instrument=instrument,
                qty=money.canonical(position.qty),
                average_price=position.average_price(),
                realised=money.shown(position.realised),
                unrealised=money.shown(position.unrealised(quote.mid)) if quote else ZERO,
                fees=money.shown(position.fees_quote),
                volume=money.shown(position.volume),
                trades=position.trades,
                unpriced=money.canonical(position.unpriced),
                target=None if target is None else target.qty,
                suspended="" if target is None else target.suspended,
                protection=_protection(desk.state.protections.get((strategy, instrument))),
                guarded=money.canonical(desk.state.guarded((strategy, instrument))),
            )
        )
    return rows


def _protection(declared: Protection | None) -> str:
    if declared is None:
        return ""
    terms = (("stop", declared.stop), ("take profit", declared.take_profit))
    told = [f"{name} {price}" for name, price in terms if price is not None]
    if declared.trail_bps:
        told.insert(0, f"trailing {declared.trail_bps} bps")
    return ", ".join(told)


def instrument_rows(desk: Desk, moment: Moment) -> list[InstrumentRow]:
    """Markets and exposure against limits."""
    work = Work(desk.state, desk.views, desk.settings, moment)
    rows = []
    for instrument, limits in desk.settings.limits.items():
        quote = desk.views.quotes.get(instrument)
        rows.append(
            InstrumentRow(
                instrument=instrument,
                mode=desk.state.ladder.mode(DESK, instrument_scope(instrument)).name,
                bid=quote.bid if quote else None,
                ask=quote.ask if quote else None,
                feed_age_ns=moment.mono - quote.received if quote else None,
                position=money.canonical(desk.state.net(instrument)),
                worst=money.canonical(worst(work, instrument)),
                position_max=limits.position_max,
            )
        )
    return rows


def limit_rows(desk: Desk, moment: Moment) -> list[LimitRow]:
    """What is used of each limit, and the worst that was ever allowed."""
    work = Work(desk.state, desk.views, desk.settings, moment)
    rows: list[tuple[str, Decimal | None, Decimal]] = []
    for instrument, limits in desk.settings.limits.items():
        rows += [
            (f"position {instrument}", worst(work, instrument), limits.position_max),
            (f"order_qty {instrument}", None, limits.order_qty_max),
            (f"order_notional {instrument}", None, limits.order_notional_max),
        ]
    shared = next(iter(desk.settings.limits.values()))
    second = desk.state.orders_last_second(work.now)
    rows += [
        ("gross", gross(work), shared.gross_max),
        ("open_orders", Decimal(len(desk.state.orders.live)), Decimal(shared.open_orders_max)),
        ("orders_per_second", Decimal(second), Decimal(shared.orders_per_second_max)),
    ]
    worst_of = desk.views.worst
    return [
        LimitRow(
            limit=name,
            now=None if now is None else money.shown(now),
            worst=money.shown(worst_of.get(name, ZERO)),
            maximum=maximum,
        )
        for name, now, maximum in rows
    ] + [
        row
        for scope, limits in desk.settings.loss_limits()
        for row in _loss_rows(work, scope, limits)
    ]


def _loss_rows(work: Work, scope: str, limits: LossLimits) -> Iterator[LimitRow]:
    """What a scope has lost; the worst is what is lost now, since nothing is allowed beyond it."""
    lost = losses.told(work, scope)
    rows: list[tuple[str, Decimal | None, Decimal | int | None]] = [
        ("loss_day", None if lost is None else lost.day, limits.day_max),
        ("drawdown", None if lost is None else lost.drawdown, limits.drawdown_max),
        ("losing_exits", Decimal(work.state.losing_exits(scope)), limits.losing_exits_max),
    ]
    for name, used, maximum in rows:
        if maximum is not None:
            now = None if used is None else money.shown(used)
            yield LimitRow(
                limit=f"{name} {scope}", now=now, worst=now or ZERO, maximum=Decimal(maximum)
            )


def cause_rows(desk: Desk) -> list[CauseRow]:
    """Why anything is not NORMAL."""
    return [
        CauseRow(scope=scope, cause=name, mode=c.mode.name, by=c.by, why=c.why, since_ns=c.since)
        for scope, name, c in desk.state.ladder.told()
    ]


class Sampler:
    """Builds samples; knows when the node started."""

    def __init__(self, shell: Shell, started_ns: int, log_dropped: Callable[[], int]) -> None:
        self._shell = shell
        self._started = started_ns
        self._log_dropped = log_dropped

    def sample(self) -> Sample:
        """Now."""
        shell, desk = self._shell, self._shell.desk
        moment = shell.moment()
        positions = position_rows(desk)
        telemetry = shell.telemetry
        counts = desk.state.counts
        return Sample(
            at_ns=moment.wall,
            desk=desk.settings.name,
            mode=desk.state.ladder.mode(DESK).name,
            trading=shell.trading,
            epoch=desk.state.epoch,
            uptime_ns=moment.mono - self._started,
            lease_left_ns=max(0, moment.lease_until - moment.mono),
            causes=cause_rows(desk),
            instruments=instrument_rows(desk, moment),
            positions=positions,
            orders_live=len(desk.state.orders.live),
            orders_unknown=sum(1 for _ in desk.state.orders.unknown()),
            funnel={
                "intended": counts.get("intended", 0),
                "sent": shell.gateway.sent,
                "acked": counts.get("open", 0),
                **{
                    name: counts.get(name, 0)
                    for name in (
                        "filled",
                        "cancelled",
                        "expired",
                        "rejected",
                        "not_sent",
                        "never_accepted",
                        "unknown",
                    )
                },
            },
            refusals=dict(desk.views.refusals),
            limits=limit_rows(desk, moment),
            fills=counts.get("fills", 0),
            volume=money.total(row.volume for row in positions),
            realised=money.total(row.realised for row in positions),
            unrealised=money.total(row.unrealised for row in positions),
            fees=_fees(desk),
            fees_quote=money.total(row.fees for row in positions),
            balances={a: money.canonical(v) for a, v in desk.state.funds.balances.items()},
            journal=_journal(shell.writer),
            latency={name: h.told() for name, h in telemetry.stages.items() if h.count},
            counters=dict(telemetry.counters),
            events=[
                EventRow(at_ns=at, level=level, event=event, fields=fields)
                for at, level, event, fields in list(telemetry.ring)[-EVENTS_SHOWN:]
            ],
            flatten=desk.views.flatten_said,
            clock_offset_ns=shell.requester.offset_ns,
            log_dropped=self._log_dropped(),
        )


def _fees(desk: Desk) -> dict[str, Decimal]:
    """Fees by the asset they were taken in."""
    fees: dict[str, Decimal] = {}
    for position in desk.state.positions.values():
        for asset, amount in position.fees.items():
            fees[asset] = money.canonical(money.add(fees.get(asset, ZERO), amount))
    return dict(sorted(fees.items()))


def _journal(writer: JournalWriter) -> dict[str, int]:
    return {"durable": writer.durable, "waiting": writer.depth, "epoch": writer.epoch}
