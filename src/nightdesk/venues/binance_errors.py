"""What Binance's error codes say about a request that was meant to change something.

Source: the venue's errors.md and rest-api.md ("HTTP Return Codes"), read 2026-11-21 at its state of
2026-07-21. The rule of the table: a verdict other than UNKNOWN is written down only where the document says
that the request did not execute. A code that is not here is UNKNOWN and counted as unmapped.
"""

from nightdesk.model.outcome import Reason, Verdict

Meaning = tuple[Verdict, Reason]

_UNSURE: Meaning = (Verdict.UNKNOWN, Reason.VENUE_ERROR)
_PERMANENT: Meaning = (Verdict.REJECTED, Reason.PERMANENT)
_AUTH: Meaning = (Verdict.REJECTED, Reason.AUTH)
_STATE: Meaning = (Verdict.REJECTED, Reason.BY_STATE)
_BALANCE: Meaning = (Verdict.REJECTED, Reason.BY_BALANCE)
_THROTTLED: Meaning = (Verdict.NOT_SENT, Reason.THROTTLED)

_BY_CODE: dict[int, Meaning] = {
    -1000: _UNSURE,
    -1001: _UNSURE,
    -1002: _AUTH,
    -1003: _THROTTLED,
    -1006: _UNSURE,  # "An unexpected response was received from the message bus. Execution status unknown."
    -1007: _UNSURE,  # "Timeout waiting for response from backend server. ... execution status unknown."
    -1008: _THROTTLED,  # "Server is currently overloaded": not executed
    -1014: _PERMANENT,
    -1015: _THROTTLED,
    -1016: (Verdict.UNKNOWN, Reason.MAINTENANCE),  # the document does not say "not executed"
    -1020: _PERMANENT,
    -1021: (Verdict.NOT_SENT, Reason.CLOCK),
    -1022: _AUTH,
    -1033: _AUTH,
    -1034: _THROTTLED,
    -2013: _STATE,
    -2014: _AUTH,
    -2015: _AUTH,
    -2016: _STATE,
    # A cancel-replace: its halves say what became of either (`binance_replace`). Without them nobody knows.
    -2021: _UNSURE,
    -2022: _UNSURE,
    -2026: _STATE,
    -2039: _PERMANENT,
}

# These carry their meaning in the message; what a message of -1013 does not say is a filter's refusal.
_WORDED = (-1010, -1013, -2010, -2011)
_BY_MESSAGE: tuple[tuple[str, Meaning], ...] = (
    # The id is taken by an open order of ours: the order exists, only asking says what became of it.
    ("Duplicate order sent", (Verdict.UNKNOWN, Reason.BY_STATE)),
    ("insufficient balance", _BALANCE),
    ("immediately match", _STATE),
    ("Unknown order sent", _STATE),
    ("Market is closed", (Verdict.REJECTED, Reason.MAINTENANCE)),
    ("may not place or cancel", _AUTH),
    ("disabled on this account", _AUTH),
    ("not permitted for this account", _AUTH),
    ("restricted for this account", _AUTH),
    ("trading is not enabled", _AUTH),
    ("would change no state", _STATE),
    ("cancel restrictions", _STATE),
    ("would trigger immediately", _STATE),
    ("liquidity", _STATE),
    ("not supported", _PERMANENT),
    ("not support for", _PERMANENT),
    ("Unsupported order combination", _PERMANENT),
    ("zero or less", _PERMANENT),
    ("exceeds QTY", _PERMANENT),
    ("Cancel order is invalid", _PERMANENT),
    ("relationship of the prices", _PERMANENT),
    ("pegged", _PERMANENT),
    ("price peg", _PERMANENT),
)
# Documented of what this desk never asks for: FIX, pegged orders, SBE, order lists of other kinds,
# subscriptions, reference prices. One that comes all the same is unmapped, which a person hears of.
NEVER_ASKED = frozenset(
    {
        -1035,
        *(-1210, -1211),
        *(-1220, -1221),
        *range(-1225, -1221),
        *(-2035, -2036, -2042, -2043),
    }
)
REQUEST_ISSUES = frozenset(
    {
        *range(-1106, -1099),
        -1108,
        *(-1111, -1112),
        *range(-1122, -1113),
        *(
            -1125,
            -1127,
            -1128,
            -1130,
            -1134,
            -1135,
            -1139,
            -1145,
            -1151,
            -1152,
            -1153,
            -1155,
            -1158,
        ),
        *(-1160, -1161, -1165, -1166, -1168),
        *range(-1191, -1168),
        *(-1194, *range(-1199, -1195)),
    }
)
DOCUMENTED = frozenset({*_BY_CODE, *_WORDED, *NEVER_ASKED, *REQUEST_ISSUES})


def meaning_of(status: int, code: int, message: str) -> Meaning:
    """What may be believed of an answer with an error body."""
    if status in (418, 451):  # 451: not from this place; nothing behind the door saw the request
        return Verdict.NOT_SENT, Reason.BANNED
    if status >= 500 and code != -1008:
        return _UNSURE  # "the execution status is UNKNOWN and could have been a success", whatever the code
    if code in _WORDED:
        for fragment, meaning in _BY_MESSAGE:
            if fragment.lower() in message.lower():
                return meaning
        if code == -1013:
            return _PERMANENT
        # "Messages can vary": a reworded "duplicate" must not pass for a refusal.
        return _STATE if code == -2011 else (Verdict.UNKNOWN, Reason.UNMAPPED)
    if code in _BY_CODE:
        return _BY_CODE[code]
    if -1199 <= code <= -1100 and 400 <= status < 500:
        return _PERMANENT  # "11xx - Request issues": the request could not be read
    return Verdict.UNKNOWN, Reason.UNMAPPED


def meaning_without_body(status: int) -> Meaning:
    """What may be believed of a status alone, its body being empty, cut or not JSON."""
    match status:
        case 418 | 451:
            return Verdict.NOT_SENT, Reason.BANNED
        case 429:
            return _THROTTLED
        case 403:  # the firewall in front of the venue: nothing behind it saw the request
            return Verdict.NOT_SENT, Reason.BANNED
        case 408:
            return Verdict.UNKNOWN, Reason.TIMEOUT
        case _ if status >= 500:
            return _UNSURE
        case _:
            return Verdict.UNKNOWN, Reason.UNREADABLE
