"""A person sets a limit while the desk runs: tighter at once, looser only with a reason; it is journaled."""

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches

import msgspec

from nightdesk.desk.events import SetLimit
from nightdesk.desk.limiting import Made, amount, asset_scope, counts, holds, looser, stricter
from nightdesk.desk.settings import DeskSettings
from nightdesk.model import money
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.records import LimitSet
from nightdesk.modes.ladder import DESK, instrument_scope, strategy_scope
from nightdesk.risk.limits import Limits, StrategyLimits
from nightdesk.risk.losses import LossLimits

FILE, OFF = "file", "off"  # what may be said instead of a number: as the config has it, no limit
OF_INSTRUMENT = (
    "order_qty_max",
    "order_notional_max",
    "position_max",
    "collar_bps",
    "notional_max",
    "instrument_open_orders_max",
    "cancels_per_second_max",
    "cancels_per_minute_max",
    "orders_per_fill_max",
)
OF_ASSET = ("asset_max",)
SHARES = frozenset({"concentration_max", "margin_use_max"})
OF_CONTRACTS = ("margin_use_max", "leverage_max")
OF_DESK = (
    "gross_max",
    "open_orders_max",
    "orders_per_second_max",
    "net_max",
    "concentration_max",
    "concentration_floor",
    *OF_CONTRACTS,
    "orders_per_minute_max",
    "messages_per_second_max",
    "messages_per_minute_max",
)
LOSSES: tuple[str, ...] = LossLimits.__struct_fields__
OF_STRATEGY: tuple[str, ...] = (*StrategyLimits.__struct_fields__, *LOSSES)
_NEEDED = frozenset(  # those that no config goes without
    {
        "order_qty_max",
        "order_notional_max",
        "collar_bps",
        "concentration_floor",
        *("gross_max", "open_orders_max", "orders_per_second_max", "position_max"),
    }
)


def changes(settings: DeskSettings, made: Made, asked: SetLimit) -> list[LimitSet]:
    """What has to be written down, nothing where all of it holds already.

    Raises `BadInput` for what is no limit or no number, and for what is looser and has no reason.
    """
    found = []
    for scope in _scopes(settings, asked):
        file = _file_value(settings, scope, asked.limit)
        now = holds(made.get(scope, {}).get(asked.limit), file)
        value = file if asked.value == FILE else _number(asked, needed=scope)
        if looser(value, now) and not asked.why.strip():
            raise BadInput(
                f"{asked.limit} of {scope} is {_told(now)}, and {_told(value)} is looser: that needs a reason, "
                "--reason TEXT"
            )
        if value != now:
            found.append(
                LimitSet(
                    scope=scope,
                    limit=asked.limit,
                    value=value,
                    file=file,
                    by=asked.by,
                    why=asked.why,
                )
            )
    return found


def review(settings: DeskSettings, made: Made) -> list[LimitSet]:
    """What a start writes down: a limit that was loosened over a file that says something else by now holds no
    longer as it was set, nor does it come back when the file does."""
    found = []
    for was, file in in_config(settings, made):
        if file != was.file and looser(was.value, was.file):
            value = stricter(was.value, file)
            why = (
                f"the config file said {_told(was.file)} when this was set to {_told(was.value)}, and says "
                f"{_told(file)} now: the stricter holds"
            )
            found.append(
                msgspec.structs.replace(was, value=value, file=file, by="desk", why=why),
            )
    return found


def in_config(settings: DeskSettings, made: Made) -> Iterator[tuple[LimitSet, Decimal | None]]:
    """Everything that was set of what this config still has, and what it says there itself."""
    for scope, named in sorted(made.items()):
        for limit, was in sorted(named.items()):
            table = _table(settings, scope, limit)
            if table is not None and limit in table.__struct_fields__:
                yield was, amount(getattr(table, limit))


def _file_value(settings: DeskSettings, scope: str, limit: str) -> Decimal | None:
    return amount(getattr(_table(settings, scope, limit), limit))


def _table(
    settings: DeskSettings, scope: str, limit: str
) -> Limits | StrategyLimits | LossLimits | None:
    """Where the config has the limits of a scope; None when it does not know the scope any more."""
    kind, _, of = scope.partition("/")
    match kind:
        case "strategy":
            known = settings.strategies.get(StrategyId(of))
            if known is None:
                return None
            return known.losses if limit in LOSSES else known.limits
        case "instrument":
            return settings.limits.get(InstrumentId(of))
        case "asset":
            same = [i.id for i in settings.instruments.values() if i.base == of]
            return settings.limits[same[0]] if same else None
        case _:
            # Those of the desk are the same beside every instrument.
            return settings.losses if limit in LOSSES else next(iter(settings.limits.values()))


def _scopes(settings: DeskSettings, asked: SetLimit) -> list[str]:
    """Every scope that is meant."""
    limit, of = asked.limit, asked.of
    match asked.kind:
        case "strategy":
            _must_know("strategy", of, settings.strategies)
            _must_know("limit of a strategy", limit, OF_STRATEGY)
            _must_bind(settings, limit)
            return [strategy_scope(of)]
        case "instrument":
            _must_know("instrument", of, settings.instruments)
            _must_know("limit of an instrument", limit, OF_INSTRUMENT)
            return [instrument_scope(of)]
        case "asset":
            _must_know("base asset", of, sorted({i.base for i in settings.instruments.values()}))
            _must_know("limit of an asset", limit, OF_ASSET)
            return [asset_scope(of)]
        case _:
            if limit in OF_ASSET:
                raise BadInput(f"{limit} is a limit of one asset: say which, --asset NAME")
            known = (*OF_DESK, *OF_INSTRUMENT, *LOSSES)
            _must_know("limit that can be set while the desk runs", limit, known)
            _must_bind(settings, limit)
            if limit in OF_INSTRUMENT:  # of every one
                return [instrument_scope(instrument) for instrument in settings.instruments]
            return [DESK]


def _must_bind(settings: DeskSettings, limit: str) -> None:
    if limit in OF_CONTRACTS and not settings.terms:
        raise BadInput(f"{limit} bounds contracts, and this desk trades none")


def _must_know(kind: str, name: str, known: Iterable[str]) -> None:
    listed = list(known)
    if name in listed:
        return
    close = get_close_matches(name, listed, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    raise BadInput(f"no {kind} {name!r}; {meant}there are {', '.join(listed)}")


def _number(asked: SetLimit, *, needed: str) -> Decimal | None:
    limit, text = asked.limit, asked.value
    if text == OFF:
        if limit in _NEEDED and not needed.startswith("strategy/"):
            raise BadInput(f"{limit} of {needed} cannot be off: give it a number")
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise BadInput(f"{limit}: {text!r} is no number; write one, or {OFF}, or {FILE}") from None
    whole = counts(limit)
    if not money.is_amount(value) or value <= 0 or (whole and value != value.to_integral_value()):
        kind = "a whole number above zero" if whole else "an amount above zero"
        raise BadInput(f"{limit} must be {kind}, got {text}")
    if limit in SHARES and value > 1:
        raise BadInput(f"{limit} is a share, and 1 is all: got {text}; half is 0.5")
    return money.canonical(value)


def _told(value: Decimal | None) -> str:
    return OFF if value is None else str(value)
