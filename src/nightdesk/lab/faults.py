"""Faults in force: which of them strikes a given request, report or read, and when.

Owns the board of faults and what each strike leaves in the truth. Refuses to know the kinds'
arguments, which `catalogue` has, and to carry a fault out: the core and its parts do what it says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from nightdesk.lab.catalogue import (
    MARKET_KINDS,
    PRICES,
    STRUCK_STREAMS,
    FaultKind,
    FaultRefused,
    FaultSpec,
    Match,
)
from nightdesk.lab.choices import Stream, Which
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.truth import Kind, Truth

_FAULTS_MAX = 1000  # a drill needs a handful; more is a runaway script


@dataclass(slots=True)
class Fault:
    """A fault in force."""

    id: int
    spec: FaultSpec
    until_ns: int | None
    fired: int = 0
    victim: int | None = None  # the order that this fault has chosen for itself
    felt: set[str] = field(default_factory=set)  # the symbols on which it is in the truth

    def active(self, now_ns: int) -> bool:
        """Whether it may still strike."""
        if self.until_ns is not None and now_ns >= self.until_ns:
            return False
        return self.spec.count is None or self.fired < self.spec.count


@dataclass(slots=True, frozen=True)
class Target:
    """What a fault may strike: a request, or something with a name of its own."""

    params: Mapping[str, object]
    method: str = ""
    path: str = ""
    ws: str | None = None
    name: str = ""
    symbol: str | None = None

    @property
    def what(self) -> str:
        """What this is, as people say it."""
        return self.name or f"{self.method} {self.path}"

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
        if match.path is not None and not on_path(match.path, self.path, self.ws):
            return False
        return all(_same(value, self.params.get(name)) for name, value in match.param.items())


def on_path(wanted: str, path: str, ws: str | None) -> bool:
    """Whether a fault on path `wanted` ("/a" itself, "/a*" whatever begins so, "/a|/b" either) is about an
    endpoint of these names."""
    names = [name for name in (path, ws) if name]
    for each in wanted.split("|"):
        if each.endswith("*"):
            if any(name.startswith(each[:-1]) for name in names):
                return True
        elif each in names:
            return True
    return False


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
            if target.matches(fault.spec.match) and self.drawn(fault):
                self.fire(fault, now_ns, target)
                return fault
        return None

    def of_market(self) -> bool:
        """Whether any fault is about messages of the market: asked for each of them."""
        if not self.faults:
            return False
        return any(fault.spec.kind in MARKET_KINDS for fault in self.faults.values())

    def on_message(
        self, symbol: str, stream: Stream, now_ns: int, *, but: FaultKind | None = None
    ) -> list[Fault]:
        """What strikes a message of the market now. What changes prices does so for as long as
        it lasts and is recorded once a symbol; the other strikes are recorded one by one."""
        struck = []
        for fault in self.faults.values():
            spec = fault.spec
            if spec.kind not in MARKET_KINDS or spec.kind is but or not fault.active(now_ns):
                continue
            if spec.symbol not in (None, symbol) or spec.stream not in (None, stream):
                continue
            if stream in STRUCK_STREAMS[spec.kind] and self.drawn(fault):
                struck.append(fault)
                self._strike_message(fault, symbol, stream, now_ns)
        return struck

    def _strike_message(self, fault: Fault, symbol: str, stream: Stream, now_ns: int) -> None:
        if fault.spec.kind in PRICES and symbol in fault.felt:
            fault.fired += 1
            return
        fault.felt.add(symbol)
        self.fire(fault, now_ns, Target({}, name=f"{symbol} {stream}", symbol=symbol))

    def drawn(self, fault: Fault) -> bool:
        """Whether chance lets a fault strike."""
        return fault.spec.probability >= 1 or self._draws.random() < fault.spec.probability

    def begin(self, fault: Fault, now_ns: int) -> None:
        """A fault that lasts takes effect: recorded the first time."""
        if not fault.fired:
            self.fire(fault, now_ns)

    def fire(self, fault: Fault, now_ns: int, target: Target | None = None) -> None:
        """Record that a fault strikes, and what it strikes."""
        fault.fired += 1
        kind = fault.spec.kind
        self.truth.add(
            Kind.FAULT_FIRED,
            now_ns,
            fault=fault.id,
            what=str(kind),
            symbol=fault.spec.symbol if target is None else target.symbol,
            reason=None if target is None else target.what,
            client_order_id=None if target is None else target.client_order_id,
            clock_offset_ns=fault.spec.ms * MS_NS if kind is FaultKind.CLOCK_OFFSET else None,
        )

    def standing(self, kind: FaultKind, now_ns: int) -> list[Fault]:
        """Active faults of a kind that lasts instead of striking."""
        if not self.faults:
            return []
        return [f for f in self.faults.values() if f.spec.kind is kind and f.active(now_ns)]

    def silent(self, which: Which, now_ns: int, stream: str = "") -> bool:
        """Whether these streams carry no data now; asked when there is something to carry."""
        if not self.faults:
            return False
        silent = False
        for fault in self.standing(FaultKind.STREAM_SILENCE, now_ns):
            spec = fault.spec
            of_all = spec.symbol is None and spec.which in (which, Which.ALL)
            of_symbol = spec.symbol is not None and stream.startswith(f"{spec.symbol.lower()}@")
            if of_all or of_symbol:
                self.begin(fault, now_ns)
                silent = True
        return silent
