"""A strategy made ready to run: params typed and in range, state brought to its version, its wishes known.

Whatever does not fit is a `BadInput` that names it; the journal is only read here, so nothing is ever lost.
"""

import typing
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from nightdesk.model.bars import BarsOf
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId
from nightdesk.strategy.api import Bars, Depth, Range, Strategy
from nightdesk.strategy.messages import Kept

TEXT_MAX = 300
# Frames of ours between a message and the user's code, or between that and what it asked of its context.
_HERE = __file__.rpartition("prepare.py")[0]
_OURS = {f"{_HERE}{name}.py" for name in ("host", "prepare", "context", "sizing", "window", "api")}


def prepare(kind: type[Strategy], params: Mapping[str, object], kept: Kept | None) -> Strategy:
    """An instance with typed params and its kept state; raises `BadInput` naming what does not fit."""
    strategy = kind()
    strategy.params = _params_of(kind, params)
    strategy.state = state_of(kind, kept)
    return strategy


class Declared(NamedTuple):
    """What a strategy wants to hear beyond quotes and trades: how many bars of each series, how many levels of
    each order book."""

    bars: dict[BarsOf, int]
    depth: dict[InstrumentId, int]


def declared(strategy: Strategy, instruments: Collection[InstrumentId]) -> Declared:
    """What a strategy wants; raises `BadInput` for what it cannot have."""
    name = type(strategy).__name__
    wants = Declared({}, {})
    try:
        for wish in strategy.declare():
            if not isinstance(wish, Bars | Depth):
                raise TypeError(f"declare() returns Bars and Depth, not {wish!r}")
            for instrument in instruments if wish.instrument is None else (wish.instrument,):
                if instrument not in instruments:
                    raise ValueError(f"{instrument} is not among its {list(instruments)}")
                if isinstance(wish, Bars):
                    of = BarsOf(instrument, wish.interval)
                    wants.bars[of] = max(wants.bars.get(of, 0), wish.warm_up)
                else:
                    wants.depth[instrument] = max(wants.depth.get(instrument, 0), wish.levels)
    except Exception as error:
        raise BadInput(f"{name}.declare(): {place_of(error)}") from error
    return wants


def state_of(kind: type[Strategy], kept: Kept | None) -> msgspec.Struct:
    """The state to begin with: new, as it was kept, or upgraded from an older version's."""
    name, version = kind.__name__, kind.state_version
    if kept is None:
        try:
            return kind.State()
        except TypeError as error:
            raise BadInput(f"{name}.State: {error}; give every field a default") from error
    if kept.version > version:
        raise BadInput(
            f"the journal keeps a state of {name} of version {kept.version} and this one is version {version}: "
            "run the newer release again, or give this one state_version and upgrade() to match"
        )
    try:
        if kept.version == version:
            return msgspec.msgpack.decode(kept.body, type=kind.State)
        old = msgspec.msgpack.decode(kept.body, type=dict[str, Any])
        return msgspec.convert(kind.upgrade(old, kept.version), kind.State, strict=False)
    except Exception as error:
        if kept.version == version:
            raise BadInput(
                f"{name}.State does not fit what the journal kept: {error}; give new fields a default, or "
                "count up state_version and write upgrade()"
            ) from error
        raise BadInput(
            f"{name}.upgrade() from version {kept.version} to {version}: {place_of(error)}; the journal "
            "still keeps the old state: mend it and start again"
        ) from error


def _params_of(kind: type[Strategy], params: Mapping[str, object]) -> msgspec.Struct:
    try:
        typed_params = msgspec.convert(params, kind.Params, strict=False)
        _check_ranges(typed_params)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        takes = ", ".join(_described(kind.Params)) or "none"
        raise BadInput(f"params of {kind.__name__}: {error}; it takes {takes}") from error
    return typed_params


def _check_ranges(params: msgspec.Struct) -> None:
    for name, allowed in _ranges(type(params)).items():
        value = getattr(params, name)
        if isinstance(value, Decimal | int | float) and not allowed.has(value):
            raise ValueError(f"{name} = {value} is not {allowed}")


def _ranges(kind: type[msgspec.Struct]) -> dict[str, Range]:
    hints = typing.get_type_hints(kind, include_extras=True)
    found: dict[str, Range] = {}
    for name, hint in hints.items():
        for meta in getattr(hint, "__metadata__", ()):
            if isinstance(meta, Range):
                found[name] = meta
    return found


def _described(kind: type[msgspec.Struct]) -> list[str]:
    ranges = _ranges(kind)
    return [
        f"{field.name} ({ranges[field.name]})" if field.name in ranges else field.name
        for field in msgspec.structs.fields(kind)
    ]


def place_of(error: BaseException) -> str:
    """The exception and the user's line, short enough for a table."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file not in _OURS:
            where = f" ({file}:{trace.tb_lineno})"
        trace = trace.tb_next
    try:
        text = str(error)[:TEXT_MAX]
    except Exception:  # noqa: BLE001 an exception that cannot be printed is still shown by its name
        text = "its text cannot be printed"
    return f"{type(error).__name__}: {text}{where}"
