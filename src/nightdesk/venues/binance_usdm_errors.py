"""What the error codes of Binance USD-M futures say about a request that was meant to change something.

Sources: the venue's USD-M "Error Codes" (its state of 2026-05-28) and "HTTP 503 Status: Message Variants &
Handling", read 2026-11-22.
The rule is spot's: a verdict other than UNKNOWN is written down only where the document says that the request
did not execute; a code that is not here is UNKNOWN and counted as unmapped.
"""

from nightdesk.model.outcome import Reason, Verdict
from nightdesk.venues.binance_errors import Meaning

_UNSURE: Meaning = (Verdict.UNKNOWN, Reason.VENUE_ERROR)
_PERMANENT: Meaning = (Verdict.REJECTED, Reason.PERMANENT)
_AUTH: Meaning = (Verdict.REJECTED, Reason.AUTH)
_STATE: Meaning = (Verdict.REJECTED, Reason.BY_STATE)
_BALANCE: Meaning = (Verdict.REJECTED, Reason.BY_BALANCE)
_THROTTLED: Meaning = (Verdict.NOT_SENT, Reason.THROTTLED)
_CLOCK: Meaning = (Verdict.NOT_SENT, Reason.CLOCK)
_CLOSED: Meaning = (Verdict.NOT_SENT, Reason.MAINTENANCE)
# The id is taken by an open order of ours, or its terms are: only asking says what became of it.
_DUPLICATE: Meaning = (Verdict.UNKNOWN, Reason.BY_STATE)

_BY_CODE: dict[int, Meaning] = {
    -1000: _UNSURE,
    -1001: _UNSURE,
    -1002: _AUTH,
    -1003: _THROTTLED,
    -1006: _UNSURE,  # "Execution status unknown."
    -1007: _UNSURE,  # "Send status unknown; execution status unknown."
    -1008: _THROTTLED,  # "100% failure"; orders that reduce are exempt from it
    -1010: _UNSURE,
    -1011: _AUTH,  # "This IP cannot access this route."
    -1013: _PERMANENT,
    -1014: _PERMANENT,
    -1015: _THROTTLED,
    -1016: (Verdict.UNKNOWN, Reason.MAINTENANCE),  # the document does not say "not executed"
    -1020: _PERMANENT,
    -1021: _CLOCK,
    -1022: _AUTH,
    -1023: _PERMANENT,
    -1099: _AUTH,
    -2010: _STATE,
    -2011: _STATE,
    -2012: _STATE,
    -2013: _STATE,
    -2014: _AUTH,
    -2015: _AUTH,
    -2016: _STATE,
    -2017: _AUTH,
    -2018: _BALANCE,
    -2019: _BALANCE,
    -2020: _STATE,  # "Unable to fill."
    -2021: _STATE,  # "Order would immediately trigger."
    -2022: _STATE,  # "ReduceOnly Order is rejected."
    -2023: _STATE,  # "User in liquidation mode now."
    -2024: _STATE,  # "Position is not sufficient."
    -2025: _STATE,
    -2026: _PERMANENT,
    -2027: _STATE,  # "Exceeded the maximum allowable position at current leverage."
    -2028: _BALANCE,
    -4045: _STATE,
    -4050: _BALANCE,
    -4051: _BALANCE,
    -4061: _AUTH,  # the account is in hedge mode: a person has to look
    -4087: _AUTH,
    -4088: _AUTH,
    # "Symbol is under position risk control": only orders that reduce, on both sides or on one.
    -4105: _STATE,
    -4106: _STATE,
    -4107: _STATE,
    -4109: _AUTH,
    -4116: _DUPLICATE,
    -4117: _STATE,
    -4118: _STATE,
    -4131: _STATE,
    -4140: _STATE,
    -4141: _STATE,
    -4142: _STATE,
    -4189: _AUTH,  # "Restricted account permission": only orders that reduce
    -4192: _AUTH,
    -4400: _STATE,
    -4401: _STATE,
    -4402: _AUTH,
    -5021: _STATE,  # a FOK that could not be filled
    -5022: _STATE,  # a GTX that would have traded
    -5024: _STATE,  # no trading, no amending
    -5026: _STATE,  # amended too often
    -5027: _DUPLICATE,  # nothing to amend: the terms may be in force already
    -5028: _CLOCK,  # outside recvWindow at the matching engine
    -5029: _PERMANENT,  # amended to less than the least notional
    -5041: _STATE,
    -5043: _STATE,  # another amendment of the order is under way, so not this one
}
# "Filters and other Issues": what the request says is wrong in itself.
_PERMANENT_CODES = frozenset(
    {
        *range(-4033, -3999),
        -4044,
        -4060,
        -4062,
        -4104,
        -4120,  # conditional orders have gone to the algo endpoints
        -4135,
        -4137,
        -4138,
        -4139,
        -4144,
        -4164,
        -4165,
        -4183,
        -4184,
        -4210,
        -4211,
        -5025,
        -5037,
        -5038,
        -5039,
        -5040,
    }
)
# Documented of what this desk never asks for: addresses, settings of the account, options, batches, transfers.
# One that comes all the same is unmapped, which a person hears of.
NEVER_ASKED = frozenset(
    {
        *(-1004, -1005),
        *range(-4049, -4045),
        *range(-4059, -4051),
        *range(-4086, -4062),
        *(-4114, -4115, -4161),
        *range(-4172, -4166),
        *(-4202, -4203, -4205, -4206, -4208, -4209, -4403),
    }
)
REQUEST_ISSUES = frozenset(
    {*range(-1106, -1099), *range(-1122, -1107), *range(-1128, -1124), -1130, -1136}
)
DOCUMENTED = frozenset({*_BY_CODE, *_PERMANENT_CODES, *NEVER_ASKED, *REQUEST_ISSUES})


def meaning_of(status: int, code: int, message: str) -> Meaning:
    """What may be believed of an answer with an error body.

    A 503 is one of three, told apart by what it says: "Unknown error": perhaps executed; "Service
    Unavailable.": not; -1008: not, and orders that reduce are exempt. The second is believed only from the
    venue's own JSON: a gateway in front of it would say the same of a request that it has passed on.
    """
    if status in (418, 451):
        return Verdict.NOT_SENT, Reason.BANNED
    if status == 503 and message == "Service Unavailable.":
        return _CLOSED
    if status == 408:
        return Verdict.UNKNOWN, Reason.TIMEOUT
    if status >= 500 and code != -1008:
        return _UNSURE
    if code == -2010 and "duplicate" in message.lower():
        return _DUPLICATE
    if code in _BY_CODE:
        return _BY_CODE[code]
    if 400 <= status < 500 and (code in _PERMANENT_CODES or -1199 <= code <= -1100):
        return _PERMANENT
    return Verdict.UNKNOWN, Reason.UNMAPPED
