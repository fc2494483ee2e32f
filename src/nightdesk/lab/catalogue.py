"""The catalogue of faults: every kind there is, and what one is made of.

Owns kinds and their parts. Refuses to read one, as `fault_asked` does, and to say whether it strikes: `faults`
does, and others carry it out.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from nightdesk.lab.choices import How, Mode, Rule, Stream, Text503, Venue, Which, Word
from nightdesk.lab.orders import ZERO, Side


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
    FILL_TAKEN_BACK = "fill_taken_back"
    DUPLICATE_MARKET = "duplicate_market"
    REORDERED_MARKET = "reordered_market"
    DEPTH_GAP = "depth_gap"
    FROZEN_MARKET = "frozen_market"
    CROSSED_BOOK = "crossed_book"
    PRICE_SPIKE = "price_spike"
    STREAM_DROP = "stream_drop"
    STREAM_SILENCE = "stream_silence"
    STREAM_MUTE = "stream_mute"
    STREAM_ENDING = "stream_ending"
    GARBLED_FRAME = "garbled_frame"
    MAINTENANCE = "maintenance"
    LIQUIDATE = "liquidate"
    ADL = "adl"
    FUNDING_SHOCK = "funding_shock"
    MODE_SWITCHED = "mode_switched"
    RULES_CHANGED = "rules_changed"
    CLOCK_OFFSET = "clock_offset"


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
NO_REQUESTS = REPORT_KINDS - {FaultKind.NEW_ENUM} | {FaultKind.STP_EXPIRE}
# Something is done once, when the fault is set: by hand, or by the venue.
BY_HAND = frozenset(
    {
        FaultKind.MANUAL_ORDER,
        FaultKind.MANUAL_CANCEL,
        FaultKind.TRANSFER,
        FaultKind.FILL_TAKEN_BACK,
    }
)
# What only a venue of positions can do, or have done to it by hand.
OF_POSITIONS = frozenset(
    {FaultKind.LIQUIDATE, FaultKind.ADL, FaultKind.FUNDING_SHOCK, FaultKind.MODE_SWITCHED}
)
ACTS = BY_HAND | OF_POSITIONS | {FaultKind.STOP_DROPPED, FaultKind.RULES_CHANGED}
# What happens, once, to the websockets that are open when the fault is set.
OF_LINES = frozenset({FaultKind.STREAM_DROP, FaultKind.STREAM_MUTE, FaultKind.STREAM_ENDING})
# What is done once, when the fault is set.
AT_ONCE = ACTS | OF_LINES - {FaultKind.STREAM_DROP}
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
