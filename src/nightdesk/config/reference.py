"""The reference of limits, written from the schema: `python -m nightdesk.config.reference`."""

import sys

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from nightdesk.config.schema import Limits, LimitsOverride, Losses

_HEAD = """# Limits

Written from the code by `python -m nightdesk.config.reference`. `nightdesk limits` shows what is used of each.

An order that can only bring the position nearer to flat, whatever else is open, passes all of them; the venue's
filters and the balance bind every order. In CAUTIOUS, sizes, positions, gross and rates are halved.
"""
_ORDER = """
## Every order: `[limits]`, some of them also `[instrument.limits]`

A refused order is told to its strategy with the limit and the number that broke it; nothing is sent.
"""
_LOSS = """
## Losses: `[losses]` of the desk, `[strategy.losses]` of one strategy

In quote, after fees, measured every second; fees taken in a third asset are not counted. A loss that lasts two
seconds puts its scope into REDUCE_ONLY and pulls its resting entries. No recovery, midnight or restart lifts
that: `nightdesk resume --reason ...` does, and losses are measured anew from there. A start remembers the stop,
the day's beginning, and the highest profit to within a twentieth of the drawdown limit.
"""


def page() -> str:
    """The page in docs/reference."""
    overridden = frozenset(LimitsOverride.model_fields)
    return _HEAD + _ORDER + _table(Limits, overridden) + _LOSS + _table(Losses, frozenset())


def _table(kind: type[BaseModel], overridden: frozenset[str]) -> str:
    lines = ["", "| key | what it bounds | default | by instrument |", "|---|---|---|---|"]
    for name, field in kind.model_fields.items():
        by = "yes" if name in overridden else ""
        lines.append(f"| `{name}` | {field.description} | {_default(field)} | {by} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "none: must be given"
    return "no limit" if field.default is None else str(field.default)


if __name__ == "__main__":
    sys.stdout.write(page())
