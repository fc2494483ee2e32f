"""The node in numbers: what is published once a second and what the tables show."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from nightdesk.control.messages import (
    BreakerRow,
    CauseRow,
    EventRow,
    InstrumentRow,
    LaneRow,
    LimitRow,
    LimitSetRow,
    OrderRow,
    PositionRow,
    Sample,
    StandbyRow,
    SwitchRow,
)
from nightdesk.desk.desk import Desk
from nightdesk.desk.limiting import holds
from nightdesk.desk.placing import worst
from nightdesk.desk.protection import Protection
from nightdesk.desk.set_limits import in_config
from nightdesk.desk.settings import OPERATOR
from nightdesk.desk.use import uses
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.account import Flow
from nightdesk.model.ids import VenueId
from nightdesk.model.money import ZERO
from nightdesk.model.time import Moment, Mono
from nightdesk.modes.ladder import DESK, scopes
from nightdesk.node.cover import Cover
from nightdesk.ports.journal import Presence
from nightdesk.runtime.guard import Operation
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.runtime.route import Route, sent
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.venue_clock import VenueClock

EVENTS_SHOWN = 12
_ENDS = ("filled", "cancelled", "expired", "rejected", "not_sent", "never_accepted", "unknown")


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
                funding=money.shown(position.funding),
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
    for instrument in desk.settings.instruments:
        quote = desk.views.quotes.get(instrument)
        rows.append(
            InstrumentRow(
                instrument=instrument,
                mode=desk.state.ladder.mode(*scopes(OPERATOR, instrument)).name,
                bid=quote.bid if quote else None,
                ask=quote.ask if quote else None,
                feed_age_ns=moment.mono - quote.received if quote else None,
                position=money.canonical(desk.state.net(instrument)),
                worst=money.canonical(worst(work, instrument)),
                position_max=work.limits(OPERATOR, instrument).position_max,
            )
        )
    return rows


def limit_rows(desk: Desk, moment: Moment) -> list[LimitRow]:
    """What is used of each limit, and the worst that was ever allowed."""
    work = Work(desk.state, desk.views, desk.settings, moment)
    return [
        LimitRow(limit=use.limit, now=use.now, worst=use.worst, maximum=use.maximum)
        for use in uses(work)
    ]


def limit_set_rows(desk: Desk) -> list[LimitSetRow]:
    """Which limits are not as the config file has them, and who wanted that."""
    return [
        LimitSetRow(
            scope=was.scope,
            limit=was.limit,
            value=holds(was, file),
            file=file,
            by=was.by,
            why=was.why,
        )
        for was, file in in_config(desk.settings, desk.state.limits_set)
    ]


def cause_rows(desk: Desk) -> list[CauseRow]:
    """Why anything is not NORMAL."""
    return [
        CauseRow(scope=scope, cause=name, mode=c.mode.name, by=c.by, why=c.why, since_ns=c.since)
        for scope, name, c in desk.state.ladder.told()
    ]


def breaker_rows(routes: Mapping[VenueId, Route], now: Mono) -> list[BreakerRow]:
    """How each class of requests to each venue fares."""
    rows = []
    for venue, route in routes.items():
        for operation in Operation:
            standing = route.requester.guard.standing(operation)
            rows.append(
                BreakerRow(
                    venue=venue,
                    operation=operation,
                    state=standing.state,
                    calls=standing.tally.calls,
                    failed=standing.tally.failed,
                    slow=standing.tally.slow,
                    why=standing.over,
                    left_ns=None if standing.until is None else standing.until - now,
                )
            )
    return rows


def lane_rows(routes: Mapping[VenueId, Route]) -> list[LaneRow]:
    """How each of several ways to a venue fares."""
    return [
        LaneRow(
            venue=venue,
            lane=health.name,
            use=health.use,
            latency_ns=health.latency_ns,
            errors_percent=health.errors_percent,
            under_way=health.under_way,
            why=health.why,
        )
        for venue, route in routes.items()
        for health in route.requester.lanes_told()
    ]


def switch_rows(routes: Mapping[VenueId, Route]) -> list[SwitchRow]:
    """How the venues' dead man's switches stand."""
    return [
        SwitchRow(
            instrument=switch.instrument,
            length_ns=switch.length_ns,
            left_ns=switch.left_ns,
            off=switch.off,
        )
        for route in routes.values()
        if route.dead_man is not None
        for switch in route.dead_man.told()
    ]


class Sampler:
    """Builds samples; knows when the node started."""

    def __init__(
        self,
        shell: Shell,
        started_ns: int,
        log_dropped: Callable[[], int],
        cover: Cover,
        led_because: str,
    ) -> None:
        self._shell = shell
        self._cover = cover
        self._led_because = led_because
        self._started = started_ns
        self._log_dropped = log_dropped

    def sample(self) -> Sample:
        """Now."""
        shell, desk = self._shell, self._shell.desk
        moment = shell.moment()
        positions = position_rows(desk)
        telemetry = shell.telemetry
        counts = desk.state.counts
        clocks = [route.requester.clock for route in shell.routes.values()]
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
                "sent": sent(shell.routes.values()),
                "acked": counts.get("open", 0),
                **{name: counts.get(name, 0) for name in _ENDS},
            },
            refusals=dict(desk.views.refusals),
            limits=limit_rows(desk, moment),
            limits_set=limit_set_rows(desk),
            fills=counts.get("fills", 0),
            volume=money.total(row.volume for row in positions),
            realised=money.total(row.realised for row in positions),
            unrealised=money.total(row.unrealised for row in positions),
            funding=money.total(row.funding for row in positions),
            flows=_flows(desk),
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
            clock_offset_ns=max((clock.offset_ns for clock in clocks), key=abs),
            clock_error_ns=_worst_error(clocks),
            breakers=breaker_rows(shell.routes, moment.mono),
            lanes=lane_rows(shell.routes),
            switches=switch_rows(shell.routes),
            log_dropped=self._log_dropped(),
            node=self._cover.holder.name,
            pid=self._cover.holder.pid,
            led_because=self._led_because,
            standbys=standby_rows(self._cover.standbys, moment.mono),
        )


def standby_rows(standbys: Iterable[Presence], now: Mono) -> list[StandbyRow]:
    """Those that stand by, first who would lead."""
    return [
        StandbyRow(
            node=node.holder.name,
            pid=node.holder.pid,
            rank=node.rank,
            lag_ns=node.lag_ns,
            heard_ns=now - node.at,
            unfit=node.unfit,
        )
        for node in sorted(standbys, key=lambda node: (node.rank, node.holder.started))
    ]


def _worst_error(clocks: Iterable[VenueClock]) -> int | None:
    """Of the venues' clocks; None while one of them is in doubt."""
    errors = [clock.error_ns() for clock in clocks]
    known = [error_ns for error_ns in errors if error_ns is not None]
    return max(known) if len(known) == len(errors) else None


def _fees(desk: Desk) -> dict[str, Decimal]:
    """Fees by the asset they were taken in."""
    fees: dict[str, Decimal] = {}
    for position in desk.state.positions.values():
        for asset, amount in position.fees.items():
            fees[asset] = money.canonical(money.add(fees.get(asset, ZERO), amount))
    return dict(sorted(fees.items()))


def _flows(desk: Desk) -> dict[str, Decimal]:
    """What venues moved of wallets besides trades and funding."""
    moved = sorted(desk.state.funds.flows.items())
    return {str(k): money.canonical(v) for k, v in moved if k is not Flow.FUNDING}


def _journal(writer: JournalWriter) -> dict[str, int]:
    return {"durable": writer.durable, "waiting": writer.depth, "epoch": writer.epoch}
