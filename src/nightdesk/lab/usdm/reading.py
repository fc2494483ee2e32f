"""Reading orders from requests, in the venue's words.

Owns which parameters an order must have, may have and must not have. Refuses to match: that is the
engine's. Source: "New Order", "Modify Order" and the error codes of the venue's documents, 2026-08.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from nightdesk.lab import params
from nightdesk.lab.orders import ZERO, Side, StpMode
from nightdesk.lab.refusals import Refused, mandatory, not_required
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.usdm.orders import NewPerp, PerpType, Tif

_CLIENT_ID_RE = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
_GOOD_TILL_MIN_MS = 600_000
_GOOD_TILL_MAX_MS = 253_402_300_799_000
# Conditional orders have moved to the algo service (2025-12-09).
CONDITIONAL = frozenset(
    {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"}
)
_USE_ALGO = (
    -4120,
    "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
)


def client_id(sent: Mapping[str, str], name: str) -> str | None:
    """A client order id."""
    value = sent.get(name)
    if value is None:
        return None
    if len(value) > 36:
        raise Refused(-4015, "Client order id length should not be more than 36 chars")
    if not _CLIENT_ID_RE.match(value):
        raise Refused(-4015, "Client order id is not valid.")
    return value


def one_way(sent: Mapping[str, str], *, hedge_mode: bool) -> None:
    """Refuse a position side that is not the account's. Orders of the hedge mode are not offered."""
    side = sent.get("positionSide", "BOTH")
    if side not in ("BOTH", "LONG", "SHORT"):
        raise Refused(-4060, "Invalid position side.")
    if hedge_mode != (side != "BOTH"):
        raise Refused(-4061, "Order's position side does not match user's setting.")
    if hedge_mode:
        raise Refused(-4084, "Method is not allowed currently. Upcoming soon.")


def side_of(sent: Mapping[str, str]) -> Side:
    """Which way an order trades."""
    params.required(sent, "side")
    side = params.choice(sent, "side", Side, (-1117, "Invalid side."))
    assert side is not None, "required above"
    return side


def positive(sent: Mapping[str, str], name: str, wrong: tuple[int, str]) -> Decimal | None:
    """An amount above zero; `wrong` is the code and text for zero."""
    amount = params.decimal(sent, name)
    if amount is not None and not amount:
        raise Refused(*wrong)
    return amount


def quantity_of(sent: Mapping[str, str]) -> Decimal | None:
    """A quantity above zero."""
    return positive(sent, "quantity", (-4003, "Quantity less than or equal to zero."))


def price_of(sent: Mapping[str, str]) -> Decimal | None:
    """A price above zero."""
    return positive(sent, "price", (-4001, "Price less than or equal to zero."))


def stp_of(sent: Mapping[str, str]) -> StpMode:
    """What happens instead of a trade with oneself."""
    wrong = (-5039, "Invalid self trade prevention mode")
    asked = params.choice(sent, "selfTradePreventionMode", StpMode, wrong)
    return asked or StpMode.EXPIRE_MAKER


def tif_of(sent: Mapping[str, str]) -> Tif:
    """How long an order stays."""
    return params.choice(sent, "timeInForce", Tif, (-1115, "Invalid timeInForce.")) or Tif.GTC


def no_price_match(sent: Mapping[str, str]) -> None:
    """Prices the venue would choose itself are not offered here."""
    if sent.get("priceMatch", "NONE") != "NONE":
        raise Refused(-5037, "Invalid price match")


def good_till(sent: Mapping[str, str], tif: Tif, venue_ns: int) -> int:
    """Until when an order stays, in milliseconds; 0 where it stays until cancelled."""
    if tif is not Tif.GTD:
        return 0
    params.required(sent, "goodTillDate")
    till_ms = params.long(sent, "goodTillDate") or 0
    if not venue_ns // MS_NS + _GOOD_TILL_MIN_MS < till_ms < _GOOD_TILL_MAX_MS:
        raise Refused(
            -5040,
            "The goodTillDate timestamp must be greater than the current time plus 600 seconds and "
            "smaller than 253402300799000 (UTC 9999-12-31 23:59:59)",
        )
    return till_ms


def read_new_order(
    sent: Mapping[str, str], known: Mapping[str, object], venue_ns: int, *, hedge_mode: bool
) -> NewPerp:
    """The order a request asks for. Raises `Refused` where the request is not one."""
    symbol = params.symbol(sent, known)
    side = side_of(sent)
    if params.required(sent, "type") in CONDITIONAL:
        raise Refused(*_USE_ALGO)
    kind = params.choice(sent, "type", PerpType, (-1116, "Invalid orderType."))
    if kind is None or kind is PerpType.LIQUIDATION:
        raise Refused(-1116, "Invalid orderType.")
    one_way(sent, hedge_mode=hedge_mode)
    no_price_match(sent)
    _check_combination(sent, kind)
    tif = tif_of(sent)
    quantity, price = quantity_of(sent), price_of(sent)
    assert quantity is not None, "required by every type"
    return NewPerp(
        symbol=symbol,
        side=side,
        type=kind,
        time_in_force=tif,
        price=price or ZERO,
        quantity=quantity,
        reduce_only=params.flag(sent, "reduceOnly", default=False),
        client_order_id=client_id(sent, "newClientOrderId"),
        stp=stp_of(sent),
        good_till_ms=good_till(sent, tif, venue_ns),
        full=_wants_result(sent),
    )


def _check_combination(sent: Mapping[str, str], kind: PerpType) -> None:
    needs = ("timeInForce", "quantity", "price") if kind is PerpType.LIMIT else ("quantity",)
    for name in needs:
        params.required(sent, name)
    must_not = ("stopPrice", "activationPrice", "callbackRate", "closePosition")
    for name in must_not if kind is PerpType.LIMIT else (*must_not, "price"):
        if name in sent and sent[name].lower() not in ("0", "false"):
            raise not_required(name)
    if kind is PerpType.MARKET and "timeInForce" in sent:
        raise Refused(-1114, "TimeInForce parameter sent when not required.")


def _wants_result(sent: Mapping[str, str]) -> bool:
    asked = sent.get("newOrderRespType", "ACK")
    if asked not in ("ACK", "RESULT"):
        raise Refused(-1136, "Invalid newOrderRespType.")
    return asked == "RESULT"


def ids_of(sent: Mapping[str, str]) -> tuple[int | None, str | None]:
    """Which order a request means, by the venue's id or its owner's; at least one is given."""
    if "orderId" not in sent and "origClientOrderId" not in sent:
        raise Refused(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    return params.long(sent, "orderId"), sent.get("origClientOrderId")


def new_terms(sent: Mapping[str, str]) -> tuple[Decimal, Decimal]:
    """Price and quantity of an amendment; both must be sent."""
    for name in ("quantity", "price"):
        params.required(sent, name)
    quantity, price = quantity_of(sent), price_of(sent)
    if quantity is None or price is None:
        raise mandatory("quantity" if quantity is None else "price")
    return price, quantity
