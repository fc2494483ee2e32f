"""Binance spot: requests and what their answers mean.

Sources: the venue's rest-api.md and web-socket-api.md, read 2026-11-21 at their state of 2026-07-21. Orders go
by REST because one signed request on one held connection is one thing to be sure or unsure about; streams are
in `binance_streams`.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from nightdesk.model import money
from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.ids import InstrumentId, VenueId, instrument_key
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote, Trade
from nightdesk.model.order import (
    Amendment,
    Execution,
    Intent,
    OrderReport,
    ReportSource,
    Side,
)
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.resilience.budget import Limit
from nightdesk.venues import binance_bars, binance_replace, binance_trades
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_capabilities import SPOT
from nightdesk.venues.binance_costs import SPOT as COSTS
from nightdesk.venues.binance_costs import SPOT_LIMITS
from nightdesk.venues.binance_errors import meaning_of
from nightdesk.venues.binance_kinds import pair_terms, terms
from nightdesk.venues.binance_rates import limits_told
from nightdesk.venues.binance_replace import replace_terms
from nightdesk.venues.binance_rest import (
    SIDE,
    TRADES_MAX,
    BinanceRest,
    about,
    instrument_of,
    quote_of,
    report_of,
    wall_of,
)
from nightdesk.venues.binance_sign import Signer
from nightdesk.venues.binance_streams import BinanceStreams
from nightdesk.venues.http import HttpRequest, HttpResult
from nightdesk.venues.protocol import (
    Found,
    Holdings,
    NoAnswer,
    NotFound,
    Sign,
    TradePage,
    Unlisted,
)

INVALID_SYMBOL = -1121  # "The symbol you sent is not valid", for one of several too: errors.md


class BinanceSpot(BinanceStreams):
    """The codec of one account. Holds no state but keys and names."""

    capabilities = SPOT
    limits: Sequence[Limit] = SPOT_LIMITS

    def __init__(
        self,
        venue: VenueId,
        signer: Signer,
        symbols: Mapping[str, InstrumentId],
        limits: Sequence[Limit] = SPOT_LIMITS,
    ) -> None:
        super().__init__(signer, symbols)
        self.venue = venue
        self.limits = limits
        self._names = {i: quote(symbol, safe="") for symbol, i in symbols.items()}
        self._rest = BinanceRest(signer, meaning_of, COSTS)

    def place(self, intent: Intent, now: Wall) -> HttpRequest | None:
        """A signed order that the venue refuses after the intent's deadline; None when that has passed."""
        if intent.replaces is not None:
            return self._posted(binance_replace.PATH, intent, replace_terms(intent), now)
        parameters = f"{terms(intent)}&newClientOrderId={intent.client_id}"
        return self._posted("/api/v3/order", intent, parameters, now)

    def placed(self, intent: Intent, result: HttpResult) -> Outcome:
        """What may be believed after a `place`."""

        def build(answer: wire.OrderAnswer) -> Outcome:
            about(intent, answer.client_order_id)
            return Outcome(
                verdict=Verdict.ACKED,
                report=self._report(answer, ReportSource.ANSWER),
                executions=tuple(_fills(intent, answer)),
            )

        return self._rest.read(result, wire.OrderAnswer, build)

    def replaced(self, intent: Intent, result: HttpResult) -> tuple[Outcome, Outcome]:
        """What may be believed of the new order, and of the old one's cancel, after a `place` of an intent that
        replaces another."""
        told = binance_replace.halves(result)
        if told is None:
            whole = self._rest.read(result, wire.ReplaceAnswer, _contradiction)
            return whole, binance_replace.undone(whole)
        new, cancel = told
        assert intent.replaces is not None, "asked only of what replaces another"
        old = msgspec.structs.replace(intent, client_id=intent.replaces)
        return (
            new if isinstance(new, Outcome) else self.placed(intent, new),
            cancel if isinstance(cancel, Outcome) else self.cancelled(old, cancel),
        )

    def amend(self, intent: Intent, amendment: Amendment, now: Wall) -> HttpRequest | None:
        """Never asked."""
        raise AssertionError(f"{intent.client_id} at {now}: {amendment}")

    def amended(self, intent: Intent, amendment: Amendment, result: HttpResult) -> Outcome:
        """Never asked."""
        raise AssertionError(f"{intent.client_id}: {amendment}, {result}")

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

        read = self._rest.read(result, wire.ListAnswer, build)
        return (read, read) if isinstance(read, Outcome) else read

    def cancel(self, intent: Intent, now: Wall) -> HttpRequest:
        """Cancel by our own id: idempotent, safe to repeat."""
        return self._rest.signed("DELETE", "/api/v3/order", self._of(intent), now)

    def cancelled(self, intent: Intent, result: HttpResult) -> Outcome:
        """What may be believed after a `cancel`; one of a pair ends both, and may be answered for both."""

        def build(answer: wire.OrderAnswer) -> Outcome:
            about(intent, answer.orig_client_order_id or answer.client_order_id)
            return Outcome(verdict=Verdict.ACKED, report=self._report(answer, ReportSource.ANSWER))

        def pick(answer: wire.ListAnswer) -> Outcome:
            told = {r.orig_client_order_id or r.client_order_id: r for r in answer.order_reports}
            return build(told[intent.client_id])

        if intent.other is not None:
            ended = self._rest.read(result, wire.ListAnswer, pick)
            if ended.reason is not Reason.UNREADABLE:
                return ended
        return self._rest.read(result, wire.OrderAnswer, build)

    def query(self, intent: Intent, now: Wall) -> HttpRequest:
        """Ask for one order by our own id."""
        return self._rest.signed("GET", "/api/v3/order", self._of(intent), now)

    def queried(self, intent: Intent, result: HttpResult) -> Found | NotFound | NoAnswer:
        """The order, or that the venue does not know it now."""

        return self._found(result, intent)

    def identify(self, instrument: InstrumentId, venue_order_id: str, now: Wall) -> HttpRequest:
        """Ask for one order by the venue's id, whoever placed it."""
        parameters = f"symbol={self._names[instrument]}&orderId={venue_order_id}"
        return self._rest.signed("GET", "/api/v3/order", parameters, now)

    def identified(self, result: HttpResult) -> Found | NotFound | NoAnswer:
        """The order of an `identify`."""
        return self._found(result, None)

    def trades_between(
        self, instrument: InstrumentId, start: Wall, end: Wall, now: Wall
    ) -> HttpRequest:
        """The account's trades in a span of at most 24 hours, oldest first."""
        span = f"startTime={start // MS_NS}&endTime={end // MS_NS}"
        parameters = f"symbol={self._names[instrument]}&{span}&limit={TRADES_MAX}"
        return self._rest.signed("GET", "/api/v3/myTrades", parameters, now)

    def traded_between(self, result: HttpResult) -> TradePage | NoAnswer:
        """Whose orders traded; the venue's trades carry no client id."""

        def build(answer: list[wire.AccountTrade]) -> TradePage:
            return TradePage(
                venue_order_ids=tuple(dict.fromkeys(str(trade.order_id) for trade in answer)),
                full=len(answer) >= TRADES_MAX,
                last=wall_of(max((trade.time for trade in answer), default=0)),
            )

        return self._rest.answered(result, list[wire.AccountTrade], build)

    def trades(self, intent: Intent, venue_order_id: str, now: Wall) -> HttpRequest:
        """Every trade of one order."""
        parameters = (
            f"symbol={self._names[intent.instrument]}&orderId={venue_order_id}&limit={TRADES_MAX}"
        )
        return self._rest.signed("GET", "/api/v3/myTrades", parameters, now, "?orderId")

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
                    venue_time=wall_of(trade.time),
                )
                for trade in answer
            ]

        return self._rest.answered(result, list[wire.AccountTrade], build)

    def open_orders(self, instrument: InstrumentId) -> Sequence[Sign]:
        """Everything that is open in one instrument, whoever placed it: weight 6, where all cost 80."""
        parameters = f"symbol={self._names[instrument]}"
        return [lambda now: self._rest.signed("GET", "/api/v3/openOrders", parameters, now)]

    def opened(self, results: Sequence[HttpResult]) -> Sequence[OrderReport] | NoAnswer:
        """The open orders of the instruments this desk trades."""

        def build(answer: list[wire.OrderAnswer]) -> list[OrderReport]:
            ours = [order for order in answer if order.symbol in self._symbols]
            return [self._report(order, ReportSource.QUERY) for order in ours]

        (result,) = results
        return self._rest.answered(result, list[wire.OrderAnswer], build)

    def account(self, now: Wall) -> HttpRequest:
        """What the account holds."""
        return self._rest.signed("GET", "/api/v3/account", "", now)

    def held(self, result: HttpResult) -> Holdings | NoAnswer:
        """Free and locked together, per asset; assets of zero included."""

        def build(answer: wire.Account) -> Holdings:
            held = {
                b.asset: money.canonical(money.add(wire.amount(b.free), wire.amount(b.locked)))
                for b in answer.balances
            }
            return Holdings(balances=held)

        return self._rest.answered(result, wire.Account, build)

    def reason_of(self, result: HttpResult) -> Reason:
        """Why a result is no answer, whatever was asked."""
        return self._rest.reason_of(result)

    def time(self) -> HttpRequest:
        """Ask for the venue's clock."""
        return self._rest.public("/api/v3/time")

    def told_time(self, result: HttpResult) -> Wall | NoAnswer:
        """The venue's clock, to the millisecond."""
        return self._rest.answered(result, wire.ServerTime, lambda told: wall_of(told.server_time))

    def rules(self, symbols: Sequence[str]) -> HttpRequest:
        """Ask for the filters of the traded symbols."""
        listed = quote(msgspec.json.encode(list(symbols)).decode(), safe="")
        return self._rest.public("/api/v3/exchangeInfo", f"symbols={listed}")

    def ruled(self, result: HttpResult) -> Mapping[str, Instrument] | Unlisted | NoAnswer:
        """The instruments by symbol; raises `BadInput` for one whose filters are missing."""

        def build(answer: wire.ExchangeInfo) -> dict[str, Instrument]:
            ours = [symbol for symbol in answer.symbols if symbol.symbol in self._symbols]
            ids = self._symbols
            return {s.symbol: instrument_of(s, self.venue, ids[s.symbol]) for s in ours}

        told = self._rest.answered(result, wire.ExchangeInfo, build)
        if isinstance(told, NoAnswer) and told.outcome.code == INVALID_SYMBOL:
            return Unlisted(text=told.outcome.text)
        return told

    def limited(self, result: HttpResult) -> Sequence[Limit]:
        """What the answer to `rules` leaves of the limits; all of them where it tells none."""
        return limits_told(self.limits, self._rest, result)

    def price(self, instrument: Instrument) -> HttpRequest:
        """Ask for the best bid and ask, where the stream has none."""
        return self._rest.public(
            "/api/v3/ticker/bookTicker", f"symbol={self._names[instrument.id]}"
        )

    def priced(
        self, instrument: Instrument, result: HttpResult, received: Mono
    ) -> Quote | NoAnswer:
        """The quote of a `price`."""

        return self._rest.answered(
            result, wire.Price, lambda told: quote_of(told, instrument.id, received)
        )

    def bars(self, of: BarsOf, until: Wall, count: int) -> HttpRequest:
        """Ask for the last bars that opened at or before `until`."""
        symbol, cost = self._names[of.instrument], COSTS["GET /api/v3/klines"]
        return binance_bars.request("/api/v3", symbol, of, until, count, cost)

    def told_bars(self, of: BarsOf, result: HttpResult, received: Mono) -> Sequence[Bar] | NoAnswer:
        """The bars of a `bars`, oldest first."""
        return self._rest.answered(result, list[wire.KlineRow], binance_bars.reader(of, received))

    def past_trades(self, instrument: InstrumentId, from_id: int, count: int) -> HttpRequest:
        """Ask for prints from an id on."""
        query = binance_trades.query(instrument_key(instrument), from_id, count)
        return self._rest.public("/api/v3/historicalTrades", query)

    def told_trades(
        self, instrument: InstrumentId, result: HttpResult, received: Mono
    ) -> Sequence[Trade] | NoAnswer:
        """The prints of a `past_trades`."""
        return self._rest.answered(
            result,
            list[binance_trades.PastTrade],
            lambda rows: binance_trades.of_spot(rows, instrument, received),
        )

    def _found(self, result: HttpResult, intent: Intent | None) -> Found | NotFound | NoAnswer:
        def build(answer: wire.OrderAnswer) -> Found:
            if intent is not None:
                about(intent, answer.client_order_id)
            return Found(report=self._report(answer, ReportSource.QUERY))

        return self._rest.found(result, wire.OrderAnswer, build)

    def _posted(self, path: str, intent: Intent, parameters: str, now: Wall) -> HttpRequest | None:
        common = f"symbol={self._names[intent.instrument]}&side={SIDE[intent.side]}"
        asked = f"{common}&{parameters}&newOrderRespType=FULL"
        return self._rest.placing(path, asked, intent.deadline, now)

    def _of(self, intent: Intent) -> str:
        return f"symbol={self._names[intent.instrument]}&origClientOrderId={intent.client_id}"

    def _report(self, answer: wire.OrderAnswer, source: ReportSource) -> OrderReport:
        return report_of(answer, self._symbols[answer.symbol], source)


def _contradiction(answer: wire.ReplaceAnswer) -> Outcome:
    raise msgspec.ValidationError(
        f"no documented answer: cancel {answer.cancel_result}, new order {answer.new_order_result}"
    )


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
            venue_time=wall_of(answer.transact_time),
        )
        for fill in answer.fills
    ]
