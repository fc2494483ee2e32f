"""The references of limits and of the guardian, written from the schema:
`python -m nightdesk.config.reference` and `python -m nightdesk.config.reference guardian`.
"""

import json
import sys

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from nightdesk.config.guardian import Guardian
from nightdesk.config.schema import Limits, LimitsOverride, Losses, StrategyLimits
from nightdesk.config.venue import Budget

_HEAD = """# Limits

Written from the code by `python -m nightdesk.config.reference`. `nightdesk limits` shows what is used of each.

All of them are judged on the worst case: what is held and everything open, pending, unknown or not settled,
each filled or not, whichever is worse. An order that can only bring the position nearer to flat, whatever else
is open, passes all of them; the venue's filters and the balance bind every order. An exit that is more than
`order_qty_max`, or more than the venue takes, goes out in slices. Cancels are never refused. In CAUTIOUS,
sizes, positions, gross, net and rates are halved; shares and ratios are not.
"""
_ORDER = """
## Every order: `[limits]`, some of them also `[instrument.limits]`

A refused order is told to its strategy with the limit and the number that broke it; nothing is sent. What was
counted lately survives a restart. A minute slides by seconds, and a second by tenths (`orders_per_second_max`
exactly); the oldest step counts until all of it is over. Money is in the one quote asset that a desk has.
Margin use and leverage bind orders for contracts alone; profit that is not realised is nothing to stand on.
"""
_STRATEGY = """
## One strategy: `[strategy.limits]`

Judged on what the strategy holds and has ordered itself: another one on the other side takes nothing off. An
order that can only bring its own position nearer to flat passes them, and so does every flatten.
"""
_LIVE = """
## While the desk runs: `nightdesk limits set NAME VALUE`

`--instrument ID`, `--strategy NAME` or `--asset NAME` say whose it is; without them a limit of instruments is
set for all of them. VALUE is a number, `off`, or `file` for what the config says. All but the time limits can
be set, those on losses included. A tighter limit holds at once; if more is held already, nothing is traded
away, and only orders that reduce pass. A looser one needs `--reason`. Who set what, and why, is journaled, is
shown by `nightdesk limits`, and survives a restart. Under a config file that was changed meanwhile the stricter
of the two holds, and the log says which (`limit.holds`).
"""
_BUDGET = """
## What a venue allows: `[venue.NAME.budget]`

A venue limits the requests of an address and the orders of an account. Processes of one user and host share
both by themselves, over files in `/dev/shm` (`boards` under `[desk]` names another directory; containers share
one that they all mount). An account is known by its key. Desks on several hosts at one address or account, or
with two keys of one account, cannot: give each a share.
"""
_LOSS = """
## Losses: `[losses]` of the desk, `[strategy.losses]` of one strategy

In quote, after fees, measured every second; fees taken in a third asset are not counted. A loss that lasts two
seconds puts its scope into REDUCE_ONLY and pulls its resting entries. No recovery, midnight or restart lifts
that: `nightdesk resume --reason ...` does, and losses are measured anew from there. A start remembers the stop,
the day's beginning, and the highest profit to within a twentieth of the drawdown limit.
"""
_GUARDIAN = """# The guardian: `[guardian]`

Written from the code by `python -m nightdesk.config.reference guardian`. What it is for, and how to run it:
[how to guard a desk](../how-to/guard-a-desk.md).

| key | what it says | default |
|---|---|---|
"""


def guardian_page() -> str:
    """The page on `[guardian]` in docs/reference."""
    rows = (
        f"| `{name}` | {field.description} | {_written(field.default)} |\n"
        for name, field in Guardian.model_fields.items()
    )
    return _GUARDIAN + "".join(rows)


def _written(default: object) -> str:
    """As TOML."""
    return "none" if default in ([], {}) else f"`{json.dumps(default)}`"


def page() -> str:
    """The page on limits in docs/reference."""
    overridden = frozenset(LimitsOverride.model_fields)
    text = _HEAD + _ORDER + _table(Limits, overridden)
    text += _STRATEGY + _table(StrategyLimits, frozenset())
    text += _BUDGET + _table(Budget, frozenset())
    return text + _LOSS + _table(Losses, frozenset()) + _LIVE


def _table(kind: type[BaseModel], overridden: frozenset[str]) -> str:
    lines = ["", "| key | what it bounds | default | by instrument |", "|---|---|---|---|"]
    for name, field in kind.model_fields.items():
        by = "yes" if name in overridden else ""
        lines.append(f"| `{name}` | {field.description} | {_default(field)} | {by} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "none: must be given"
    return "no limit" if field.default in (None, {}) else str(field.default)


if __name__ == "__main__":
    sys.stdout.write(guardian_page() if "guardian" in sys.argv[1:] else page())
