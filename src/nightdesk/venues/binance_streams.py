"""Binance spot's streams: market frames in, quotes, trades and books out; private events in, facts out.

Sources: web-socket-streams.md, user-data-stream.md, read 2026-11-21. Quantities of the market stay as the
venue spelled them: only what goes into the journal is made canonical, and this is the hot path.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from nightdesk.model.bars import BarsOf
from nightdesk.model.errors import ProtocolViolation, StreamEnding, StreamOver
from nightdesk.model.ids import ClientOrderId, InstrumentId, is_emergency
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import DepthOf, MarketEvent, Quote, Trade
from nightdesk.model.order import Execution, OrderReport, ReportSource, Side
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.venues import binance_cadence, binance_depth
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_bars import from_frame, stream_names
from nightdesk.venues.binance_sign import Signer
from nightdesk.venues.http import HttpResult
from nightdesk.venues.protocol import UserUpdate

_ENVELOPE = msgspec.json.Decoder(wire.Envelope)
_BOOK_TICKER = msgspec.json.Decoder(wire.BookTicker)
_TRADE = msgspec.json.Decoder(wire.TradeFrame)
_API = msgspec.json.Decoder(wire.ApiFrame)
_EVENT = msgspec.json.Decoder(wire.EventName)
_REPORT = msgspec.json.Decoder(wire.ExecutionReport)
_SHUTDOWN_STREAM, _SHUTDOWN = "!serverShutdown", "the venue says that this server shuts down"


class BinanceStreams:
    """The half of the codec that reads streams."""

    def __init__(self, signer: Signer, symbols: Mapping[str, InstrumentId]) -> None:
        self._signer = signer
        self._symbols = symbols

    def market_paths(
        self,
        instruments: Sequence[Instrument],
        bars: Collection[BarsOf] = (),
        depth: Collection[DepthOf] = (),
    ) -> Sequence[str]:
        """One combined stream for everything that is traded, with the bars and books that are wanted of it."""
        names = [
            f"{i.symbol.lower()}@{kind}" for i in instruments for kind in ("bookTicker", "trade")
        ]
        names += stream_names(instruments, bars)
        names += binance_depth.stream_names(instruments, depth)
        return [f"/stream?streams={'/'.join(names)}"]

    @property
    def connection_life_ns(self) -> int:
        """See `VenueCodec`."""
        return binance_cadence.LIFE_NS

    def patience(self, path: str) -> Mapping[binance_cadence.Subscription, int]:
        """See `VenueCodec`."""
        return binance_cadence.patience(path, self._symbols)

    def market(self, frame: bytes, received: Mono) -> MarketEvent | None:
        """One frame; None for a reply that is no market data. Raises `ProtocolViolation` on any other, and
        `StreamEnding` where it says that the connection will be closed."""
        try:
            envelope = _ENVELOPE.decode(frame)
            _, _, kind = envelope.stream.partition("@")
            if kind == "bookTicker":
                return self._quote(_BOOK_TICKER.decode(envelope.data), received)
            if kind == "trade":
                return self._trade(_TRADE.decode(envelope.data), received)
            if kind.startswith("kline_"):
                return from_frame(envelope.data, self._symbols, received)
            book = binance_depth.of_spot(envelope, self._symbols, received)
            if book is not None:
                return book
        except wire.UNREADABLE as error:
            raise ProtocolViolation(f"market frame {frame[:120]!r}: {error}") from error
        if envelope.stream == _SHUTDOWN_STREAM:
            raise StreamEnding(_SHUTDOWN)
        if envelope.stream and not envelope.stream.startswith("!"):
            raise ProtocolViolation(f"market frame of a stream nobody asked for: {envelope.stream}")
        return None

    def private_key(self) -> None:
        """None: listen keys were withdrawn on 2026-02-20."""

    def keyed(self, _: HttpResult) -> str:
        """Never asked."""
        raise AssertionError("spot's private stream has no key")

    def private_path(self, _: str) -> str:
        """User data comes over ws-api."""
        return "/ws-api/v3?returnRateLimits=false"

    def private_hello(self, now: Wall) -> str:
        """The signed request that turns a ws-api connection into a private stream."""
        parameters: dict[str, str | int] = {"apiKey": self._signer.key, "timestamp": now // MS_NS}
        payload = "&".join(f"{key}={parameters[key]}" for key in sorted(parameters))
        parameters["signature"] = self._signer.sign(payload)
        hello = {
            "id": "subscribe",
            "method": "userDataStream.subscribe.signature",
            "params": parameters,
        }
        return msgspec.json.encode(hello).decode()

    def private(self, frame: bytes) -> UserUpdate:
        """One frame of the private stream; raises `ProtocolViolation` on one that cannot be read,
        `StreamEnding` where it says that the connection will be closed, `StreamOver` where it is not subscribed
        or no longer."""
        try:
            outer = _API.decode(frame)
            if not outer.event:
                return _reply(outer)
            name = _EVENT.decode(outer.event).e
            if name == "executionReport":
                return self._execution(_REPORT.decode(outer.event))
        except wire.UNREADABLE as error:
            raise ProtocolViolation(f"private frame {frame[:160]!r}: {error}") from error
        if name == "serverShutdown":
            raise StreamEnding(_SHUTDOWN)
        if name == "eventStreamTerminated":
            raise StreamOver("the venue says that the private stream has ended")
        if name in ("balanceUpdate", "externalLockUpdate"):
            return UserUpdate(
                foreign=f"{name}: {bytes(outer.event)[:160].decode(errors='replace')}"
            )
        return UserUpdate(note="" if name == "outboundAccountPosition" else name)

    def _quote(self, frame: wire.BookTicker, received: Mono) -> Quote:
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
        )

    def _trade(self, frame: wire.TradeFrame, received: Mono) -> Trade:
        return Trade(
            instrument=self._symbols[frame.s],
            trade_id=frame.t,
            price=frame.p,
            qty=frame.q,
            buyer_is_maker=frame.m,
            received=received,
            venue_time=Wall(frame.E * MS_NS),
        )

    def _execution(self, report: wire.ExecutionReport) -> UserUpdate:
        """On a cancel `c` is the cancel request's own id and `C` the order's."""
        client_id = ClientOrderId(report.C or report.c)
        # Whoever cancels with the emergency tool says so in the id of the request.
        by_hand = report.c if report.C and is_emergency(report.c) else ""
        instrument = self._symbols.get(report.s)
        if instrument is None:
            return UserUpdate(foreign=by_hand or client_id)
        at = Wall(report.T * MS_NS)
        status = wire.status_of(report.X)
        note = "" if report.X in wire.STATUS else f"new order status {report.X}"
        execution = None
        if report.x == "TRADE":
            execution = Execution(
                client_id=client_id,
                instrument=instrument,
                trade_id=str(report.t),
                side=Side.BUY if report.S == "BUY" else Side.SELL,
                price=wire.amount(report.L),
                qty=wire.amount(report.last_qty),
                fee=wire.amount(report.n),
                fee_asset=report.N or "",
                maker=report.m,
                venue_time=at,
            )
        return UserUpdate(
            report=OrderReport(
                client_id=client_id,
                venue_order_id=str(report.i),
                instrument=instrument,
                status=status,
                filled=wire.amount(report.z),
                venue_time=at,
                source=ReportSource.STREAM,
            ),
            execution=execution,
            note=note,
            foreign=by_hand,
        )


def _reply(frame: wire.ApiFrame) -> UserUpdate:
    if frame.error is not None:
        raise StreamOver(f"the private stream was refused: {frame.error.code} {frame.error.msg}")
    if frame.id == "subscribe" and frame.status != 200:
        raise StreamOver(f"the private stream was refused with status {frame.status}")
    return UserUpdate(note="subscribed" if frame.id == "subscribe" else "")
