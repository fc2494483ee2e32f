"""The limits in force, as a journal tells them: its settings, and what was set since.

Written from the records' meaning: a limit that was set holds while the settings say what they said then, and
the stricter of the two once they say something else.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from nightdesk.audit.names import Names
from nightdesk.model.ids import InstrumentId, venue_of
from nightdesk.model.records import Configured, LimitSet

DESK = "desk"


def venue_scope(instrument: InstrumentId) -> str:
    """Where the trouble of one of several venues is told."""
    return f"venue/{venue_of(instrument)}"


def scopes_of(strategy: str, instrument: InstrumentId) -> tuple[str, str, str]:
    """Which scopes of modes cover an order, but for the desk's."""
    return venue_scope(instrument), f"strategy/{strategy}", f"instrument/{instrument}"


class InstrumentLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of one instrument's limits; None is no limit. Quantities in base, notionals in quote."""

    position_max: Decimal | None = None
    order_qty_max: Decimal | None = None
    order_notional_max: Decimal | None = None
    gross_max: Decimal | None = None  # over all instruments
    open_orders_max: int | None = None
    orders_per_second_max: int | None = None
    stale_after_ns: int | None = None
    collar_bps: Decimal | None = None
    notional_max: Decimal | None = None
    instrument_open_orders_max: int | None = None
    cancels_per_second_max: int | None = None
    cancels_per_minute_max: int | None = None
    orders_per_fill_max: Decimal | None = None
    asset_max: Decimal | None = None  # over all instruments of its base asset
    net_max: Decimal | None = None  # over all instruments, as the rest
    concentration_max: Decimal | None = None
    concentration_floor: Decimal = Decimal(0)
    margin_use_max: Decimal | None = None  # of a wallet of contracts
    leverage_max: Decimal | None = None  # of all contracts, in what the desk has
    orders_per_minute_max: int | None = None
    messages_per_second_max: int | None = None
    messages_per_minute_max: int | None = None


class StrategyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The same of one strategy's own."""

    position_max: Decimal | None = None
    gross_max: Decimal | None = None
    open_orders_max: int | None = None
    orders_per_second_max: int | None = None
    net_max: Decimal | None = None
    asset_max: Decimal | None = None  # each base asset's
    concentration_max: Decimal | None = None
    margin_use_max: Decimal | None = None
    leverage_max: Decimal | None = None


class LossLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a scope may lose, in quote; exits in a row."""

    day_max: Decimal | None = None
    drawdown_max: Decimal | None = None
    losing_exits_max: int | None = None


class _Strategy(msgspec.Struct, frozen=True, kw_only=True):
    limits: StrategyLimits = StrategyLimits()
    losses: LossLimits = LossLimits()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On which terms a contract is held; `leverage` is notional over initial margin."""

    leverage: int


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a desk's journaled settings that laws refer to."""

    name: str = ""
    limits: dict[str, InstrumentLimits] = {}
    strategies: dict[str, _Strategy] = {}
    losses: LossLimits = LossLimits()
    terms: dict[str, Terms] = {}
    baseline: dict[str, Decimal] = {}


class InForce:
    """Mutable; its one writer is the ledger."""

    def __init__(self, names: Names) -> None:
        self.by_instrument: dict[str, InstrumentLimits] = {}
        self.by_strategy: dict[str, StrategyLimits] = {}
        self.losses: dict[str, LossLimits] = {}  # by scope
        self.leverage: dict[str, int] = {}  # of contracts
        self.baseline: dict[
            str, Decimal
        ] = {}  # by base asset, where it is not what was held at first
        self.before: Decimal | None = None  # what held of the limit that was set last
        self._names = names
        self._settings = Settings()
        self._set: dict[str, dict[str, LimitSet]] = {}

    def configured(self, record: Configured) -> str | None:
        """Read new settings; the desk's name, or None where they are of another release: then the instruments
        count, and the limits cannot be known."""
        try:
            self._settings = msgspec.json.decode(record.body, type=Settings)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None
        self._fold()
        return self._settings.name

    def set(self, record: LimitSet) -> None:
        """Somebody set a limit."""
        self.before = self._value(record.scope, record.limit)
        self._set.setdefault(record.scope, {})[record.limit] = record
        self._fold()

    def _value(self, scope: str, limit: str) -> Decimal | None:
        kind, _, of = scope.partition("/")
        found: InstrumentLimits | StrategyLimits | LossLimits | None
        if limit in LossLimits.__struct_fields__:
            found = self.losses.get(scope)
        elif kind == "strategy":
            found = self.by_strategy.get(of)
        else:
            rules = self._names.instruments.items()
            names = [name for name, each in rules if kind == "asset" and each.base == of]
            names += [self._names.of(of)] if kind == "instrument" else []
            names += list(self.by_instrument) if kind == DESK else []
            found = self.by_instrument.get(names[0]) if names else None
        value: Decimal | int | None = getattr(found, limit, None)
        return None if value is None else Decimal(value)

    def _fold(self) -> None:
        settings, made = self._settings, self._set
        self.baseline = settings.baseline
        self.by_instrument = {}
        for instrument, limits in settings.limits.items():
            name = self._names.of(instrument)
            rules = self._names.instruments.get(name)
            base = "" if rules is None else rules.base
            scopes = (DESK, f"instrument/{instrument}", f"asset/{base}")
            self.by_instrument[name] = _laid(limits, scopes, made)
        self.leverage = {self._names.of(i): terms.leverage for i, terms in settings.terms.items()}
        for name, strategy in settings.strategies.items():
            scope = (f"strategy/{name}",)
            self.by_strategy[name] = _laid(strategy.limits, scope, made)
            self.losses[scope[0]] = _laid(strategy.losses, scope, made)
        self.losses[DESK] = _laid(settings.losses, (DESK,), made)


def _laid(limits: Any, scopes: Iterable[str], made: Mapping[str, Mapping[str, LimitSet]]) -> Any:
    for scope in scopes:
        for limit, was in made.get(scope, {}).items():
            if limit in limits.__struct_fields__:
                holds = _holds(was, getattr(limits, limit))
                limits = msgspec.structs.replace(limits, **{limit: holds})
    return limits


def _holds(was: LimitSet, file: Decimal | int | None) -> Decimal | int | None:
    if was.file == file:
        return was.value
    both = [value for value in (was.value, file) if value is not None]
    return min(both, default=None)
