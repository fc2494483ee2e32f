"""The catalogue of faults: every kind there is, what it takes, and how one is asked for.

Owns kinds, their arguments and the reading of a fault from JSON. Refuses to say whether a fault
strikes: `faults` does, and others carry it out.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from nightdesk.lab.choices import How, Mode, Rule, Stream, Text503, Venue, Which, Word
from nightdesk.lab.orders import ZERO, Side, floor8
from nightdesk.lab.settings import MS_NS, READ_LAG_NS_MAX

_TIMES_MAX = 1000  # of one message; a hundredfold rate is already a flood
_BPS_MAX = 1_000_000  # a hundred times the price and one
_CLOSE_CODES = range(1000, 5000)
_METHODS = ("GET", "POST", "PUT", "DELETE")


class FaultKind(StrEnum):
    """Every fault there is."""

    LOST_REQUEST = "lost_request"
    LOST_RESPONSE = "lost_response"
    DELAY = "delay"
    LATE_RESPONSE = "late_response"
    ERROR_500 = "error_500"
    ERROR_502 = "error_502"
    ERROR_503 = "error_503"
    ERROR_504 = "error_504"
    TIMEOUT_1007 = "-1007"
    BUSY_1008 = "-1008"
    UNMAPPED_CODE = "unmapped_code"
    RATE_LIMIT_429 = "rate_limit_429"
    BAN_418 = "ban_418"
    FORBIDDEN_403 = "forbidden_403"
    REGION_451 = "region_451"
    UNAUTHORIZED = "unauthorized"
    TRUNCATED_BODY = "truncated_body"
    EMPTY_BODY = "empty_body"
    HTML_BODY = "html_body"
    SLOW_BODY = "slow_body"
    NEW_ENUM = "new_enum"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    CANCEL_ONLY = "cancel_only"
    UNKNOWN_ORDER_ON_CANCEL = "unknown_order_on_cancel"
    FILL_AFTER_CANCEL_ACK = "fill_after_cancel_ack"
    STP_EXPIRE = "stp_expire"
    DUPLICATE_REPORT = "duplicate_report"
    LATE_REPORT = "late_report"
    REORDERED_REPORTS = "reordered_reports"
    READ_LAG = "read_lag"
    ORDER_VANISHES = "order_vanishes"
    STOP_DROPPED = "stop_dropped"
    MANUAL_ORDER = "manual_order"
    MANUAL_CANCEL = "manual_cancel"
    TRANSFER = "transfer"
    DUPLICATE_MARKET = "duplicate_market"
    REORDERED_MARKET = "reordered_market"
    DEPTH_GAP = "depth_gap"
    FROZEN_MARKET = "frozen_market"
    CROSSED_BOOK = "crossed_book"
    PRICE_SPIKE = "price_spike"
    STREAM_DROP = "stream_drop"
    STREAM_SILENCE = "stream_silence"
    MAINTENANCE = "maintenance"
    LIQUIDATE = "liquidate"
    ADL = "adl"
    FUNDING_SHOCK = "funding_shock"
    MODE_SWITCHED = "mode_switched"
    RULES_CHANGED = "rules_changed"
    CLOCK_OFFSET = "clock_offset"


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
    FaultKind.DUPLICATE_MARKET: "symbol stream times",
    FaultKind.REORDERED_MARKET: "symbol stream",
    FaultKind.DEPTH_GAP: "symbol",
    FaultKind.FROZEN_MARKET: "symbol",
    FaultKind.CROSSED_BOOK: "symbol stream",
    FaultKind.PRICE_SPIKE: "symbol stream bps*",
    FaultKind.STREAM_DROP: "which code",
    FaultKind.STREAM_SILENCE: "which symbol",
    FaultKind.CLOCK_OFFSET: "ms*",
    FaultKind.LIQUIDATE: "account symbol",
    FaultKind.ADL: "account symbol fraction",
    FaultKind.FUNDING_SHOCK: "symbol bps*",
    FaultKind.MODE_SWITCHED: "account symbol mode* leverage",
    FaultKind.RULES_CHANGED: "symbol rule* times venue",
}

REQUEST_KINDS = frozenset(
    {
        FaultKind.LOST_REQUEST,
        FaultKind.LOST_RESPONSE,
        FaultKind.DELAY,
        FaultKind.LATE_RESPONSE,
        FaultKind.ERROR_500,
        FaultKind.ERROR_502,
        FaultKind.ERROR_503,
        FaultKind.ERROR_504,
        FaultKind.TIMEOUT_1007,
        FaultKind.BUSY_1008,
        FaultKind.UNMAPPED_CODE,
        FaultKind.RATE_LIMIT_429,
        FaultKind.BAN_418,
        FaultKind.FORBIDDEN_403,
        FaultKind.REGION_451,
        FaultKind.UNAUTHORIZED,
        FaultKind.TRUNCATED_BODY,
        FaultKind.EMPTY_BODY,
        FaultKind.HTML_BODY,
        FaultKind.SLOW_BODY,
    }
)
# A websocket's frames come whole.
FRAME_KINDS = REQUEST_KINDS - {FaultKind.SLOW_BODY}
# Nobody looks at the key of a public request.
KEY_KINDS = frozenset({FaultKind.UNAUTHORIZED})
# A venue that has too much to do may still let in what only reduces.
OVERLOAD_KINDS = frozenset({FaultKind.BUSY_1008})
REPORT_KINDS = frozenset(
    {
        FaultKind.DUPLICATE_REPORT,
        FaultKind.LATE_REPORT,
        FaultKind.REORDERED_REPORTS,
        FaultKind.NEW_ENUM,
    }
)
_NO_REQUESTS = REPORT_KINDS - {FaultKind.NEW_ENUM} | {FaultKind.STP_EXPIRE}
# Something is done once, when the fault is set: by hand, or by the venue.
BY_HAND = frozenset({FaultKind.MANUAL_ORDER, FaultKind.MANUAL_CANCEL, FaultKind.TRANSFER})
# What only a venue of positions can do, or have done to it by hand.
OF_POSITIONS = frozenset(
    {FaultKind.LIQUIDATE, FaultKind.ADL, FaultKind.FUNDING_SHOCK, FaultKind.MODE_SWITCHED}
)
ACTS = BY_HAND | OF_POSITIONS | {FaultKind.STOP_DROPPED, FaultKind.RULES_CHANGED}
# What happens to messages of the market streams.
MARKET_KINDS = frozenset(
    {
        FaultKind.DUPLICATE_MARKET,
        FaultKind.REORDERED_MARKET,
        FaultKind.DEPTH_GAP,
        FaultKind.FROZEN_MARKET,
        FaultKind.CROSSED_BOOK,
        FaultKind.PRICE_SPIKE,
    }
)
# Those of them that tell other prices than there are.
PRICES = frozenset({FaultKind.FROZEN_MARKET, FaultKind.CROSSED_BOOK, FaultKind.PRICE_SPIKE})
# A state of the venue rather than a blow: it is there until its time is over.
LASTING = frozenset({FaultKind.STREAM_SILENCE, FaultKind.CLOCK_OFFSET})


def _common(kind: FaultKind) -> tuple[str, ...]:
    """What a fault of this kind takes whatever else it takes."""
    if kind in ACTS:
        return ("kind", "count")
    if kind in LASTING:
        return ("kind", "duration_ms")
    if kind is FaultKind.STREAM_DROP:
        return ("kind", "count", "duration_ms")
    if kind in MARKET_KINDS:
        return ("kind", "probability", "count", "duration_ms")
    return ("kind", "match", "probability", "count", "duration_ms")


# The messages each kind can strike.
STRUCK_STREAMS: dict[FaultKind, frozenset[Stream]] = {
    FaultKind.DUPLICATE_MARKET: frozenset(Stream),
    FaultKind.REORDERED_MARKET: frozenset(Stream),
    FaultKind.DEPTH_GAP: frozenset({Stream.DEPTH}),
    FaultKind.FROZEN_MARKET: frozenset(Stream),
    FaultKind.CROSSED_BOOK: frozenset({Stream.QUOTE, Stream.DEPTH}),
    FaultKind.PRICE_SPIKE: frozenset({Stream.QUOTE, Stream.TRADE}),
}


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests or reports a fault strikes; what is left out matches everything.

    `path` is a REST path or a WebSocket API method, and may end in `*`; "a|b" is either. `param` compares
    request parameters, or the fields of an execution report or of an order.
    """

    method: str | None = None
    path: str | None = None
    param: dict[str, str | int | bool] = {}


class FaultSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fault as asked for."""

    kind: FaultKind
    match: Match = Match()
    probability: float = 1.0
    count: int | None = None
    duration_ms: int | None = None
    how: How = How.CLOSE
    effect: bool | None = None
    ms: int = 0
    text: Text503 = Text503.UNKNOWN
    retry_after_s: int | None = None
    bytes: int | None = None
    fraction: float = 0.5
    which: Which = Which.ALL
    code: int = 1006
    field: Word = Word.STATUS
    account: str | None = None
    symbol: str | None = None
    side: Side = Side.BUY
    stream: Stream | None = None
    bps: int = 0
    times: int = 2
    asset: str | None = None
    amount: Decimal = ZERO
    venue: Venue = Venue.SPOT
    mode: Mode = Mode.LEVERAGE
    rule: Rule = Rule.TICK
    leverage: int = 1

    @property
    def takes_effect(self) -> bool:
        """Whether the request is carried out although its answer is wrong. The nastier case
        is the default, except where the venue's text promises that nothing happened."""
        if self.effect is not None:
            return self.effect
        return self.text is Text503.UNKNOWN


class FaultRefused(Exception):
    """A fault that cannot be; the text says why."""


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
    return msgspec.structs.replace(spec, count=1) if kind in ACTS else spec


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
    if spec.kind in ACTS and spec.count not in (None, 1):
        raise FaultRefused(f"{spec.kind} happens once, when it is set: count is 1")
    if spec.match.method not in (None, *_METHODS):
        raise FaultRefused(f"no method {spec.match.method!r}; known: {', '.join(_METHODS)}")
    if spec.kind in _NO_REQUESTS and (spec.match.method or spec.match.path):
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
