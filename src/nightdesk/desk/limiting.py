"""Which limits are in force: the config file's, and what a person set since.

A limit that was set holds as it was set while the file says what it said then. Under a file that says
something else the stricter of the two holds, until a person loosens it with a reason.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

from nightdesk.desk.settings import DeskSettings
from nightdesk.model import money
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.records import LimitSet
from nightdesk.modes.ladder import DESK, instrument_scope, strategy_scope
from nightdesk.risk.limits import Limits, StrategyLimits
from nightdesk.risk.losses import LossLimits

Made = Mapping[str, Mapping[str, LimitSet]]  # what was set, by scope and limit
T = TypeVar("T", Limits, StrategyLimits, LossLimits)


def asset_scope(base: str) -> str:
    """The scope of all instruments of one base asset."""
    return f"asset/{base}"


def limits_for(
    settings: DeskSettings, made: Made, strategy: StrategyId, instrument: InstrumentId
) -> Limits:
    """What an order of `strategy` here has to keep in NORMAL."""
    limits, known = settings.limits[instrument], settings.strategies.get(strategy)
    own = StrategyLimits() if known is None else known.limits
    if made:
        base = settings.instruments[instrument].base
        for scope in (DESK, instrument_scope(instrument), asset_scope(base)):
            limits = _laid_over(limits, made.get(scope, {}))
        own = _laid_over(own, made.get(strategy_scope(strategy), {}))
    return msgspec.structs.replace(limits, own=own)


def loss_limits(settings: DeskSettings, made: Made) -> list[tuple[str, LossLimits]]:
    """Every scope that may lose only so much: the desk first, then strategies by name."""
    scopes = [(DESK, settings.losses)]
    scopes += [(strategy_scope(name), s.losses) for name, s in sorted(settings.strategies.items())]
    laid = [(scope, _laid_over(limits, made.get(scope, {}))) for scope, limits in scopes]
    return [(scope, limits) for scope, limits in laid if limits.any]


def holds(was: LimitSet | None, file: Decimal | None) -> Decimal | None:
    """The value in force where the file says `file`; None is no limit."""
    if was is None:
        return file
    return was.value if was.file == file else stricter(was.value, file)


def looser(value: Decimal | None, than: Decimal | None) -> bool:
    """Whether it allows more; None allows everything."""
    return than is not None and (value is None or value > than)


def stricter(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """The one that allows less."""
    return other if looser(one, other) else one


def amount(value: Decimal | int | None) -> Decimal | None:
    """A limit as it is journaled."""
    return None if value is None else money.canonical(Decimal(value))


def _laid_over(limits: T, named: Mapping[str, LimitSet]) -> T:
    changed: dict[str, Decimal | int | None] = {}
    for limit, was in named.items():
        if limit in limits.__struct_fields__:
            file = getattr(limits, limit)
            value = holds(was, amount(file))
            changed[limit] = int(value) if value is not None and counts(limit) else value
    return msgspec.structs.replace(limits, **changed) if changed else limits


def counts(limit: str) -> bool:
    """Whether the limit is a whole number."""
    return limit.endswith(("second_max", "minute_max", "orders_max", "exits_max"))
