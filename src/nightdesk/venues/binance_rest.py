"""What every Binance market does alike over REST: requests that are signed, and what an answer may be believed.

Sources: rest-api.md of spot and "General Info" of USD-M futures, read 2026-11-22: both sign the payload as it
is sent, refuse it outside `recvWindow`, and answer errors as `{"code": ..., "msg": ...}`. What a code means
differs: each market brings its own table.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

from nightdesk.model import money
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import ClientOrderId, InstrumentId, VenueId
from nightdesk.model.instrument import Instrument, Kind
from nightdesk.model.market import Quote
from nightdesk.model.order import Intent, OrderReport, ReportSource, Side
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.resilience.budget import Cost
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_errors import Meaning, meaning_without_body
from nightdesk.venues.binance_sign import Signer, signed_query
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult
from nightdesk.venues.protocol import NoAnswer, NotFound

RECV_WINDOW_MS_MAX = 60_000
READ_WINDOW_MS = 5_000
PRICE_MAX = Decimal(10**9)  # where the venue names none
TRADES_MAX = 1_000  # the most that one answer with trades holds
JSON_BEGINS = (
    b"{",
    b"[",
)  # what every answer of these venues begins with; a page in front of them does not

SIDE = {Side.BUY: "BUY", Side.SELL: "SELL"}
NOT_FOUND = frozenset(
    {-2013, -2026}
)  # "Order does not exist", "Order was canceled or expired ... archived"

T = TypeVar("T")
R = TypeVar("R")


class BinanceRest:
    """Requests of one account, by one table of costs, and answers by one of errors."""

    def __init__(
        self,
        signer: Signer,
        meaning_of: Callable[[int, int, str], Meaning],
        costs: Mapping[str, Cost],
    ) -> None:
        self._signer = signer
        self._costs = costs
        self._meaning_of = meaning_of
        self._key = (("X-MBX-APIKEY", signer.key),)
        self._post = (*self._key, ("Content-Type", "application/x-www-form-urlencoded"))

    def public(self, path: str, query: str = "") -> HttpRequest:
        """A question that needs no key."""
        cost = self._costs[f"GET {path}"]
        return HttpRequest(method="GET", target=f"{path}?{query}" if query else path, cost=cost)

    def keyed(self, method: str, path: str) -> HttpRequest:
        """A request that needs the key alone."""
        cost = self._costs[f"{method} {path}"]
        return HttpRequest(method=method, target=path, headers=self._key, cost=cost)

    def signed(
        self, method: str, path: str, parameters: str, now: Wall, which: str = ""
    ) -> HttpRequest:
        """A question or a cancel, its parameters in the query; `which` of its costs, where it has several."""
        joined = f"{parameters}&" if parameters else ""
        payload = f"{joined}recvWindow={READ_WINDOW_MS}&timestamp={now // MS_NS}"
        target = f"{path}?{signed_query(self._signer, payload)}"
        cost = self._costs[f"{method} {path}{which}"]
        return HttpRequest(method=method, target=target, headers=self._key, cost=cost)

    def placing(
        self, path: str, parameters: str, deadline: Wall, now: Wall, method: str = "POST"
    ) -> HttpRequest | None:
        """A request that the venue refuses after `deadline`; None when that has passed."""
        timestamp_ms = now // MS_NS
        window_ms = min((deadline - timestamp_ms * MS_NS) // MS_NS, RECV_WINDOW_MS_MAX)
        if window_ms <= 0:
            return None
        payload = f"{parameters}&recvWindow={window_ms}&timestamp={timestamp_ms}"
        body = signed_query(self._signer, payload).encode()
        cost = self._costs[f"{method} {path}"]
        return HttpRequest(method=method, target=path, headers=self._post, body=body, cost=cost)

    def read(self, result: HttpResult, shape: type[T], build: Callable[[T], R]) -> R | Outcome:
        """What `build` makes of the body in its shape, or what may be believed without it."""
        if isinstance(result, HttpFailure):
            if not result.written:
                return Outcome(
                    verdict=Verdict.NOT_SENT, reason=Reason.CONNECTION, text=result.cause
                )
            reason = Reason.TIMEOUT if result.timed_out else Reason.CONNECTION
            return Outcome(verdict=Verdict.UNKNOWN, reason=reason, text=result.cause)
        if result.status == 200 and result.complete:
            try:
                return build(msgspec.json.decode(result.body, type=shape))
            except wire.UNREADABLE as error:
                text = f"{type(error).__name__} {error}: {result.body[:80]!r}"
                return Outcome(verdict=Verdict.UNKNOWN, reason=Reason.UNREADABLE, text=text)
        return self._refusal(result)

    def reason_of(self, result: HttpResult) -> Reason:
        """Why a result is no answer, whatever was asked; NONE where it may be one: only its reader knows."""
        if isinstance(result, HttpAnswer) and result.status == 200 and result.complete:
            return Reason.NONE if result.body[:1] in JSON_BEGINS else Reason.UNREADABLE
        read = self.read(result, object, lambda told: told)
        assert isinstance(read, Outcome), "only a whole 200 is read"
        return read.reason

    def answered(self, result: HttpResult, shape: type[T], build: Callable[[T], R]) -> R | NoAnswer:
        """The answer to a question, or that there was none."""
        read = self.read(result, shape, build)
        return NoAnswer(outcome=read) if isinstance(read, Outcome) else read

    def found(
        self, result: HttpResult, shape: type[T], build: Callable[[T], R]
    ) -> R | NotFound | NoAnswer:
        """The same for a question about an order, which the venue may say it does not know."""
        read = self.read(result, shape, build)
        if not isinstance(read, Outcome):
            return read
        return NotFound(text=read.text) if read.code in NOT_FOUND else NoAnswer(outcome=read)

    def _refusal(self, answer: HttpAnswer) -> Outcome:
        wait_ns = answer.retry_after_s * SECOND_NS
        error = wire.Error(code=0)
        if answer.complete and answer.status != 200:
            try:
                error = msgspec.json.decode(answer.body, type=wire.Error)
            except wire.UNREADABLE:
                error = wire.Error(code=0)
        if error.code or error.msg:
            verdict, reason = self._meaning_of(answer.status, error.code, error.msg)
            text = error.msg
        else:
            verdict, reason = meaning_without_body(answer.status)
            text = f"HTTP {answer.status} {answer.body[:80]!r}"
        return Outcome(verdict=verdict, reason=reason, code=error.code, text=text, wait_ns=wait_ns)


def about(intent: Intent, client_id: str) -> None:
    """Raise where an answer speaks of another order."""
    if client_id != intent.client_id:
        raise msgspec.ValidationError(f"the answer is about {client_id!r}")


def report_of(
    answer: wire.OrderAnswer, instrument: InstrumentId, source: ReportSource
) -> OrderReport:
    """An order as an answer tells it; on a cancel the order's own id is the original one."""
    return OrderReport(
        client_id=ClientOrderId(answer.orig_client_order_id or answer.client_order_id),
        venue_order_id=str(answer.order_id),
        instrument=instrument,
        status=wire.status_of(answer.status),
        filled=wire.amount(answer.executed_qty),
        venue_time=wall_of(answer.transact_time or answer.update_time or answer.time),
        source=source,
    )


def quote_of(answer: wire.Price, instrument: InstrumentId, received: Mono) -> Quote:
    """The best bid and ask of a ticker/bookTicker."""
    return Quote(
        instrument=instrument,
        bid=wire.amount(answer.bid_price),
        bid_qty=wire.amount(answer.bid_qty),
        ask=wire.amount(answer.ask_price),
        ask_qty=wire.amount(answer.ask_qty),
        update_id=0,
        received=received,
    )


def instrument_of(symbol: wire.Symbol, venue: VenueId, instrument: InstrumentId) -> Instrument:
    """A symbol's grid; raises `BadInput` where its filters are missing."""
    filters = {f.filter_type: f for f in symbol.filters}
    price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
    at_market = filters.get("MARKET_LOT_SIZE")
    least = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL")
    tick = price.tick_size if price else None
    if not (tick and lot and lot.step_size and lot.max_qty):
        raise BadInput(f"{venue} {symbol.symbol}: the venue names no tick or lot size")
    floor = (least.min_notional or least.notional) if least else None
    perpetual = symbol.contract_type == "PERPETUAL"
    return Instrument(
        id=instrument,
        venue=venue,
        symbol=symbol.symbol,
        base=symbol.base_asset,
        quote=symbol.quote_asset,
        tick=wire.amount(tick),
        lot=wire.amount(lot.step_size),
        qty_min=wire.amount(lot.min_qty or lot.step_size),
        qty_max=wire.amount(lot.max_qty),
        price_max=wire.amount((price and price.max_price) or PRICE_MAX),
        notional_min=wire.amount(floor or money.ZERO),
        kind=Kind.PERPETUAL if perpetual else Kind.SPOT,
        margin=symbol.margin_asset if perpetual else "",
        market_qty_max=wire.amount(at_market.max_qty) if at_market and at_market.max_qty else None,
    )


def wall_of(ms: int) -> Wall:
    """The venue's milliseconds as UTC."""
    return Wall(ms * MS_NS)
