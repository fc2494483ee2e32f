"""Trades and orders of one run, as rows, folded from its journal."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.account import Flow, Forced
from nightdesk.model.ids import ClientOrderId, Epoch, Seq
from nightdesk.model.money import ZERO
from nightdesk.model.order import Execution, Inputs, Intent, OrderReport, VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import (
    Answered,
    Executed,
    Flowed,
    ForceTraded,
    Intended,
    Record,
    Reported,
    Resolved,
    Spooled,
)
from nightdesk.model.time import Wall

History = Iterable[tuple[Seq, Epoch, Wall, Record]]
BPS = Decimal(10_000)
_ENDS = {Verdict.REJECTED: "rejected", Verdict.NOT_SENT: "not sent"}


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade. `slippage_bps` is what it cost against the middle of the market that was decided on, positive
    when it was worse; None where no market was seen. `order` is the desk's id of it, or what made the venue
    trade for the account: "liquidation", "adl" or "settlement"; then each strategy has a row of its share, and
    the one that held most the fee."""

    at_ns: int
    strategy: str
    instrument: str
    side: str
    qty: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    slippage_bps: Decimal | None
    order: str
    trade: str


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order from its intent to its end; `state` is "open" or "unknown" where it has none."""

    at_ns: int
    strategy: str
    instrument: str
    side: str
    type: str
    origin: str
    qty: Decimal
    price: Decimal
    filled: Decimal
    average_price: Decimal | None
    state: str
    order: str


class Run:
    """Rows of one journal, in the order in which they were written."""

    def __init__(self, history: History) -> None:
        self.trades: list[Trade] = []
        self.flows: dict[Flow, Decimal] = {}  # what venues moved of wallets, by no trade
        self._forced: dict[Forced, set[str]] = {}  # the venue's orders
        self._intents: dict[ClientOrderId, tuple[int, Intent]] = {}
        self._seen: dict[ClientOrderId, set[str]] = {}
        self._states: dict[ClientOrderId, str] = {}
        self._bought: dict[ClientOrderId, tuple[Decimal, Decimal]] = {}  # quantity and value
        self._terms_at: dict[ClientOrderId, Wall] = {}  # by the venue's clock, of the last report
        for _, _, at, record in history:
            self._fold(at, record)

    @property
    def orders(self) -> Iterator[OrderLine]:
        """Every order that was intended."""
        for client_id, (at_ns, intent) in self._intents.items():
            qty, value = self._bought.get(client_id, (ZERO, ZERO))
            yield OrderLine(
                at_ns=at_ns,
                strategy=intent.strategy,
                instrument=intent.instrument,
                side=intent.side,
                type=intent.type,
                origin=intent.origin,
                qty=intent.qty,
                price=intent.price,
                filled=money.canonical(qty),
                average_price=None if qty == 0 else money.shown(money.average(value, qty)),
                state="filled" if qty >= intent.qty else self._states.get(client_id, "open"),
                order=client_id,
            )

    def forced(self, kind: Forced) -> int:
        """How many orders of that kind the venue placed for the account."""
        return len(self._forced.get(kind, ()))

    def _fold(self, at: Wall, record: Record) -> None:
        match record:
            case Intended(intent=intent) | Spooled(intent=intent):
                self._intents[intent.client_id] = (at, intent)
            case Executed(execution=execution):
                self._trade(at, execution)
            case Answered(client_id=client_id, verdict=verdict):
                if verdict is Verdict.UNKNOWN:
                    self._states.setdefault(client_id, "unknown")
                elif verdict in _ENDS:
                    self._states[client_id] = _ENDS[verdict]
            case Reported(report=report):
                working = report.status is VenueStatus.WORKING
                self._states[report.client_id] = "open" if working else str(report.status)
                self._take(report)
            case Resolved(client_id=client_id):
                self._states[client_id] = "never accepted"
            case ForceTraded():
                self._force_traded(record)
            case Flowed(move=move):
                self.flows[move.kind] = money.add(self.flows.get(move.kind, ZERO), move.amount)
            case _:
                pass

    def _take(self, report: OrderReport) -> None:
        """The terms that the venue told at its latest time: an order may have been amended."""
        client_id, qty, price = report.client_id, report.qty, report.price
        known = self._intents.get(client_id)
        if known is None or qty is None or price is None or report.filled > qty:
            return
        if report.venue_time >= self._terms_at.get(client_id, 0):
            self._terms_at[client_id] = report.venue_time
            intent = msgspec.structs.replace(known[1], qty=qty, price=price)
            self._intents[client_id] = (known[0], intent)

    def _force_traded(self, record: ForceTraded) -> None:
        fill = record.fill
        order = f"{fill.instrument} {fill.venue_order_id}"
        self._forced.setdefault(fill.kind, set()).add(order)
        for strategy, qty in record.shares.items():
            trade = Trade(
                at_ns=fill.at,
                strategy=strategy,
                instrument=fill.instrument,
                side=fill.side,
                qty=qty,
                price=fill.price,
                value=money.canonical(money.notional(fill.price, qty)),
                fee=record.fee_of(strategy),
                fee_asset=fill.fee_asset,
                maker=False,
                slippage_bps=None,
                order=fill.kind,
                trade=fill.trade_id,
            )
            self.trades.append(trade)

    def _trade(self, at: Wall, execution: Execution) -> None:
        known = self._intents.get(execution.client_id)
        seen = self._seen.setdefault(execution.client_id, set())
        if known is None or execution.trade_id in seen:
            return
        seen.add(execution.trade_id)
        intent = known[1]
        value = money.notional(execution.price, execution.qty)
        qty, so_far = self._bought.get(execution.client_id, (ZERO, ZERO))
        self._bought[execution.client_id] = (
            money.add(qty, execution.qty),
            money.add(so_far, value),
        )
        trade = Trade(
            at_ns=execution.venue_time or at,
            strategy=intent.strategy,
            instrument=execution.instrument,
            side=execution.side,
            qty=execution.qty,
            price=execution.price,
            value=money.canonical(value),
            fee=execution.fee,
            fee_asset=execution.fee_asset,
            maker=execution.maker,
            slippage_bps=_slippage_bps(intent.inputs, execution),
            order=execution.client_id,
            trade=execution.trade_id,
        )
        self.trades.append(trade)


def _slippage_bps(inputs: Inputs | None, execution: Execution) -> Decimal | None:
    if inputs is None:
        return None
    middle = money.half_way(inputs.bid, inputs.ask)
    worse = money.subtract(execution.price, middle) * execution.side.sign
    return money.shown(money.average(money.multiply(worse, BPS), middle))
