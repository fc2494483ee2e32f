"""Binance USD-M futures' streams: market frames in, what the market says out; private events in, facts out.

Sources: the venue's "Important WebSocket Change Notice" (three roots: /public for books, /market for the rest,
/private for user data; the old one was withdrawn on 2026-04-23) and its USD-M market and user-data stream
pages, read 2026-11-22. Prices and quantities of the market stay as the venue spelled them: this is the hot
path.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from nightdesk.model.account import ForcedFill, Moved, TermsTold
from nightdesk.model.bars import BarsOf
from nightdesk.model.errors import ProtocolViolation, StreamOver
from nightdesk.model.ids import ClientOrderId, InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import DepthOf, Mark, MarketEvent, Quote, Trade
from nightdesk.model.order import WAITING, Execution, OrderReport, ReportSource, VenueStatus
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.venues import binance_cadence, binance_depth
from nightdesk.venues import binance_usdm_wire as usdm
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_bars import from_frame, stream_names
from nightdesk.venues.protocol import UserUpdate

_ENVELOPE = msgspec.json.Decoder(wire.Envelope)
_TICKER = msgspec.json.Decoder(usdm.ContractTicker)
_TRADE = msgspec.json.Decoder(usdm.AggTrade)
_MARK = msgspec.json.Decoder(usdm.MarkPrice)
_EVENT = msgspec.json.Decoder(usdm.UserEvent)
_ORDER = msgspec.json.Decoder(usdm.OrderTradeUpdate)
_ALGO = msgspec.json.Decoder(usdm.AlgoUpdate)
_ACCOUNT = msgspec.json.Decoder(usdm.AccountUpdate)
_CONFIG = msgspec.json.Decoder(usdm.ConfigUpdate)
_REJECT = msgspec.json.Decoder(usdm.TriggerRejected)


class UsdmStreams:
    """The half of the codec that reads streams."""

    def __init__(self, symbols: Mapping[str, InstrumentId]) -> None:
        self._symbols = symbols

    def market_paths(
        self,
        instruments: Sequence[Instrument],
        bars: Collection[BarsOf] = (),
        depth: Collection[DepthOf] = (),
    ) -> Sequence[str]:
        """Two combined streams: books and the rest live under different roots."""
        names = [i.symbol.lower() for i in instruments]
        tops = [f"{name}@bookTicker" for name in names]
        tops += binance_depth.stream_names(instruments, depth)
        rest = [f"{name}@{kind}" for name in names for kind in ("aggTrade", "markPrice@1s")]
        rest += stream_names(instruments, bars)
        return [
            f"/public/stream?streams={'/'.join(tops)}",
            f"/market/stream?streams={'/'.join(rest)}",
        ]

    @property
    def connection_life_ns(self) -> int:
        """See `VenueCodec`."""
        return binance_cadence.LIFE_NS

    def patience(self, path: str) -> Mapping[binance_cadence.Subscription, int]:
        """See `VenueCodec`."""
        return binance_cadence.patience(path, self._symbols)

    def market(self, frame: bytes, received: Mono) -> MarketEvent | None:
        """One frame; None for a reply that is no market data. Raises `ProtocolViolation` on any other."""
        try:
            envelope = _ENVELOPE.decode(frame)
            if not envelope.stream:
                return None
            if envelope.stream.partition("@")[2].startswith("kline_"):
                return from_frame(envelope.data, self._symbols, received)
            event = self._market(envelope, received)
        except wire.UNREADABLE as error:
            raise ProtocolViolation(f"market frame {frame[:120]!r}: {error}") from error
        if event is None:
            raise ProtocolViolation(f"market frame of a stream nobody asked for: {envelope.stream}")
        return event

    def _market(self, envelope: wire.Envelope, received: Mono) -> MarketEvent | None:
        _, _, kind = envelope.stream.partition("@")
        if kind == "bookTicker":
            return self._quote(_TICKER.decode(envelope.data), received)
        if kind == "aggTrade":
            return self._trade(_TRADE.decode(envelope.data), received)
        if kind.startswith("markPrice"):
            return self._mark(_MARK.decode(envelope.data), received)
        return binance_depth.of_usdm(envelope, self._symbols, received)

    def private_path(self, key: str) -> str:
        """The key is a credential: it must not be logged."""
        return f"/private/ws/{key}"

    def private_hello(self, _: Wall) -> str:
        """Nothing: the key in the path has subscribed already."""
        return ""

    def private(self, frame: bytes) -> UserUpdate:
        """One frame of the private stream; raises `ProtocolViolation` on one that cannot be read, `StreamOver`
        where it says that the key has expired."""
        try:
            event = _EVENT.decode(frame)
            if not event.e and event.data:
                frame = bytes(event.data)
                event = _EVENT.decode(frame)
            return self._user(event.e, frame)
        except wire.UNREADABLE as error:
            raise ProtocolViolation(f"private frame {frame[:160]!r}: {error}") from error

    def _user(self, name: str, frame: bytes) -> UserUpdate:
        match name:
            case "ORDER_TRADE_UPDATE":
                return self._order(_ORDER.decode(frame).o)
            case "ALGO_UPDATE":
                return self._algo(_ALGO.decode(frame))
            case "ACCOUNT_UPDATE":
                return self._account(_ACCOUNT.decode(frame))
            case "ACCOUNT_CONFIG_UPDATE":
                return self._config(_CONFIG.decode(frame))
            case "CONDITIONAL_ORDER_TRIGGER_REJECT":
                told = _REJECT.decode(frame).order
                why = f"{told.s}: the order that a trigger made was rejected: {told.r}"
                return UserUpdate(warning=why)
            case "MARGIN_CALL":
                return UserUpdate(
                    warning="the venue calls for margin: positions are near liquidation"
                )
            case "listenKeyExpired":
                raise StreamOver("the private stream's key has expired")
            case (
                _
            ):  # TRADE_LITE tells a part of what ORDER_TRADE_UPDATE tells; others are of no desk
                return UserUpdate(note="" if name == "TRADE_LITE" else name)

    def _quote(self, frame: usdm.ContractTicker, received: Mono) -> Quote:
        if not (frame.b.is_finite() and frame.a.is_finite()):
            raise msgspec.ValidationError("a price that is no number")
        return Quote(
            instrument=self._symbols[frame.s],
            bid=frame.b,
            bid_qty=frame.B,
            ask=frame.a,
            ask_qty=frame.A,
            update_id=frame.u,
            received=received,
            venue_time=Wall(frame.T * MS_NS),
        )

    def _trade(self, frame: usdm.AggTrade, received: Mono) -> Trade:
        return Trade(
            instrument=self._symbols[frame.s],
            trade_id=frame.a,
            price=frame.p,
            qty=frame.q,
            buyer_is_maker=frame.m,
            received=received,
            venue_time=Wall(frame.E * MS_NS),
        )

    def _mark(self, frame: usdm.MarkPrice, received: Mono) -> Mark:
        if not (frame.p > 0 and frame.r.is_finite()):
            raise msgspec.ValidationError("a mark that is no price")
        return Mark(
            instrument=self._symbols[frame.s],
            price=frame.p,
            index=frame.i,
            funding_rate=frame.r,
            funding_at=Wall(frame.T * MS_NS),
            received=received,
            venue_time=Wall(frame.E * MS_NS),
        )

    def _order(self, told: usdm.OrderUpdate) -> UserUpdate:
        """An order that trades; one that the venue placed itself is told by its trades alone."""
        instrument = self._symbols.get(told.s)
        if instrument is None:
            return UserUpdate(foreign=told.c)
        kind, at = usdm.forced_of(told.c), Wall(told.T * MS_NS)
        traded = told.x in ("TRADE", "CALCULATED") and told.last_qty > 0
        if kind is not None:
            if not traded:
                return UserUpdate(foreign=told.c)
            return UserUpdate(
                forced=ForcedFill(
                    kind=kind,
                    instrument=instrument,
                    venue_order_id=str(told.i),
                    trade_id=str(told.t),
                    side=wire.side_of(told.S),
                    price=wire.amount(told.L),
                    qty=wire.amount(told.last_qty),
                    fee=wire.signed(told.n),
                    fee_asset=told.N or "",
                    realised=wire.signed(told.rp),
                    at=at,
                )
            )
        client_id = ClientOrderId(told.c)
        qty, price = usdm.terms_of(told.o, told.q, told.p) or (None, None)
        report = OrderReport(
            client_id=client_id,
            venue_order_id=str(told.i),
            instrument=instrument,
            status=wire.status_of(told.X),
            filled=wire.amount(told.z),
            venue_time=at,
            source=ReportSource.STREAM,
            qty=qty,
            price=price,
        )
        execution = None
        if traded:
            execution = Execution(
                client_id=client_id,
                instrument=instrument,
                trade_id=str(told.t),
                side=wire.side_of(told.S),
                price=wire.amount(told.L),
                qty=wire.amount(told.last_qty),
                fee=wire.signed(told.n),
                fee_asset=told.N or "",
                maker=told.m,
                venue_time=at,
                realised=wire.signed(told.rp),
            )
        note = "" if told.X in wire.STATUS else f"new order status {told.X}"
        return UserUpdate(report=report, execution=execution, note=note)

    def _algo(self, told: usdm.AlgoUpdate) -> UserUpdate:
        """An order that waits for its price."""
        order = told.o
        instrument = self._symbols.get(order.s)
        if instrument is None:
            return UserUpdate(foreign=order.caid)
        note = "" if order.X in usdm.ALGO_STATUS else f"new algo status {order.X}"
        at = Wall(told.T * MS_NS)
        report = algo_report(
            order.caid, order.aid, order.X, order.ai, instrument, at, ReportSource.STREAM
        )
        warning = ""
        if order.X in ("REJECTED", "EXPIRED"):
            why = order.rm or "no reason told"
            warning = f"{instrument}: the conditional order {order.caid} is {order.X}: {why}"
        return UserUpdate(report=report, note=note, warning=warning)

    def _account(self, told: usdm.AccountUpdate) -> UserUpdate:
        change = told.a
        positions = {
            self._symbols[p.s]: wire.signed(p.pa)
            for p in change.P
            if p.s in self._symbols and p.ps == "BOTH"
        }
        moved = Moved(
            kind=usdm.reason_of(change.m),
            wallets={b.a: wire.signed(b.wb) for b in change.B},
            positions=positions,
            at=Wall(told.T * MS_NS),
        )
        return UserUpdate(moved=moved)

    def _config(self, told: usdm.ConfigUpdate) -> UserUpdate:
        if told.ai is not None:
            return UserUpdate(terms=TermsTold(multi_asset=told.ai.j))
        if told.ac is None:
            return UserUpdate(note="ACCOUNT_CONFIG_UPDATE")
        instrument = self._symbols.get(told.ac.s)
        if instrument is None:
            return UserUpdate()
        return UserUpdate(terms=TermsTold(instrument=instrument, leverage=told.ac.leverage))


def algo_report(
    client_id: str,
    algo_id: int,
    status: str,
    became: str | int,
    instrument: InstrumentId,
    at: Wall,
    source: ReportSource,
) -> OrderReport:
    """A waiting order as the venue tells it. Once it became another one, that one's own reports say how far it
    traded and how it ended: the parent is then no more than working."""
    child = str(became or "")
    return OrderReport(
        client_id=ClientOrderId(client_id),
        venue_order_id=child or f"{WAITING}{algo_id}",
        instrument=instrument,
        status=VenueStatus.WORKING if child else usdm.ALGO_STATUS.get(status, VenueStatus.WORKING),
        filled=Decimal(0),
        venue_time=at,
        source=source,
    )
