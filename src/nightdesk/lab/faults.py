"""Faults: what can be made to go wrong, and when it does.

Owns the catalogue of faults, their arguments, and which of them strikes a given request or
report. Refuses to carry them out: the core and the streams do what a fault says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from random import Random

import msgspec

from nightdesk.lab.settings import MS_NS, READ_LAG_NS_MAX
from nightdesk.lab.truth import Kind, Truth

_FAULTS_MAX = 1000  # a drill needs a handful; more is a runaway script


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
    RATE_LIMIT_429 = "rate_limit_429"
    BAN_418 = "ban_418"
    TRUNCATED_BODY = "truncated_body"
    EMPTY_BODY = "empty_body"
    HTML_BODY = "html_body"
    DUPLICATE_REPORT = "duplicate_report"
    LATE_REPORT = "late_report"
    REORDERED_REPORTS = "reordered_reports"
    FILL_AFTER_CANCEL_ACK = "fill_after_cancel_ack"
    READ_LAG = "read_lag"
    STREAM_DROP = "stream_drop"
    STREAM_SILENCE = "stream_silence"
    MAINTENANCE = "maintenance"
    CLOCK_OFFSET = "clock_offset"


# The arguments of each kind beside those every fault has; a star marks what must be given.
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
    FaultKind.BUSY_1008: "",
    FaultKind.RATE_LIMIT_429: "retry_after_s",
    FaultKind.BAN_418: "retry_after_s",
    FaultKind.TRUNCATED_BODY: "effect bytes",
    FaultKind.EMPTY_BODY: "effect",
    FaultKind.HTML_BODY: "effect",
    FaultKind.DUPLICATE_REPORT: "",
    FaultKind.LATE_REPORT: "ms*",
    FaultKind.REORDERED_REPORTS: "",
    FaultKind.FILL_AFTER_CANCEL_ACK: "ms* fraction",
    FaultKind.READ_LAG: "ms*",
    FaultKind.STREAM_DROP: "which code",
    FaultKind.STREAM_SILENCE: "which",
    FaultKind.MAINTENANCE: "",
    FaultKind.CLOCK_OFFSET: "ms*",
}
_COMMON = ("kind", "match", "probability", "count", "duration_ms")

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
        FaultKind.RATE_LIMIT_429,
        FaultKind.BAN_418,
        FaultKind.TRUNCATED_BODY,
        FaultKind.EMPTY_BODY,
        FaultKind.HTML_BODY,
    }
)
REPORT_KINDS = frozenset(
    {FaultKind.DUPLICATE_REPORT, FaultKind.LATE_REPORT, FaultKind.REORDERED_REPORTS}
)


class How(StrEnum):
    """How an answer does not come: the connection breaks, or nothing happens at all."""

    CLOSE = auto()
    HANG = auto()


class Which(StrEnum):
    """Which streams a stream fault is about."""

    USER = auto()
    MARKET = auto()
    ALL = auto()


class Text503(StrEnum):
    """A 503 that says nothing about the outcome, or one that says the request failed."""

    UNKNOWN = auto()
    UNAVAILABLE = auto()


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests or reports a fault strikes; what is left out matches everything.

    `path` is a REST path or a WebSocket API method, and may end in `*`. `param` compares
    request parameters, or the fields of an execution report.
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
    arguments = _ARGUMENTS[kind].split()
    known = [*_COMMON, *(name.rstrip("*") for name in arguments)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise FaultRefused(
            f"{kind} has no {', '.join(sorted(unknown))}; it has: {', '.join(known[1:])}"
        )
    missing = [name.rstrip("*") for name in arguments if name.endswith("*")]
    missing = [name for name in missing if name not in given]
    if missing:
        raise FaultRefused(f"{kind} needs {', '.join(missing)}")
    try:
        spec = msgspec.convert(given, FaultSpec)
    except msgspec.ValidationError as e:
        raise FaultRefused(str(e)) from e
    _check(spec)
    return spec


def _check(spec: FaultSpec) -> None:
    if not 0 < spec.probability <= 1:
        raise FaultRefused("probability is above 0 and at most 1")
    if not 0 < spec.fraction <= 1:
        raise FaultRefused("fraction is above 0 and at most 1")
    if spec.ms < 0 and spec.kind is not FaultKind.CLOCK_OFFSET:
        raise FaultRefused("ms is not negative")
    if spec.kind is FaultKind.READ_LAG and spec.ms * MS_NS > READ_LAG_NS_MAX:
        raise FaultRefused(f"ms is at most {READ_LAG_NS_MAX // MS_NS} for {spec.kind}")
    if spec.effect and spec.text is Text503.UNAVAILABLE:
        raise FaultRefused("text 'unavailable' promises that nothing happened: effect is false")
    if any(number is not None and number < 1 for number in (spec.count, spec.duration_ms)):
        raise FaultRefused("count and duration_ms are at least 1 when given")


@dataclass(slots=True)
class Fault:
    """A fault in force."""

    id: int
    spec: FaultSpec
    until_ns: int | None
    fired: int = 0

    def active(self, now_ns: int) -> bool:
        """Whether it may still strike."""
        if self.until_ns is not None and now_ns >= self.until_ns:
            return False
        return self.spec.count is None or self.fired < self.spec.count


@dataclass(slots=True, frozen=True)
class Target:
    """What a fault may strike: a request, or an execution report (with no method or path)."""

    params: Mapping[str, object]
    method: str = ""
    path: str = ""
    ws: str | None = None

    @property
    def what(self) -> str:
        """What this is, as people say it."""
        return f"{self.method} {self.path}" if self.path else "execution report"

    @property
    def client_order_id(self) -> str | None:
        """The client order id this is about."""
        for name in ("newClientOrderId", "origClientOrderId", "clientOrderId"):
            if name in self.params:
                return str(self.params[name])
        return None

    def matches(self, match: Match) -> bool:
        """Whether `match` means this."""
        if match.method is not None and match.method != self.method:
            return False
        if match.path is not None and not self._on(match.path):
            return False
        return all(_same(value, self.params.get(name)) for name, value in match.param.items())

    def _on(self, path: str) -> bool:
        names = [name for name in (self.path, self.ws) if name]
        if path.endswith("*"):
            return any(name.startswith(path[:-1]) for name in names)
        return path in names


def _same(wanted: str | int | bool, given: object) -> bool:
    if isinstance(wanted, bool):
        return str(given).lower() == str(wanted).lower()
    return str(given) == str(wanted)


@dataclass(slots=True)
class FaultBoard:
    """All faults in force."""

    truth: Truth
    seed: int
    faults: dict[int, Fault] = field(default_factory=dict)
    _last_id: int = 0
    _draws: Random = field(init=False)

    def __post_init__(self) -> None:
        self._draws = Random(f"{self.seed}/faults")

    def add(self, spec: FaultSpec, now_ns: int) -> Fault:
        """Put a fault in force."""
        self.prune(now_ns)
        if len(self.faults) >= _FAULTS_MAX:
            raise FaultRefused(f"{_FAULTS_MAX} faults are in force; delete some first")
        self._last_id += 1
        until_ns = None if spec.duration_ms is None else now_ns + spec.duration_ms * MS_NS
        fault = Fault(self._last_id, spec, until_ns)
        self.faults[fault.id] = fault
        return fault

    def prune(self, now_ns: int) -> None:
        """Forget faults whose time is over; used-up ones stay to be looked at."""
        over = [
            i for i, f in self.faults.items() if f.until_ns is not None and now_ns >= f.until_ns
        ]
        for fault_id in over:
            del self.faults[fault_id]

    def pick(self, kinds: Iterable[FaultKind], target: Target, now_ns: int) -> Fault | None:
        """The first fault of these kinds that strikes `target` now; striking is recorded."""
        for fault in self.faults.values():
            if fault.spec.kind not in kinds or not fault.active(now_ns):
                continue
            if not target.matches(fault.spec.match):
                continue
            if fault.spec.probability < 1 and self._draws.random() >= fault.spec.probability:
                continue
            self.fire(fault, now_ns, target)
            return fault
        return None

    def fire(self, fault: Fault, now_ns: int, target: Target | None = None) -> None:
        """Record that a fault strikes, and what it strikes."""
        fault.fired += 1
        self.truth.add(
            Kind.FAULT_FIRED,
            now_ns,
            fault=fault.id,
            what=str(fault.spec.kind),
            reason=None if target is None else target.what,
            client_order_id=None if target is None else target.client_order_id,
        )

    def standing(self, kind: FaultKind, now_ns: int) -> list[Fault]:
        """Active faults of a kind that lasts instead of striking."""
        if not self.faults:
            return []
        return [f for f in self.faults.values() if f.spec.kind is kind and f.active(now_ns)]

    def silent(self, which: Which, now_ns: int) -> bool:
        """Whether these streams carry no data now."""
        if not self.faults:
            return False
        silences = self.standing(FaultKind.STREAM_SILENCE, now_ns)
        return any(f.spec.which in (which, Which.ALL) for f in silences)
