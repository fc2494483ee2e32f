"""Binance spot: requests and what their answers mean.

Sources: the venue's rest-api.md and web-socket-api.md, read 2026-11-21 at their state of 2026-07-21. Orders go
by REST because one signed request on one held connection is one thing to be sure or unsure about; streams are
in `binance_streams`.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote

import msgspec

from nightdesk.model import money
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import ClientOrderId, InstrumentId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.order import (
    Execution,
    Intent,
    OrderReport,
    ReportSource,
    Side,
)
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_errors import meaning_of, meaning_without_body
from nightdesk.venues.binance_kinds import SIDES, pair_terms, terms
from nightdesk.venues.binance_sign import Signer, signed_query
from nightdesk.venues.binance_streams import BinanceStreams
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult
from nightdesk.venues.protocol import Found, NoAnswer, NotFound, TradePage

RECV_WINDOW_MS_MAX = 60_000
READ_WINDOW_MS = 5_000
RETRY_AFTER_DIGITS_MAX = 6  # the longest documented ban is three days, 259,200 s
TRADES_MAX = 1_000  # the most that one answer of myTrades holds
PRICE_MAX = Decimal(10**9)  # where the venue names none


T = TypeVar("T")
R = TypeVar("R")


class BinanceSpot(BinanceStreams):
    """The codec of one account. Holds no state but keys and names."""

    def __init__(
        self,
        venue: VenueId,
        signer: Signer,
        symbols: Mapping[str, InstrumentId],
    ) -> None:
        super().__init__(signer, symbols)
        self.venue = venue
        self._names = {i: quote(symbol, safe="") for symbol, i in symbols.items()}
        self._key = (("X-MBX-APIKEY", signer.key),)
        self._post = (*self._key, ("Content-Type", "application/x-www-form-urlencoded"))

    def place(self, intent: Intent, now: Wall) -> HttpRequest | None:
        """A signed order that the venue refuses after the intent's deadline; None when that has passed."""
        parameters = f"{terms(intent)}&newClientOrderId={intent.client_id}"
        return self._posted("/api/v3/order", intent, parameters, now)

    def placed(self, intent: Intent, result: HttpResult) -> Outcome:
        """What may be believed after a `place`."""

        def build(answer: wire.OrderAnswer) -> Outcome:
            _about(intent, answer.client_order_id)
            return Outcome(
                verdict=Verdict.ACKED,
                report=self._report(answer, ReportSource.ANSWER),
                executions=tuple(_fills(intent, answer)),
            )

        return _read(result, wire.OrderAnswer, build)

    def place_pair(self, intent: Intent, other: Intent, now: Wall) -> HttpRequest | None:
        """Two orders of which only one may trade, as one order list; the same for its deadline."""
        return self._posted("/api/v3/orderList/oco", intent, pair_terms(intent, other), now)

    def placed_pair(
        self, intent: Intent, other: Intent, result: HttpResult
    ) -> tuple[Outcome, Outcome]:
        """What may be believed of either after a `place_pair`."""

        def build(answer: wire.ListAnswer) -> tuple[Outcome, Outcome]:
            told = {report.client_order_id: report for report in answer.order_reports}
            first, second = (
                Outcome(
                    verdict=Verdict.ACKED,
                    report=self._report(told[leg.client_id], ReportSource.ANSWER),
                )
                for leg in (intent, other)
            )
            return first, second

        read = _read(result, wire.ListAnswer, build)
        return (read, read) if isinstance(read, Outcome) else read

    def cancel(self, intent: Intent, now: Wall) -> HttpRequest:
        """Cancel by our own id: idempotent, safe to repeat."""
        return self._signed("DELETE", "/api/v3/order", self._of(intent), now)

    def cancelled(self, intent: Intent, result: HttpResult) -> Outcome:
        """What may be believed after a `cancel`."""

        def build(answer: wire.OrderAnswer) -> Outcome:
            _about(intent, answer.orig_client_order_id or answer.client_order_id)
            return Outcome(verdict=Verdict.ACKED, report=self._report(answer, ReportSource.ANSWER))

        return _read(result, wire.OrderAnswer, build)

    def query(self, intent: Intent, now: Wall) -> HttpRequest:
        """Ask for one order by our own id."""
        return self._signed("GET", "/api/v3/order", self._of(intent), now)

    def queried(self, intent: Intent, result: HttpResult) -> Found | NotFound | NoAnswer:
        """The order, or that the venue does not know it now."""

        return self._found(result, intent)

    def identify(self, instrument: InstrumentId, venue_order_id: str, now: Wall) -> HttpRequest:
        """Ask for one order by the venue's id, whoever placed it."""
        parameters = f"symbol={self._names[instrument]}&orderId={venue_order_id}"
        return self._signed("GET", "/api/v3/order", parameters, now)

    def identified(self, result: HttpResult) -> Found | NotFound | NoAnswer:
        """The order of an `identify`."""
        return self._found(result, None)

    def trades_between(
        self, instrument: InstrumentId, start: Wall, end: Wall, now: Wall
    ) -> HttpRequest:
        """The account's trades in a span of at most 24 hours, oldest first."""
        span = f"startTime={start // MS_NS}&endTime={end // MS_NS}"
        parameters = f"symbol={self._names[instrument]}&{span}&limit={TRADES_MAX}"
        return self._signed("GET", "/api/v3/myTrades", parameters, now)

    def traded_between(self, result: HttpResult) -> TradePage | NoAnswer:
        """Whose orders traded; the venue's trades carry no client id."""

        def build(answer: list[wire.AccountTrade]) -> TradePage:
            return TradePage(
                venue_order_ids=tuple(dict.fromkeys(str(trade.order_id) for trade in answer)),
                full=len(answer) >= TRADES_MAX,
                last=_wall(max((trade.time for trade in answer), default=0)),
            )

        return _answered(_read(result, list[wire.AccountTrade], build))

    def trades(self, intent: Intent, venue_order_id: str, now: Wall) -> HttpRequest:
        """Every trade of one order."""
        parameters = (
            f"symbol={self._names[intent.instrument]}&orderId={venue_order_id}&limit={TRADES_MAX}"
        )
        return self._signed("GET", "/api/v3/myTrades", parameters, now)

    def traded(self, intent: Intent, result: HttpResult) -> Sequence[Execution] | NoAnswer:
        """The trades of `intent`'s order."""

        def build(answer: list[wire.AccountTrade]) -> list[Execution]:
            return [
                Execution(
                    client_id=intent.client_id,
                    instrument=intent.instrument,
                    trade_id=str(trade.id),
                    side=Side.BUY if trade.is_buyer else Side.SELL,
                    price=wire.amount(trade.price),
                    qty=wire.amount(trade.qty),
                    fee=wire.amount(trade.commission),
                    fee_asset=trade.commission_asset,
                    maker=trade.is_maker,
                    venue_time=_wall(trade.time),
                )
                for trade in answer
            ]

        return _answered(_read(result, list[wire.AccountTrade], build))

    def open_orders(self, instrument: InstrumentId, now: Wall) -> HttpRequest:
        """Everything that is open in one instrument, whoever placed it: weight 6, where all cost 80."""
        parameters = f"symbol={self._names[instrument]}"
        return self._signed("GET", "/api/v3/openOrders", parameters, now)

    def opened(self, result: HttpResult) -> Sequence[OrderReport] | NoAnswer:
        """The open orders of the instruments this desk trades."""

        def build(answer: list[wire.OrderAnswer]) -> list[OrderReport]:
            ours = [order for order in answer if order.symbol in self._symbols]
            return [self._report(order, ReportSource.QUERY) for order in ours]

        return _answered(_read(result, list[wire.OrderAnswer], build))

    def account(self, now: Wall) -> HttpRequest:
        """What the account holds."""
        return self._signed("GET", "/api/v3/account", "", now)

    def held(self, result: HttpResult) -> Mapping[str, Decimal] | NoAnswer:
        """Free and locked together, per asset; assets of zero included."""

        def build(answer: wire.Account) -> dict[str, Decimal]:
            return {
                b.asset: money.canonical(money.add(wire.amount(b.free), wire.amount(b.locked)))
                for b in answer.balances
            }

        return _answered(_read(result, wire.Account, build))

    def time(self) -> HttpRequest:
        """Ask for the venue's clock."""
        return HttpRequest(method="GET", target="/api/v3/time")

    def told_time(self, result: HttpResult) -> Wall | NoAnswer:
        """The venue's clock, to the millisecond."""
        return _answered(_read(result, wire.ServerTime, lambda told: _wall(told.server_time)))

    def rules(self, symbols: Sequence[str]) -> HttpRequest:
        """Ask for the filters of the traded symbols."""
        listed = quote(msgspec.json.encode(list(symbols)).decode(), safe="")
        return HttpRequest(method="GET", target=f"/api/v3/exchangeInfo?symbols={listed}")

    def ruled(self, result: HttpResult) -> Mapping[str, Instrument] | NoAnswer:
        """The instruments by symbol; raises `BadInput` for one whose filters are missing."""

        def build(answer: wire.ExchangeInfo) -> dict[str, Instrument]:
            ours = [symbol for symbol in answer.symbols if symbol.symbol in self._symbols]
            return {symbol.symbol: self._instrument(symbol) for symbol in ours}

        return _answered(_read(result, wire.ExchangeInfo, build))

    def price(self, instrument: Instrument) -> HttpRequest:
        """Ask for the best bid and ask, where the stream has none."""
        target = f"/api/v3/ticker/bookTicker?symbol={self._names[instrument.id]}"
        return HttpRequest(method="GET", target=target)

    def priced(
        self, instrument: Instrument, result: HttpResult, received: Mono
    ) -> Quote | NoAnswer:
        """The quote of a `price`."""

        def build(answer: wire.Price) -> Quote:
            return Quote(
                instrument=instrument.id,
                bid=wire.amount(answer.bid_price),
                bid_qty=wire.amount(answer.bid_qty),
                ask=wire.amount(answer.ask_price),
                ask_qty=wire.amount(answer.ask_qty),
                update_id=0,
                received=received,
            )

        return _answered(_read(result, wire.Price, build))

    def _found(self, result: HttpResult, intent: Intent | None) -> Found | NotFound | NoAnswer:
        def build(answer: wire.OrderAnswer) -> Found:
            if intent is not None:
                _about(intent, answer.client_order_id)
            return Found(report=self._report(answer, ReportSource.QUERY))

        found = _read(result, wire.OrderAnswer, build)
        if isinstance(found, Found):
            return found
        if found.code in (-2013, -2026):
            return NotFound(text=found.text)
        return NoAnswer(outcome=found)

    def _posted(self, path: str, intent: Intent, parameters: str, now: Wall) -> HttpRequest | None:
        timestamp_ms = now // MS_NS
        window_ms = min((intent.deadline - timestamp_ms * MS_NS) // MS_NS, RECV_WINDOW_MS_MAX)
        if window_ms <= 0:
            return None
        payload = (
            f"symbol={self._names[intent.instrument]}&side={SIDES[intent.side]}"
            f"&{parameters}&newOrderRespType=FULL"
            f"&recvWindow={window_ms}&timestamp={timestamp_ms}"
        )
        body = signed_query(self._signer, payload).encode()
        return HttpRequest(method="POST", target=path, headers=self._post, body=body)

    def _of(self, intent: Intent) -> str:
        return f"symbol={self._names[intent.instrument]}&origClientOrderId={intent.client_id}"

    def _signed(self, method: str, path: str, parameters: str, now: Wall) -> HttpRequest:
        joined = f"{parameters}&" if parameters else ""
        payload = f"{joined}recvWindow={READ_WINDOW_MS}&timestamp={now // MS_NS}"
        target = f"{path}?{signed_query(self._signer, payload)}"
        return HttpRequest(method=method, target=target, headers=self._key)

    def _report(self, answer: wire.OrderAnswer, source: ReportSource) -> OrderReport:
        return OrderReport(
            client_id=ClientOrderId(answer.orig_client_order_id or answer.client_order_id),
            venue_order_id=str(answer.order_id),
            instrument=self._symbols[answer.symbol],
            status=wire.status_of(answer.status),
            filled=wire.amount(answer.executed_qty),
            venue_time=_wall(answer.transact_time or answer.update_time or answer.time),
            source=source,
        )

    def _instrument(self, symbol: wire.Symbol) -> Instrument:
        filters = {f.filter_type: f for f in symbol.filters}
        price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
        least = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL")
        tick = price.tick_size if price else None
        if not (tick and lot and lot.step_size and lot.max_qty):
            raise BadInput(f"{self.venue} {symbol.symbol}: the venue names no tick or lot size")
        return Instrument(
            id=self._symbols[symbol.symbol],
            venue=self.venue,
            symbol=symbol.symbol,
            base=symbol.base_asset,
            quote=symbol.quote_asset,
            tick=wire.amount(tick),
            lot=wire.amount(lot.step_size),
            qty_min=wire.amount(lot.min_qty or lot.step_size),
            qty_max=wire.amount(lot.max_qty),
            price_max=wire.amount((price and price.max_price) or PRICE_MAX),
            notional_min=wire.amount(least.min_notional or money.ZERO) if least else money.ZERO,
        )


def _read(result: HttpResult, shape: type[T], build: Callable[[T], R]) -> R | Outcome:
    """What `build` makes of the body in its shape, or what may be believed without it."""
    if isinstance(result, HttpFailure):
        if not result.written:
            return Outcome(verdict=Verdict.NOT_SENT, reason=Reason.CONNECTION, text=result.cause)
        reason = Reason.TIMEOUT if result.timed_out else Reason.CONNECTION
        return Outcome(verdict=Verdict.UNKNOWN, reason=reason, text=result.cause)
    if result.status == 200 and result.complete:
        try:
            return build(msgspec.json.decode(result.body, type=shape))
        except wire.UNREADABLE as error:
            text = f"{type(error).__name__} {error}: {result.body[:80]!r}"
            return Outcome(verdict=Verdict.UNKNOWN, reason=Reason.UNREADABLE, text=text)
    return _refusal(result)


def _answered(read: R | Outcome) -> R | NoAnswer:
    """The answer to a question, or that there was none."""
    return NoAnswer(outcome=read) if isinstance(read, Outcome) else read


def _about(intent: Intent, client_id: str) -> None:
    if client_id != intent.client_id:
        raise msgspec.ValidationError(f"the answer is about {client_id!r}")


def _refusal(answer: HttpAnswer) -> Outcome:
    wait = answer.headers.get("retry-after", "")
    said = wait.isascii() and wait.isdecimal() and len(wait) <= RETRY_AFTER_DIGITS_MAX
    wait_ns = int(wait) * SECOND_NS if said else 0
    error = wire.Error(code=0)
    if answer.complete and answer.status != 200:
        try:
            error = msgspec.json.decode(answer.body, type=wire.Error)
        except wire.UNREADABLE:
            error = wire.Error(code=0)
    if error.code:
        verdict, reason = meaning_of(answer.status, error.code, error.msg)
        text = error.msg
    else:
        verdict, reason = meaning_without_body(answer.status)
        text = f"HTTP {answer.status} {answer.body[:80]!r}"
    return Outcome(verdict=verdict, reason=reason, code=error.code, text=text, wait_ns=wait_ns)


def _fills(intent: Intent, answer: wire.OrderAnswer) -> list[Execution]:
    return [
        Execution(
            client_id=intent.client_id,
            instrument=intent.instrument,
            trade_id=str(fill.trade_id),
            side=intent.side,
            price=wire.amount(fill.price),
            qty=wire.amount(fill.qty),
            fee=wire.amount(fill.commission),
            fee_asset=fill.commission_asset,
            maker=False,
            venue_time=_wall(answer.transact_time),
        )
        for fill in answer.fills
    ]


def _wall(ms: int) -> Wall:
    return Wall(ms * MS_NS)
