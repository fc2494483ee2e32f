"""How a fault is asked for: what each kind takes, and the reading of one from JSON.

Owns the arguments of each kind and their validity. Refuses everything that is not a fault of the catalogue.
"""

from decimal import Decimal

import msgspec

from nightdesk.lab.catalogue import (
    AT_ONCE,
    LASTING,
    MARKET_KINDS,
    NO_REQUESTS,
    STRUCK_STREAMS,
    FaultKind,
    FaultRefused,
    FaultSpec,
)
from nightdesk.lab.choices import Text503, Which
from nightdesk.lab.orders import floor8
from nightdesk.lab.settings import MS_NS, READ_LAG_NS_MAX

_TIMES_MAX = 1000  # of one message; a hundredfold rate is already a flood
_BPS_MAX = 1_000_000  # a hundred times the price and one
_CLOSE_CODES = range(1000, 5000)
_METHODS = ("GET", "POST", "PUT", "DELETE")

# The arguments of each kind beside the common ones; a star marks what must be given.
_ARGUMENTS: dict[FaultKind, str] = {
    FaultKind.LOST_REQUEST: "how",
    FaultKind.LOST_RESPONSE: "how",
    FaultKind.DELAY: "ms*",
    FaultKind.LATE_RESPONSE: "ms*",
    FaultKind.ERROR_500: "effect",
    FaultKind.ERROR_502: "effect",
    FaultKind.ERROR_503: "effect text",
    FaultKind.ERROR_504: "effect",
    FaultKind.TIMEOUT_1007: "effect",
    FaultKind.UNMAPPED_CODE: "effect",
    FaultKind.RATE_LIMIT_429: "retry_after_s",
    FaultKind.BAN_418: "retry_after_s",
    FaultKind.TRUNCATED_BODY: "effect bytes",
    FaultKind.EMPTY_BODY: "effect",
    FaultKind.HTML_BODY: "effect",
    FaultKind.SLOW_BODY: "ms*",
    FaultKind.NEW_ENUM: "field",
    FaultKind.FILL_AFTER_CANCEL_ACK: "ms* fraction",
    FaultKind.LATE_REPORT: "ms*",
    FaultKind.READ_LAG: "ms*",
    FaultKind.STOP_DROPPED: "account symbol venue",
    FaultKind.MANUAL_ORDER: "account symbol side fraction bps venue",
    FaultKind.MANUAL_CANCEL: "account symbol venue",
    FaultKind.TRANSFER: "account asset* amount* venue",
    FaultKind.FILL_TAKEN_BACK: "account symbol venue",
    FaultKind.DUPLICATE_MARKET: "symbol stream times",
    FaultKind.REORDERED_MARKET: "symbol stream",
    FaultKind.DEPTH_GAP: "symbol",
    FaultKind.FROZEN_MARKET: "symbol",
    FaultKind.CROSSED_BOOK: "symbol stream",
    FaultKind.PRICE_SPIKE: "symbol stream bps*",
    FaultKind.STREAM_DROP: "which code",
    FaultKind.STREAM_SILENCE: "which symbol",
    FaultKind.STREAM_MUTE: "which",
    FaultKind.STREAM_ENDING: "which ms*",
    FaultKind.GARBLED_FRAME: "which",
    FaultKind.CLOCK_OFFSET: "ms*",
    FaultKind.LIQUIDATE: "account symbol",
    FaultKind.ADL: "account symbol fraction",
    FaultKind.FUNDING_SHOCK: "symbol bps*",
    FaultKind.MODE_SWITCHED: "account symbol mode* leverage",
    FaultKind.RULES_CHANGED: "symbol rule* times venue",
}


def _common(kind: FaultKind) -> tuple[str, ...]:
    """What a fault of this kind takes whatever else it takes."""
    if kind in AT_ONCE:
        return ("kind", "count")
    if kind in LASTING:
        return ("kind", "duration_ms")
    if kind is FaultKind.STREAM_DROP:
        return ("kind", "count", "duration_ms")
    if kind in MARKET_KINDS or kind is FaultKind.GARBLED_FRAME:
        return ("kind", "probability", "count", "duration_ms")
    return ("kind", "match", "probability", "count", "duration_ms")


def read_spec(raw: bytes) -> FaultSpec:
    """A fault from JSON. Raises `FaultRefused` naming everything that is wrong with the keys."""
    try:
        given = msgspec.json.decode(raw, type=dict[str, object])
    except msgspec.DecodeError as e:
        raise FaultRefused(f"the fault is not a JSON object: {e}") from e
    kinds = [str(kind) for kind in FaultKind]
    if given.get("kind") not in kinds:
        raise FaultRefused(f"unknown kind {given.get('kind')!r}; known: {', '.join(kinds)}")
    kind = FaultKind(str(given["kind"]))
    _check_keys(kind, given)
    try:
        spec = msgspec.convert(given, FaultSpec)
    except msgspec.ValidationError as e:
        raise FaultRefused(str(e)) from e
    for check in (_check_common, _check_numbers, _check_arguments):
        check(spec)
    return msgspec.structs.replace(spec, count=1) if kind in AT_ONCE else spec


def _check_keys(kind: FaultKind, given: dict[str, object]) -> None:
    arguments = _ARGUMENTS.get(kind, "").split()
    known = [*_common(kind), *(name.rstrip("*") for name in arguments)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise FaultRefused(
            f"{kind} has no {', '.join(sorted(unknown))}; it has: {', '.join(known[1:])}"
        )
    missing = [name.rstrip("*") for name in arguments if name.endswith("*")]
    missing = [name for name in missing if name not in given]
    if missing:
        raise FaultRefused(f"{kind} needs {', '.join(missing)}")


def _check_common(spec: FaultSpec) -> None:
    if not 0 < spec.probability <= 1:
        raise FaultRefused("probability is above 0 and at most 1")
    if any(number is not None and number < 1 for number in (spec.count, spec.duration_ms)):
        raise FaultRefused("count and duration_ms are at least 1 when given")
    if spec.kind in AT_ONCE and spec.count not in (None, 1):
        raise FaultRefused(f"{spec.kind} happens once, when it is set: count is 1")
    if spec.match.method not in (None, *_METHODS):
        raise FaultRefused(f"no method {spec.match.method!r}; known: {', '.join(_METHODS)}")
    if spec.kind in NO_REQUESTS and (spec.match.method or spec.match.path):
        raise FaultRefused(f"{spec.kind} strikes no requests: match has neither method nor path")


def _check_numbers(spec: FaultSpec) -> None:
    if not 0 < spec.fraction <= 1:
        raise FaultRefused("fraction is above 0 and at most 1")
    if spec.ms < 0 and spec.kind is not FaultKind.CLOCK_OFFSET:
        raise FaultRefused("ms is not negative")
    if not spec.ms and spec.kind is FaultKind.SLOW_BODY:
        raise FaultRefused(f"ms is at least 1 for {spec.kind}")
    if spec.kind is FaultKind.READ_LAG and spec.ms * MS_NS > READ_LAG_NS_MAX:
        raise FaultRefused(f"ms is at most {READ_LAG_NS_MAX // MS_NS} for {spec.kind}")
    if not 2 <= spec.times <= _TIMES_MAX:
        raise FaultRefused(f"times is 2 to {_TIMES_MAX}")
    if spec.bytes is not None and spec.bytes < 0:
        raise FaultRefused("bytes is not negative")
    if spec.retry_after_s is not None and spec.retry_after_s < 1:
        raise FaultRefused("retry_after_s is at least 1")
    if spec.code not in _CLOSE_CODES:
        raise FaultRefused("code is a websocket's close code, 1000 to 4999")


def _check_arguments(spec: FaultSpec) -> None:
    if spec.effect and spec.text is Text503.UNAVAILABLE:
        raise FaultRefused("text 'unavailable' promises that nothing happened: effect is false")
    if spec.kind is FaultKind.MANUAL_ORDER and not 0 <= spec.bps < 10_000:
        raise FaultRefused("bps, how far from the best price the order rests, is 0 to 9999")
    if spec.kind is FaultKind.PRICE_SPIKE and not (-10_000 < spec.bps <= _BPS_MAX and spec.bps):
        raise FaultRefused(f"bps is above -10000, at most {_BPS_MAX} and not 0")
    if spec.stream is not None and spec.stream not in STRUCK_STREAMS[spec.kind]:
        struck = ", ".join(sorted(STRUCK_STREAMS[spec.kind]))
        raise FaultRefused(f"{spec.kind} strikes {struck}, not {spec.stream}")
    if spec.kind is FaultKind.TRANSFER and not _transferable(spec.amount):
        raise FaultRefused("amount is not zero and has at most eight decimals")
    if spec.kind is FaultKind.STREAM_SILENCE and spec.symbol and spec.which is Which.USER:
        raise FaultRefused("symbol silences market streams; which is 'market' or left out")


def _transferable(amount: Decimal) -> bool:
    return amount.is_finite() and 0 < abs(amount) < 10**18 and floor8(amount) == amount
