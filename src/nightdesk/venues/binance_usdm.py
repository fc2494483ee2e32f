"""Binance USD-M futures: requests and what their answers mean.

Sources: the venue's USD-M REST pages (trade, account, market data, user data streams), read 2026-11-22, field
names checked against its own connector (derivatives, 17.2.0). One-way positions only: hedge mode is refused at
start.

Orders that wait for a price have a book of their own since 2025-12-09 (`/fapi/v1/algoOrder`, their own ids,
their own open list); once triggered they become an order of the usual book, which alone tells what traded.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

import msgspec

from nightdesk.model import money
from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument, Kind
from nightdesk.model.market import Quote
from nightdesk.model.order import (
    WAITING,
    Amendment,
    Execution,
    Intent,
    OrderReport,
    OrderType,
    ReportSource,
    VenueStatus,
)
from nightdesk.model.outcome import Outcome, Verdict
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.resilience.budget import Limit
from nightdesk.venues import binance_bars
from nightdesk.venues import binance_usdm_wire as usdm
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_capabilities import USDM
from nightdesk.venues.binance_costs import usdm_klines
from nightdesk.venues.binance_rates import limits_told
from nightdesk.venues.binance_rest import (
    SIDE,
    TRADES_MAX,
    about,
    instrument_of,
    quote_of,
    report_of,
    wall_of,
)
from nightdesk.venues.binance_usdm_countdown import UsdmCountdown
from nightdesk.venues.binance_usdm_streams import algo_report
from nightdesk.venues.http import HttpRequest, HttpResult
from nightdesk.venues.protocol import (
    Became,
    Found,
    NoAnswer,
    NotFound,
    Sign,
    TradePage,
)

ORDER, ALGO_ORDER = "/fapi/v1/order", "/fapi/v1/algoOrder"
_TYPE = {
    OrderType.LIMIT: "LIMIT&timeInForce=GTC",
    OrderType.IOC: "LIMIT&timeInForce=IOC",
    OrderType.FOK: "LIMIT&timeInForce=FOK",
    OrderType.POST_ONLY: "LIMIT&timeInForce=GTX",
    OrderType.STOP: "STOP_MARKET",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT_MARKET",
    OrderType.TRAILING_STOP: "TRAILING_STOP_MARKET",
}
_PER_CENT_BPS = Decimal(100)
_ENDED = frozenset({VenueStatus.CANCELLED, VenueStatus.EXPIRED})


class BinanceUsdm(UsdmCountdown):
    """The codec of one account. Holds no state but keys and names."""

    capabilities = USDM

    def place(self, intent: Intent, now: Wall) -> HttpRequest | None:
        """A signed order that the venue refuses after the intent's deadline; None when that has passed."""
        common = (
            f"symbol={self._names[intent.instrument]}&side={SIDE[intent.side]}&type={_TYPE[intent.type]}"
            f"&quantity={money.plain(intent.qty)}"
        )
        reduce = "&reduceOnly=true" if intent.reduce_only else ""
        if intent.type.conditional:
            parameters = (
                f"algoType=CONDITIONAL&{common}{_waits(intent)}&workingType=CONTRACT_PRICE{reduce}"
                f"&clientAlgoId={intent.client_id}"
            )
            return self._rest.placing(ALGO_ORDER, parameters, intent.deadline, now)
        parameters = (
            f"{common}&price={money.plain(intent.price)}{reduce}"
            f"&newClientOrderId={intent.client_id}&newOrderRespType=RESULT"
        )
        return self._rest.placing(ORDER, parameters, intent.deadline, now)

    def placed(self, intent: Intent, result: HttpResult) -> Outcome:
        """What may be believed after a `place`; its trades are told by the stream, or asked for."""

        def acked(report: OrderReport) -> Outcome:
            return Outcome(verdict=Verdict.ACKED, report=report)

        if intent.type.conditional:
            return self._rest.read(
                result,
                usdm.AlgoAnswer,
                lambda told: acked(self._algo_of(intent, told, ReportSource.ANSWER)),
            )
        return self._rest.read(
            result,
            usdm.ContractOrder,
            lambda told: acked(self._order_of(intent, told, ReportSource.ANSWER)),
        )

    def replaced(self, intent: Intent, result: HttpResult) -> tuple[Outcome, Outcome]:
        """Never asked: what only reduces may stand beside what it is to replace."""
        raise AssertionError(f"{intent.client_id}: {result}")

    def amend(self, intent: Intent, amendment: Amendment, now: Wall) -> HttpRequest | None:
        """Other terms for an order that rests, both of them told; None when the request's deadline has passed.

        The quantity is the whole order's ("Modify Order", read 2026-11-22). What breaks a filter is refused,
        and the order stays as it is; the venue ends it where it has traded as much already, and where one that
        may only rest (GTX) would trade.
        """
        parameters = (
            f"{self._of(intent)}&side={SIDE[intent.side]}&quantity={money.plain(amendment.qty)}"
            f"&price={money.plain(amendment.price)}"
        )
        return self._rest.placing(ORDER, parameters, amendment.deadline, now, "PUT")

    def amended(self, intent: Intent, amendment: Amendment, result: HttpResult) -> Outcome:
        """What may be believed after an `amend`; an order that lives on other terms says nothing of this."""

        def acked(told: usdm.ContractOrder) -> Outcome:
            report = self._order_of(intent, told, ReportSource.ANSWER)
            taken = (report.qty, report.price) == (amendment.qty, amendment.price)
            if not taken and report.status not in _ENDED:
                raise msgspec.ValidationError(f"{report.qty} at {report.price} was not asked for")
            return Outcome(verdict=Verdict.ACKED, report=report)

        return self._rest.read(result, usdm.ContractOrder, acked)

    def place_pair(self, intent: Intent, other: Intent, now: Wall) -> HttpRequest | None:
        """This market has no pairs: each of two protective orders only reduces what is held."""
        raise AssertionError(
            f"{intent.client_id} and {other.client_id} at {now}: no order lists here"
        )

    def placed_pair(
        self, intent: Intent, other: Intent, result: HttpResult
    ) -> tuple[Outcome, Outcome]:
        """Never asked."""
        raise AssertionError(f"{intent.client_id} and {other.client_id}: {result}")

    def cancel(self, intent: Intent, now: Wall) -> HttpRequest:
        """Cancel by our own id: idempotent, safe to repeat."""
        path = ALGO_ORDER if intent.type.conditional else ORDER
        return self._rest.signed("DELETE", path, self._of(intent), now)

    def cancelled(self, intent: Intent, result: HttpResult) -> Outcome:
        """What may be believed after a `cancel`."""

        def gone(told: usdm.AlgoCancelled) -> Outcome:
            about(intent, told.client_algo_id)
            if str(told.code) != "200":
                raise msgspec.ValidationError(f"a success with code {told.code!r}")
            report = algo_report(
                told.client_algo_id,
                told.algo_id,
                "CANCELED",
                "",
                intent.instrument,
                Wall(0),
                ReportSource.ANSWER,
            )
            return Outcome(verdict=Verdict.ACKED, report=report)

        if intent.type.conditional:
            return self._rest.read(result, usdm.AlgoCancelled, gone)
        return self.placed(intent, result)

    def query(self, intent: Intent, now: Wall) -> HttpRequest:
        """Ask for one order by our own id."""
        path = ALGO_ORDER if intent.type.conditional else ORDER
        return self._rest.signed("GET", path, self._of(intent), now)

    def queried(self, intent: Intent, result: HttpResult) -> Found | Became | NotFound | NoAnswer:
        """The order, what it became, or that the venue does not know it now."""

        def waiting(told: usdm.AlgoAnswer) -> Found | Became:
            report = self._algo_of(intent, told, ReportSource.QUERY)
            if told.actual_order_id:
                return Became(venue_order_id=report.venue_order_id)
            return Found(report=report)

        if intent.type.conditional:
            return self._rest.found(result, usdm.AlgoAnswer, waiting)
        return self._rest.found(
            result,
            usdm.ContractOrder,
            lambda told: Found(report=self._order_of(intent, told, ReportSource.QUERY)),
        )

    def identify(self, instrument: InstrumentId, venue_order_id: str, now: Wall) -> HttpRequest:
        """Ask for one order by the venue's id, whoever placed it."""
        parameters = f"symbol={self._names[instrument]}&orderId={venue_order_id}"
        return self._rest.signed("GET", ORDER, parameters, now)

    def identified(self, result: HttpResult) -> Found | NotFound | NoAnswer:
        """The order of an `identify`."""
        return self._rest.found(
            result,
            usdm.ContractOrder,
            lambda told: Found(
                report=_report_of(told, self._symbols[told.symbol], ReportSource.QUERY)
            ),
        )

    def trades_between(
        self, instrument: InstrumentId, start: Wall, end: Wall, now: Wall
    ) -> HttpRequest:
        """The account's trades in a span of at most 7 days, oldest first."""
        span = f"startTime={start // MS_NS}&endTime={end // MS_NS}"
        return self._trades(instrument, span, now)

    def traded_between(self, result: HttpResult) -> TradePage | NoAnswer:
        """Whose orders traded; the venue's trades carry no client id."""

        def build(answer: list[usdm.ContractTrade]) -> TradePage:
            return TradePage(
                venue_order_ids=tuple(dict.fromkeys(str(trade.order_id) for trade in answer)),
                full=len(answer) >= TRADES_MAX,
                last=wall_of(max((trade.time for trade in answer), default=0)),
            )

        return self._rest.answered(result, list[usdm.ContractTrade], build)

    def trades(self, intent: Intent, venue_order_id: str, now: Wall) -> HttpRequest:
        """Every trade of one order, of the one it became where it waited for a price."""
        assert not venue_order_id.startswith(WAITING), "an order that waits has no trades"
        return self._trades(intent.instrument, f"orderId={venue_order_id}", now)

    def traded(self, intent: Intent, result: HttpResult) -> Sequence[Execution] | NoAnswer:
        """The trades of `intent`'s order."""

        def build(answer: list[usdm.ContractTrade]) -> list[Execution]:
            return [
                Execution(
                    client_id=intent.client_id,
                    instrument=intent.instrument,
                    trade_id=str(trade.id),
                    side=wire.side_of(trade.side),
                    price=wire.amount(trade.price),
                    qty=wire.amount(trade.qty),
                    fee=wire.signed(trade.commission),
                    fee_asset=trade.commission_asset,
                    maker=trade.maker,
                    venue_time=wall_of(trade.time),
                    realised=wire.signed(trade.realized_pnl),
                )
                for trade in answer
            ]

        return self._rest.answered(result, list[usdm.ContractTrade], build)

    def open_orders(self, instrument: InstrumentId) -> Sequence[Sign]:
        """Everything that is open in one instrument, in the usual book and among those that wait for a
        price."""
        parameters = f"symbol={self._names[instrument]}"
        return [
            partial(self._rest.signed, "GET", path, parameters)
            for path in ("/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders")
        ]

    def opened(self, results: Sequence[HttpResult]) -> Sequence[OrderReport] | NoAnswer:
        """The open orders of the instruments this desk trades; no answer where one of the two books is
        silent."""
        ids, source = self._symbols, ReportSource.QUERY

        def usual(answer: list[usdm.ContractOrder]) -> list[OrderReport]:
            return [_report_of(o, ids[o.symbol], source) for o in answer if o.symbol in ids]

        def waiting(answer: list[usdm.AlgoAnswer]) -> list[OrderReport]:
            return [_waiting(o, ids[o.symbol], source) for o in answer if o.symbol in ids]

        first, second = results
        orders = self._rest.answered(first, list[usdm.ContractOrder], usual)
        algos = self._rest.answered(second, list[usdm.AlgoAnswer], waiting)
        if isinstance(orders, NoAnswer):
            return orders
        return algos if isinstance(algos, NoAnswer) else [*orders, *algos]

    def time(self) -> HttpRequest:
        """Ask for the venue's clock."""
        return self._rest.public("/fapi/v1/time")

    def told_time(self, result: HttpResult) -> Wall | NoAnswer:
        """The venue's clock, to the millisecond."""
        return self._rest.answered(result, wire.ServerTime, lambda told: wall_of(told.server_time))

    def rules(self, _: Sequence[str]) -> HttpRequest:
        """Ask for the filters; this market lists all of its symbols, whatever is asked."""
        return self._rest.public("/fapi/v1/exchangeInfo")

    def ruled(self, result: HttpResult) -> Mapping[str, Instrument] | NoAnswer:
        """The instruments by symbol; raises `BadInput` for one without filters, and for one that ends."""

        def build(answer: wire.ExchangeInfo) -> dict[str, Instrument]:
            ours = [symbol for symbol in answer.symbols if symbol.symbol in self._symbols]
            return {s.symbol: self._perpetual(s) for s in ours}

        return self._rest.answered(result, wire.ExchangeInfo, build)

    def limited(self, result: HttpResult) -> Sequence[Limit]:
        """What the answer to `rules` leaves of the limits; all of them where it tells none."""
        return limits_told(self.limits, self._rest, result)

    def bars(self, of: BarsOf, until: Wall, count: int) -> HttpRequest:
        """Ask for the last bars that opened at or before `until`."""
        symbol, cost = self._names[of.instrument], usdm_klines(count)
        return binance_bars.request("/fapi/v1", symbol, of, until, count, cost)

    def told_bars(self, of: BarsOf, result: HttpResult, received: Mono) -> Sequence[Bar] | NoAnswer:
        """The bars of a `bars`, oldest first."""
        return self._rest.answered(result, list[wire.KlineRow], binance_bars.reader(of, received))

    def price(self, instrument: Instrument) -> HttpRequest:
        """Ask for the best bid and ask, where the stream has none."""
        symbol = self._names[instrument.id]
        return self._rest.public("/fapi/v1/ticker/bookTicker", f"symbol={symbol}")

    def priced(
        self, instrument: Instrument, result: HttpResult, received: Mono
    ) -> Quote | NoAnswer:
        """The quote of a `price`."""
        return self._rest.answered(
            result, wire.Price, lambda told: quote_of(told, instrument.id, received)
        )

    def _of(self, intent: Intent) -> str:
        if intent.type.conditional:
            return f"clientAlgoId={intent.client_id}"
        return f"symbol={self._names[intent.instrument]}&origClientOrderId={intent.client_id}"

    def _order_of(
        self, intent: Intent, told: usdm.ContractOrder, source: ReportSource
    ) -> OrderReport:
        about(intent, told.client_order_id)
        return _report_of(told, self._symbols[told.symbol], source)

    def _algo_of(self, intent: Intent, told: usdm.AlgoAnswer, source: ReportSource) -> OrderReport:
        about(intent, told.client_algo_id)
        return _waiting(told, self._symbols[told.symbol], source)

    def _perpetual(self, symbol: wire.Symbol) -> Instrument:
        rules = instrument_of(symbol, self.venue, self._symbols[symbol.symbol])
        if rules.kind is not Kind.PERPETUAL or not rules.margin:
            raise BadInput(
                f"{rules.id} is a contract of kind {symbol.contract_type!r}: this desk trades perpetual ones; "
                "take it out of the config"
            )
        return rules


def _report_of(
    told: usdm.ContractOrder, instrument: InstrumentId, source: ReportSource
) -> OrderReport:
    report = report_of(told, instrument, source)
    terms = usdm.terms_of(told.type, told.orig_qty, told.price)
    return (
        report if terms is None else msgspec.structs.replace(report, qty=terms[0], price=terms[1])
    )


def _waiting(told: usdm.AlgoAnswer, instrument: InstrumentId, source: ReportSource) -> OrderReport:
    return algo_report(
        told.client_algo_id,
        told.algo_id,
        told.algo_status,
        told.actual_order_id,
        instrument,
        wall_of(told.update_time),
        source,
    )


def _waits(intent: Intent) -> str:
    """For which price an order waits: a trailing stop's rate is in per cent."""
    price = "" if intent.trigger is None else money.plain(intent.trigger)
    if intent.type is not OrderType.TRAILING_STOP:
        return f"&triggerPrice={price}"
    rate = money.plain(money.EXACT.divide(Decimal(intent.trail_bps), _PER_CENT_BPS))
    return f"&callbackRate={rate}" + (f"&activatePrice={price}" if price else "")
