"""Rules that a venue changes while it runs.

Owns which rule of a symbol a fault changes, and that the next one takes it back. Refuses to cancel what rests:
orders that were taken stay, as at the venue.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from nightdesk.lab.catalogue import FaultRefused, FaultSpec
from nightdesk.lab.settings import SymbolSettings
from nightdesk.lab.usdm.settings import PerpSettings

R = TypeVar("R", SymbolSettings, PerpSettings)


def rewrite(rules: dict[str, R], at_first: Iterable[R], spec: FaultSpec) -> str:
    """Make a rule in force `times` as large as it was at first, or that again; says what was done. Raises
    `FaultRefused` for a symbol that is not listed."""
    began = {each.symbol: each for each in at_first}
    symbol = spec.symbol or next(iter(began), "")
    if symbol not in began:
        raise FaultRefused(f"no symbol {symbol!r}; known: {', '.join(began) or 'none'}")
    name = str(spec.rule)
    before, first = getattr(rules[symbol], name), getattr(began[symbol], name)
    value = first * spec.times if before == first else first
    rules[symbol] = msgspec.structs.replace(rules[symbol], **{name: value})
    return f"{name} of {symbol}: {value} instead of {before}"
