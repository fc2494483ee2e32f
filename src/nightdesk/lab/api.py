"""Requests, whichever door they came through: what an endpoint is and what it is asked.

Owns the common form of REST calls and WebSocket API requests. Refuses endpoints themselves:
`public`, `trading` and `private` bring their routes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto

import msgspec

from nightdesk.lab import params
from nightdesk.lab.accounts import Account, NewList, NewOrder
from nightdesk.lab.auth import Window
from nightdesk.lab.faults import Target
from nightdesk.lab.params import SIGNED_NAMES
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.truth import Sender


class Stage(StrEnum):
    """How far inside the venue an endpoint's work is done. A keyed one wants a key and no signature."""

    PUBLIC = auto()
    KEYED = auto()
    READ = auto()
    ENGINE = auto()


class Via(StrEnum):
    """The door a request came through."""

    REST = auto()
    WS = auto()


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer goes: a REST call, or a request of a websocket connection."""

    via: Via
    number: int
    source: str
    request_id: bytes = b"null"
    show_limits: bool = True


@dataclass(slots=True, kw_only=True)
class Ask:
    """A request on its way through the venue."""

    route: "Route"
    params: dict[str, str]
    caller: Caller
    sender: Sender
    now_ns: int
    clock_offset_ns: int
    unit_ns: int = MS_NS
    read_lag_ns: int = 0
    account: Account | None = None
    new: NewOrder | None = None  # the order it places, once that was read
    new_list: NewList | None = None  # or the order list
    over_limit: Refused | None = None  # why it may place nothing, where it may cancel all the same
    window: Window | None = None

    def stamp(self, at_ns: int) -> int:
        """A moment as the client reads it: venue clock, in the unit asked for."""
        return (at_ns + self.clock_offset_ns) // self.unit_ns

    @property
    def client(self) -> Account:
        """The account that asks; only for signed endpoints."""
        assert self.account is not None, f"{self.route.path} has no account: it is not signed"
        return self.account

    @property
    def what(self) -> str:
        """What is asked, as people say it."""
        route = self.route
        if self.caller.via is Via.WS and route.ws is not None:
            return route.ws
        return f"{route.method} {route.path}"

    @property
    def target(self) -> Target:
        """What a fault may strike here."""
        route = self.route
        return Target(self.params, route.method, route.path, route.ws)

    @property
    def named_client_id(self) -> str | None:
        """The client order id a request is about."""
        if self.route.orders:
            names = ("newClientOrderId", "listClientOrderId", "clientAlgoId")
            return next((self.params[name] for name in names if name in self.params), None)
        return self.params.get("origClientOrderId")

    @property
    def as_of_ns(self) -> int:
        """The moment a read describes."""
        return self.now_ns - self.read_lag_ns


Run = Callable[[Ask], object]
Weight = Callable[[Mapping[str, str]], int]


@dataclass(slots=True, kw_only=True)
class Route:
    """One endpoint. `run` returns what becomes JSON, or raises `Refused`."""

    method: str
    path: str
    stage: Stage
    run: Run
    weight: int | Weight = 1
    names: frozenset[str] = frozenset()
    ws: str | None = None
    # Checks that happen before the engine, and how many orders this counts for.
    before: Callable[[Ask], None] | None = None
    orders: int = 0
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.known = self.names | SIGNED_NAMES if self.private else self.names

    @property
    def private(self) -> bool:
        """Whether a key is needed."""
        return self.stage is not Stage.PUBLIC

    @property
    def signed(self) -> bool:
        """Whether a signature is needed, too."""
        return self.stage in (Stage.READ, Stage.ENGINE)

    def weigh(self, params: Mapping[str, str]) -> int:
        """What a request costs."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


def public_get(
    path: str,
    run: Run,
    *,
    ws: str,
    weight: int | Weight = 1,
    names: frozenset[str] = frozenset(),
) -> Route:
    """A public endpoint; it is also a method of the WebSocket API."""
    return Route(
        method="GET",
        path=f"/api/v3/{path}",
        stage=Stage.PUBLIC,
        run=run,
        weight=weight,
        names=names,
        ws=ws,
    )


_DAY_MS = 86_400_000
_FOREVER_MS = 10**15
_MICROSECONDS_FROM = 10**14


def asked_span(ask: Ask) -> tuple[int, int]:
    """`startTime` and `endTime` in milliseconds; everything when they are not sent."""
    start_ms, end_ms = (
        _milliseconds(params.long(ask.params, name)) for name in ("startTime", "endTime")
    )
    return (
        0 if start_ms is None else start_ms,
        _FOREVER_MS if end_ms is None else end_ms,
    )


def day_span(ask: Ask) -> tuple[int, int]:
    """The same where the two may be at most 24 hours apart."""
    start_ms, end_ms = asked_span(ask)
    both = "startTime" in ask.params and "endTime" in ask.params
    if both and end_ms - start_ms > _DAY_MS:
        raise Refused(-1127, "More than 24 hours between startTime and endTime.")
    return start_ms, end_ms


def _milliseconds(stamp: int | None) -> int | None:
    if stamp is None or stamp < _MICROSECONDS_FROM:
        return stamp
    return stamp // 1000
