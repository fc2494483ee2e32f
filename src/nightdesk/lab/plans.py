"""Plans: what a fault does to one request.

Owns the translation of request faults into steps (lose, delay, answer something else).
Refuses to take the steps: the core does.
"""

import msgspec

from nightdesk.lab.catalogue import FaultKind, FaultSpec
from nightdesk.lab.choices import How, Text503
from nightdesk.lab.faults import Fault
from nightdesk.lab.limits import ip_banned, too_much_weight
from nightdesk.lab.refusals import RESTRICTED_LOCATION, Refused, unknown_key
from nightdesk.lab.settings import MS_NS

_RETRY_AFTER_S_429 = 10
_RETRY_AFTER_S_418 = 120
_TRUNCATED_TO_BYTES = 20
# No document of the venue has this code, nor one near it.
_UNMAPPED = Refused(-9417, "The request could not be classified.")
# What a client reads the beginning of when nothing was done that could be shown.
STAND_IN = {"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "6gCrw2kRUAF9"}


class Mangle(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a good answer: only so many bytes of it, so many at a time, or other text."""

    cut: int | None = None
    spread_ns: int = 0
    text: bytes | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The way of one request. The default is a good day."""

    arrives: bool = True
    executes: bool = True
    delay_ns: int = 0
    late_ns: int = 0
    lose: How | None = None
    refusal: Refused | None = None
    page: bytes | None = None
    mangle: Mangle | None = None

    @property
    def tells(self) -> bool:
        """Whether the client comes to read the result as it is."""
        return self.lose is None and self.refusal is None and self.mangle is None


GOOD_DAY = Plan()


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """How a venue says that it has too much to do, and whether orders that only reduce are let in."""

    msg: str
    exempts: bool


SPOT_OVERLOAD = Overload(
    msg="Server is currently overloaded with other requests. Please try again in a few minutes.",
    exempts=False,
)


def plan(
    fault: Fault | None, now_ns: int, weight_max: int, overload: Overload = SPOT_OVERLOAD
) -> Plan:
    """What a fault makes of the request it strikes."""
    if fault is None:
        return GOOD_DAY
    spec = fault.spec
    match spec.kind:
        case FaultKind.LOST_REQUEST:
            return Plan(arrives=False, lose=spec.how)
        case FaultKind.LOST_RESPONSE:
            return Plan(lose=spec.how)
        case FaultKind.DELAY:
            return Plan(delay_ns=spec.ms * MS_NS)
        case FaultKind.LATE_RESPONSE:
            return Plan(late_ns=spec.ms * MS_NS)
        case FaultKind.SLOW_BODY:
            return Plan(mangle=Mangle(spread_ns=spec.ms * MS_NS))
        case FaultKind.BUSY_1008:
            return Plan(executes=False, refusal=Refused(-1008, overload.msg, status=503))
        case FaultKind.RATE_LIMIT_429:
            seconds = spec.retry_after_s or _RETRY_AFTER_S_429
            refusal = too_much_weight(weight_max, seconds, now_ns)
            return Plan(executes=False, refusal=refusal)
        case FaultKind.BAN_418:
            seconds = spec.retry_after_s or _RETRY_AFTER_S_418
            return Plan(executes=False, refusal=ip_banned(seconds, now_ns))
        case _:
            return _answer_plan(spec)


def _answer_plan(spec: FaultSpec) -> Plan:
    mangle = _mangle(spec)
    if mangle is not None:
        return Plan(executes=spec.takes_effect, mangle=mangle)
    executes = spec.takes_effect and spec.kind not in _REFUSED_AT_THE_DOOR
    return Plan(executes=executes, refusal=_refusal(spec), page=_page(spec))


def _mangle(spec: FaultSpec) -> Mangle | None:
    if spec.kind is FaultKind.TRUNCATED_BODY:
        return Mangle(cut=_TRUNCATED_TO_BYTES if spec.bytes is None else spec.bytes)
    if spec.kind is FaultKind.EMPTY_BODY:
        return Mangle(text=b"")
    if spec.kind is FaultKind.HTML_BODY:
        return Mangle(text=_html("Welcome", "Please wait."))
    return None


# Whatever their answers may look like, these take no effect.
_REFUSED_AT_THE_DOOR: dict[FaultKind, Refused] = {
    FaultKind.FORBIDDEN_403: Refused(-1000, "Request blocked.", status=403),
    FaultKind.REGION_451: Refused(0, RESTRICTED_LOCATION, status=451),
    FaultKind.UNAUTHORIZED: unknown_key(),
}


def _refusal(spec: FaultSpec) -> Refused:
    if spec.kind in _REFUSED_AT_THE_DOOR:
        return _REFUSED_AT_THE_DOOR[spec.kind]
    if spec.kind is FaultKind.UNMAPPED_CODE:
        return _UNMAPPED
    if spec.kind is FaultKind.TIMEOUT_1007:
        return Refused(
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; "
            "execution status unknown.",
            status=504,
        )
    if spec.kind is FaultKind.ERROR_503:
        text = (
            "Service Unavailable."
            if spec.text is Text503.UNAVAILABLE
            else "Unknown error, please check your request or try again later."
        )
        return Refused(-1000, text, status=503)
    if spec.kind is FaultKind.ERROR_500:
        return Refused(
            -1001, "Internal error; unable to process your request. Please try again.", status=500
        )
    status = 502 if spec.kind is FaultKind.ERROR_502 else 504
    return Refused(-1000, "An unknown error occurred while processing the request.", status=status)


def _page(spec: FaultSpec) -> bytes | None:
    """Gateways in front of the venue answer in HTML; the venue itself does not."""
    if spec.kind is FaultKind.ERROR_502:
        return _html("502 Bad Gateway", "502 Bad Gateway")
    if spec.kind is FaultKind.ERROR_504:
        return _html("504 Gateway Time-out", "504 Gateway Time-out")
    if spec.kind is FaultKind.FORBIDDEN_403:
        return _html("ERROR: The request could not be satisfied", "403 ERROR: Request blocked.")
    return None


def _html(title: str, text: str) -> bytes:
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n"
        f"<body>\r\n<center><h1>{text}</h1></center>\r\n</body>\r\n</html>\r\n"
    ).encode()


# What a private request gets during maintenance.
def maintenance() -> Refused:
    """The venue is closed for private requests."""
    return Refused(-1016, "This service is no longer available.", status=503)
