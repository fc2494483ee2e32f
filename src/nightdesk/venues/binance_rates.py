"""Binance's rate limits as exchangeInfo tells them, and what they leave of those in the documents.

Sources: spot's enums.md ("Rate limiters", "Rate limit intervals") at its state of 2026-07-21 and USD-M's
"Exchange Information", read 2026-11-22.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from nightdesk.model.time import SECOND_NS
from nightdesk.resilience.budget import Limit
from nightdesk.venues.binance_rest import BinanceRest
from nightdesk.venues.http import HttpResult
from nightdesk.venues.protocol import NoAnswer, RateLimit

_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}


class _RateLimit(msgspec.Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class _Limits(msgspec.Struct, rename="camel"):
    rate_limits: list[_RateLimit]


def told_rate_limits(rest: BinanceRest, result: HttpResult) -> Sequence[RateLimit] | NoAnswer:
    """The rate limits in an answer of exchangeInfo, in the venue's order."""

    def build(told: _Limits) -> list[RateLimit]:
        return [
            RateLimit(
                unit=each.rate_limit_type.lower(),
                most=each.limit,
                length_s=_SECONDS[each.interval] * each.interval_num,
            )
            for each in told.rate_limits
            if each.interval
            in _SECONDS  # one that no document has tells of no window that is counted here
        ]

    return rest.answered(result, _Limits, build)


def limits_told(limits: Sequence[Limit], rest: BinanceRest, result: HttpResult) -> Sequence[Limit]:
    """What an answer of exchangeInfo leaves of the limits; all of them where it tells none."""
    told = told_rate_limits(rest, result)
    return limits if isinstance(told, NoAnswer) else narrowed(limits, told)


def narrowed(limits: Sequence[Limit], told: Iterable[RateLimit]) -> tuple[Limit, ...]:
    """The limits, each no more than the venue tells; a spread shrinks with its unit. What is told beyond them
    widens nothing: it may be meant for others."""
    left = dict.fromkeys((limit.unit for limit in limits), 1.0)
    kept = []
    for limit in limits:
        most = min((limit.most, *(t.most for t in told if _same(t, limit) and t.most > 0)))
        left[limit.unit] = min(left[limit.unit], most / limit.most)
        kept.append(replace(limit, most=most))
    return tuple(
        replace(limit, most=min(limit.most, max(limit.least, int(limit.most * left[limit.unit]))))
        if limit.spread
        else limit
        for limit in kept
    )


def _same(told: RateLimit, limit: Limit) -> bool:
    same_length = told.length_s * SECOND_NS == limit.length_ns
    return same_length and told.unit.endswith(limit.unit) and not limit.spread
