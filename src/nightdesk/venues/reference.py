"""The reference of outcomes, written from the tables: `python -m nightdesk.venues.reference`."""

import sys
from collections.abc import Callable, Iterable, Mapping

from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.severity import BEARINGS
from nightdesk.venues import binance_errors, binance_usdm_errors
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_costs import SPOT
from nightdesk.venues.binance_errors import Meaning
from nightdesk.venues.binance_rest import BinanceRest
from nightdesk.venues.binance_sign import Unsigned
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpResult

_HEAD = """# Outcomes

Written from the code by `python -m nightdesk.venues.reference`. How a request ended is told by two words: a
verdict says what may be believed of it, a reason says why, and what that asks of whoever hears it. `explain`
and the journal have both, with the venue's own code and text.

| verdict | what may be believed |
|---|---|
| `acked` | the venue has it |
| `rejected` | the venue saw it and said no; it does not exist |
| `not_sent` | no byte left, or the venue says that it did not execute it |
| `unknown` | perhaps; only asking answers. Counted as filled and as unfilled, never sent again |
"""
_REASONS = """
## Reasons, and what they drive

*Asked again* is of questions and of cancels by our own id: `soon` within the same question, the others by
whoever asks anew; an order is never sent twice. *Breaker* says whether it is counted as a failure of the
venue; what is of severity `hold` is not counted at all. *Mode* is the cause that takes new risk away at the
venue, until its wait is over or, for `auth`, until somebody resumes. *Log* is the level at which
`venue.not_well` (or `venue.code_unmapped`) tells the first of a kind, and then one every ten minutes at most,
whatever was asked; each is counted as REASON.VENUE.CODE.
"""
_RAW = """
## What happened on the wire

Of a request that was to change something. An order that was answered is believed only where the whole answer
could be read and speaks of that order.
"""
_CODES = """
By status first: 418 and 451 are `not_sent`, `banned`, whatever the body says; 5xx is `unknown`, `venue_error`,
but for -1008. A code that no table has is `unknown`, `unmapped`.
"""
_SPOT = """-1010, -1013, -2010 and -2011 mean what their message says; below, as where it says nothing known.
"""
_USDM = """A 503 whose body says "Service Unavailable." is `not_sent`, `maintenance`; -2010 that speaks of a
duplicate is `unknown`, `by_state`.
"""
# Words of the same things elsewhere: which verdict and reason they are here.
_NAMES: Mapping[Reason, str] = {
    Reason.NONE: "nothing to say",
    Reason.PERMANENT: "rejected for good: filter, symbol, parameter",
    Reason.BY_STATE: "rejected by state: would trade at once, a duplicate, no such order",
    Reason.BY_BALANCE: "rejected by limit: money, margin",
    Reason.THROTTLED: "throttled, with the venue's wait",
    Reason.BANNED: "banned: the address, the place, a firewall; with the venue's wait",
    Reason.AUTH: "the key, or what the account may do",
    Reason.CLOCK: "clock skew: outside the window that the request named",
    Reason.MAINTENANCE: "maintenance, with the venue's wait where it tells one",
    Reason.CONNECTION: "no connection, or one that broke",
    Reason.TIMEOUT: "no answer in time",
    Reason.UNREADABLE: "protocol violation: cut, empty, not JSON, of another order",
    Reason.VENUE_ERROR: "the venue failed, or says that it does not know",
    Reason.UNMAPPED: "a code that no table has",
    Reason.LATCHED: "our own last step refused: lease, mode, age or deadline",
    Reason.BREAKER: "held back: the venue keeps failing such requests",
}
_HTML = b"<html>"


def _answer(status: int, body: bytes, *, complete: bool = True) -> HttpAnswer:
    return HttpAnswer(status=status, headers={}, body=body, complete=complete)


_HAPPENED: tuple[tuple[str, HttpResult], ...] = (
    ("no connection", HttpFailure(written=False, timed_out=False, cause="refused")),
    ("written, then the connection broke", HttpFailure(written=True, timed_out=False, cause="")),
    ("written, and no answer in time", HttpFailure(written=True, timed_out=True, cause="")),
    ("200, cut", _answer(200, b'{"serverTime":1', complete=False)),
    ("200, empty", _answer(200, b"")),
    ("200, HTML", _answer(200, _HTML)),
    ("a redirect", _answer(302, b"")),
    ("400, HTML", _answer(400, _HTML)),
    ("403 of the firewall", _answer(403, _HTML)),
    ("404, HTML", _answer(404, _HTML)),
    ("408", _answer(408, b"")),
    ("418", _answer(418, b"")),
    ("429", _answer(429, b"")),
    ("451", _answer(451, b"")),
    ("500, 502, 504", _answer(502, _HTML)),
    ("503, HTML", _answer(503, _HTML)),
)


def page() -> str:
    """The page in docs/reference."""
    spot = _codes(binance_errors.DOCUMENTED, binance_errors.NEVER_ASKED, binance_errors.meaning_of)
    usdm = _codes(
        binance_usdm_errors.DOCUMENTED,
        binance_usdm_errors.NEVER_ASKED,
        binance_usdm_errors.meaning_of,
    )
    return "".join(
        (
            _HEAD,
            *(_REASONS, _reasons(), _RAW, _raw()),
            *("\n## Codes of Binance spot\n", _CODES, _SPOT, spot),
            *("\n## Codes of Binance USD-M\n", _CODES, _USDM, usdm),
        )
    )


def _reasons() -> str:
    lines = [
        "",
        "| reason | what it is | severity | asked again | breaker | mode | log |",
        "|---|---|---|---|---|---|---|",
    ]
    for reason, bearing in BEARINGS.items():
        counted = "counted" if bearing.failure else ""
        lines.append(
            f"| `{reason}` | {_NAMES[reason]} | {bearing.severity} | {bearing.again} | {counted} "
            f"| {bearing.cause} | {bearing.alert} |"
        )
    return "\n".join(lines) + "\n"


def _raw() -> str:
    rest = BinanceRest(Unsigned(), binance_errors.meaning_of, SPOT)
    lines = ["", "| what happened | verdict | reason |", "|---|---|---|"]
    for name, result in _HAPPENED:
        outcome = rest.read(result, wire.ServerTime, lambda _: Outcome(verdict=Verdict.ACKED))
        lines.append(f"| {name} | `{outcome.verdict}` | `{outcome.reason}` |")
    return "\n".join(lines) + "\n"


def _codes(
    documented: Iterable[int],
    never_asked: frozenset[int],
    meaning_of: Callable[[int, int, str], Meaning],
) -> str:
    """Every documented code, by what it means with status 400 and no message."""
    found: dict[tuple[int, int], list[int]] = {}
    verdicts, reasons = list(Verdict), list(Reason)
    for code in sorted(documented, reverse=True):
        verdict, reason = meaning_of(400, code, "")
        found.setdefault((verdicts.index(verdict), reasons.index(reason)), []).append(code)
    lines = ["", "| verdict | reason | codes |", "|---|---|---|"]
    for (verdict_at, reason_at), codes in sorted(found.items()):
        spans = _spans(code for code in codes if code not in never_asked)
        if spans:
            lines.append(f"| `{verdicts[verdict_at]}` | `{reasons[reason_at]}` | {spans} |")
    unused = _spans(sorted(never_asked, reverse=True))
    return "\n".join(lines) + f"\n\nDocumented, and of requests that no desk makes: {unused}.\n"


def _spans(codes: Iterable[int]) -> str:
    """Codes in falling order, three or more in a row as first to last."""
    rows: list[list[int]] = []
    for code in codes:
        if rows and rows[-1][-1] == code + 1:
            rows[-1].append(code)
        else:
            rows.append([code])
    told = [[f"{row[0]} to {row[-1]}"] if len(row) > 2 else [str(c) for c in row] for row in rows]
    return ", ".join(part for parts in told for part in parts)


if __name__ == "__main__":
    sys.stdout.write(page())
