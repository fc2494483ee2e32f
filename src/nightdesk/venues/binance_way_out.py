"""Binance's two markets, as far as getting out by hand needs them.

Sources: spot's rest-api.md ("New order", "Cancel order", "Current open orders", "Account information"), of
2026-07-21; USD-M "New Order", "Current All Open Orders", "Current All Algo Open Orders", "Cancel Algo Order",
"Account Information V3"; all read 2026-11-22. An order at the market trades at once or ends. In hedge mode a
position has a side of its own, which an order that closes it names; there `reduceOnly` "cannot be sent".
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Protocol
from urllib.parse import quote

import msgspec

from nightdesk.model import money
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import ClientOrderId, VenueId
from nightdesk.model.instrument import Instrument, instrument_id
from nightdesk.model.money import ZERO
from nightdesk.model.order import WAITING, VenueStatus
from nightdesk.model.outcome import Outcome, Verdict
from nightdesk.model.time import Wall
from nightdesk.resilience.budget import Cost, Rank
from nightdesk.venues import binance_errors, binance_usdm_errors
from nightdesk.venues import binance_usdm_wire as usdm
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_costs import SPOT, SPOT_LIMITS, USDM, USDM_LIMITS, WEIGHT
from nightdesk.venues.binance_rest import SIDE, BinanceRest, instrument_of, wall_of
from nightdesk.venues.binance_sign import Signer
from nightdesk.venues.http import HttpRequest, HttpResult
from nightdesk.venues.protocol import NoAnswer, NotFound, Sign, Unlisted
from nightdesk.venues.way_out import Account, Close, Held, OpenOrder, Traded

_ONE_WAY = "BOTH"
_NO_LIST = -1
_INVALID_SYMBOL = -1121


def _whole(weight: int) -> Cost:
    return Cost(rank=Rank.RECONCILE, spends=((WEIGHT, weight),))


# A desk never asks for a whole account's open orders.
_SPOT = {**SPOT, "GET /api/v3/openOrders?all": _whole(80)}
_USDM = {
    **USDM,
    "GET /fapi/v1/openOrders?all": _whole(40),
    "GET /fapi/v1/openAlgoOrders?all": _whole(40),
}


class _Open(msgspec.Struct, rename="camel"):
    """An element of openOrders, as both markets spell it."""

    symbol: str
    order_id: int
    client_order_id: str
    side: str
    type: str
    orig_qty: Decimal
    executed_qty: Decimal
    price: Decimal
    stop_price: Decimal = ZERO
    order_list_id: int = _NO_LIST
    position_side: str = _ONE_WAY
    reduce_only: bool = False
    close_position: bool = False


class _Waiting(msgspec.Struct, rename="camel"):
    """An element of openAlgoOrders; one that closes a whole position has no quantity."""

    symbol: str
    algo_id: int
    client_algo_id: str
    side: str
    order_type: str
    quantity: Decimal | None = None
    trigger_price: Decimal | None = None
    position_side: str = _ONE_WAY
    reduce_only: bool = False
    close_position: bool = False


class _Common:
    """What both markets spell alike, below `root`."""

    contracts: bool
    root: str
    weight_per_minute: int

    def __init__(self, venue: VenueId, rest: BinanceRest) -> None:
        self._venue = venue
        self._rest = rest

    def time(self) -> HttpRequest:
        """Ask for the venue's clock."""
        return self._rest.public(f"{self.root}/time")

    def told_time(self, result: HttpResult) -> Wall | NoAnswer:
        """The venue's clock, to the millisecond."""
        return self._rest.answered(result, wire.ServerTime, lambda told: wall_of(told.server_time))

    def cancelled(self, result: HttpResult) -> Outcome:
        """What may be believed after a `cancel`; the next list of open orders says what became of it."""
        return self._rest.read(result, dict[str, object], lambda _: Outcome(verdict=Verdict.ACKED))

    def closed(self, close: Close, result: HttpResult) -> Traded | Outcome:
        """How far it came, or what may be believed without an answer."""
        return self._rest.read(result, wire.OrderAnswer, partial(_traded, close))

    def query(self, close: Close, now: Wall) -> HttpRequest:
        """Ask for one of our own by its id."""
        parameters = f"symbol={_name(close.symbol)}&origClientOrderId={close.client_id}"
        return self._rest.signed("GET", f"{self.root}/order", parameters, now)

    def queried(self, close: Close, result: HttpResult) -> Traded | NotFound | NoAnswer:
        """How far it came, or that the venue does not know it now."""
        return self._rest.found(result, wire.OrderAnswer, partial(_traded, close))

    def ruled(self, result: HttpResult) -> Mapping[str, Instrument] | Unlisted | NoAnswer:
        """The filters by symbol; one without any is left out, and cannot be closed here."""

        def build(answer: wire.ExchangeInfo) -> dict[str, Instrument]:
            found = {}
            for symbol in answer.symbols:
                name = instrument_id(self._venue, symbol.symbol)
                try:
                    found[symbol.symbol] = instrument_of(symbol, self._venue, name)
                except BadInput:
                    continue
            return found

        told = self._rest.answered(result, wire.ExchangeInfo, build)
        if isinstance(told, NoAnswer) and told.outcome.code == _INVALID_SYMBOL:
            return Unlisted(text=told.outcome.text)
        return told

    def price(self, symbol: str) -> HttpRequest:
        """Ask for the best bid."""
        return self._rest.public(f"{self.root}/ticker/bookTicker", f"symbol={_name(symbol)}")

    def priced(self, result: HttpResult) -> Decimal | NoAnswer:
        """The best bid."""
        return self._rest.answered(result, wire.Price, lambda told: wire.amount(told.bid_price))

    def _listed(self, path: str, symbol: str) -> Sign:
        of, which = (f"symbol={_name(symbol)}", "") if symbol else ("", "?all")
        return lambda now: self._rest.signed("GET", f"{self.root}/{path}", of, now, which)


class SpotWayOut(_Common):
    """An account of spot."""

    contracts = False
    root = "/api/v3"
    weight_per_minute = SPOT_LIMITS[0].most

    def __init__(self, venue: VenueId, signer: Signer) -> None:
        super().__init__(venue, BinanceRest(signer, binance_errors.meaning_of, _SPOT))

    def account(self, now: Wall) -> HttpRequest:
        """What the account holds."""
        return self._rest.signed("GET", "/api/v3/account", "", now)

    def told_account(self, result: HttpResult) -> Account | NoAnswer:
        """Every asset of which there is any."""

        def build(answer: wire.Account) -> Account:
            found = []
            for each in answer.balances:
                free = wire.amount(each.free)
                qty = money.canonical(money.add(free, wire.amount(each.locked)))
                if qty > 0:
                    found.append(Held(name=each.asset, qty=qty, free=money.canonical(free)))
            return Account(held=tuple(found), wallets={})

        return self._rest.answered(result, wire.Account, build)

    def open_orders(self, symbol: str = "") -> Sequence[Sign]:
        """Everything that is open, whoever placed it."""
        return [self._listed("openOrders", symbol)]

    def opened(self, results: Sequence[HttpResult]) -> Sequence[OpenOrder] | NoAnswer:
        """What of it may still trade."""
        (result,) = results
        return self._rest.answered(result, list[_Open], lambda told: [_spot(each) for each in told])

    def cancel(self, order: OpenOrder, mark: ClientOrderId, now: Wall) -> HttpRequest:
        """Cancel by the venue's id; one of a pair ends both. Whoever hears of the end is told the mark."""
        which = f"symbol={_name(order.symbol)}&orderId={order.venue_order_id}"
        parameters = f"{which}&newClientOrderId={mark}"
        return self._rest.signed("DELETE", "/api/v3/order", parameters, now)

    def close(self, close: Close, now: Wall) -> HttpRequest | None:
        """An order at the market; None when its deadline has passed."""
        parameters = f"{_at_market(close)}&newOrderRespType=RESULT"
        return self._rest.placing("/api/v3/order", parameters, close.deadline, now)

    def rules(self, symbols: Sequence[str]) -> HttpRequest:
        """Ask for the filters of these symbols."""
        listed = quote(msgspec.json.encode(list(symbols)).decode(), safe="")
        return self._rest.public("/api/v3/exchangeInfo", f"symbols={listed}")


class UsdmWayOut(_Common):
    """An account of USD-M contracts."""

    contracts = True
    root = "/fapi/v1"
    weight_per_minute = USDM_LIMITS[0].most

    def __init__(self, venue: VenueId, signer: Signer) -> None:
        super().__init__(venue, BinanceRest(signer, binance_usdm_errors.meaning_of, _USDM))

    def account(self, now: Wall) -> HttpRequest:
        """What the account holds: wallets and positions in one answer."""
        return self._rest.signed("GET", "/fapi/v3/account", "", now)

    def told_account(self, result: HttpResult) -> Account | NoAnswer:
        """Every position of either mode that is not flat."""

        def build(answer: usdm.ContractAccount) -> Account:
            found = []
            for each in answer.positions:
                qty = wire.signed(each.position_amt)
                if qty != 0:
                    found.append(
                        Held(name=each.symbol, qty=qty, free=qty, mode_side=each.position_side)
                    )
            wallets = {a.asset: wire.signed(a.wallet_balance) for a in answer.assets}
            return Account(
                held=tuple(found), wallets={name: held for name, held in wallets.items() if held}
            )

        return self._rest.answered(result, usdm.ContractAccount, build)

    def open_orders(self, symbol: str = "") -> Sequence[Sign]:
        """Everything that is open, in the usual book and among those that wait for a price."""
        return [self._listed("openOrders", symbol), self._listed("openAlgoOrders", symbol)]

    def opened(self, results: Sequence[HttpResult]) -> Sequence[OpenOrder] | NoAnswer:
        """What of it may still trade; no answer where one of the two books is silent."""
        first, second = results
        usual = self._rest.answered(first, list[_Open], lambda told: [_usdm(each) for each in told])
        if isinstance(usual, NoAnswer):
            return usual
        waiting = self._rest.answered(
            second, list[_Waiting], lambda told: [_waiting(each) for each in told]
        )
        return waiting if isinstance(waiting, NoAnswer) else [*usual, *waiting]

    def cancel(self, order: OpenOrder, mark: ClientOrderId, now: Wall) -> HttpRequest:
        """Cancel by the venue's id, in the book that it stands in; this market takes no mark."""
        if order.venue_order_id.startswith(WAITING):
            algo_id = order.venue_order_id.removeprefix(WAITING)
            return self._rest.signed("DELETE", "/fapi/v1/algoOrder", f"algoId={algo_id}", now)
        parameters = f"symbol={_name(order.symbol)}&orderId={order.venue_order_id}"
        return self._rest.signed("DELETE", "/fapi/v1/order", parameters, now)

    def close(self, close: Close, now: Wall) -> HttpRequest | None:
        """An order at the market that can only make the position smaller; None when its deadline has passed."""
        hedged = close.mode_side != _ONE_WAY
        only = f"&positionSide={close.mode_side}" if hedged else "&reduceOnly=true"
        parameters = f"{_at_market(close)}{only}&newOrderRespType=RESULT"
        return self._rest.placing("/fapi/v1/order", parameters, close.deadline, now)

    def rules(self, _: Sequence[str]) -> HttpRequest:
        """Ask for the filters; this market lists all of its symbols, whatever is asked."""
        return self._rest.public("/fapi/v1/exchangeInfo")


class MakesWayOut(Protocol):
    """How the codec of an account is made."""

    def __call__(self, venue: VenueId, signer: Signer) -> SpotWayOut | UsdmWayOut: ...


KINDS: Mapping[str, MakesWayOut] = {"binance-spot": SpotWayOut, "binance-usdm": UsdmWayOut}


def _name(symbol: str) -> str:
    return quote(symbol, safe="")


def _at_market(close: Close) -> str:
    return (
        f"symbol={_name(close.symbol)}&side={SIDE[close.side]}&type=MARKET&quantity={money.plain(close.qty)}"
        f"&newClientOrderId={close.client_id}"
    )


def _traded(close: Close, answer: wire.OrderAnswer) -> Traded:
    if answer.client_order_id != close.client_id:
        raise msgspec.ValidationError(f"the answer is about {answer.client_order_id!r}")
    working = wire.status_of(answer.status) is VenueStatus.WORKING
    return Traded(filled=wire.amount(answer.executed_qty), ended=not working)


def _spot(told: _Open) -> OpenOrder:
    waits = told.stop_price > 0 or "STOP" in told.type or "TAKE_PROFIT" in told.type
    return _open(told, protective=waits or told.order_list_id != _NO_LIST, reduces=False)


def _usdm(told: _Open) -> OpenOrder:
    reduces = _reduces(told)
    return _open(told, protective=told.stop_price > 0 and reduces, reduces=reduces)


def _open(told: _Open, *, protective: bool, reduces: bool) -> OpenOrder:
    left = money.subtract(wire.amount(told.orig_qty), wire.amount(told.executed_qty))
    return OpenOrder(
        symbol=told.symbol,
        venue_order_id=str(told.order_id),
        client_id=told.client_order_id,
        side=wire.side_of(told.side),
        kind=told.type,
        qty=money.canonical(left),
        price=wire.amount(told.price),
        trigger=wire.amount(told.stop_price),
        protective=protective,
        reduces=reduces,
    )


def _reduces(told: _Open | _Waiting) -> bool:
    """In hedge mode an order says so by its side alone."""
    closes = (told.position_side, told.side) in {("LONG", "SELL"), ("SHORT", "BUY")}
    return told.reduce_only or told.close_position or closes


def _waiting(told: _Waiting) -> OpenOrder:
    reduces = _reduces(told)
    return OpenOrder(
        symbol=told.symbol,
        venue_order_id=f"{WAITING}{told.algo_id}",
        client_id=told.client_algo_id,
        side=wire.side_of(told.side),
        kind=told.order_type,
        qty=wire.amount(told.quantity or ZERO),
        price=ZERO,
        trigger=wire.amount(told.trigger_price or ZERO),
        protective=reduces,
        reduces=reduces,
    )
