"""Every documented code, and what may be believed of an order after it.

The oracle is the venue's errors.md and rest-api.md: an order is in doubt unless these say that it did
not execute.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import shared
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.venues.binance_errors import meaning_of, meaning_without_body

DOCS = "data/rest_fixtures/binance_spot_api_docs"
CERTAIN = (Verdict.REJECTED, Verdict.NOT_SENT)

# code -> verdict and reason, for what an order of ours can meet
EXPECTED = {
    -1000: (Verdict.UNKNOWN, Reason.VENUE_ERROR),  # "An unknown error occurred"
    -1001: (Verdict.UNKNOWN, Reason.VENUE_ERROR),  # "Internal error; unable to process"
    -1002: (Verdict.REJECTED, Reason.AUTH),
    -1003: (Verdict.NOT_SENT, Reason.THROTTLED),
    -1006: (Verdict.UNKNOWN, Reason.VENUE_ERROR),  # "Execution status unknown"
    -1007: (Verdict.UNKNOWN, Reason.VENUE_ERROR),  # "execution status unknown"
    -1008: (Verdict.NOT_SENT, Reason.THROTTLED),  # overloaded: not executed, retryable
    -1013: (Verdict.REJECTED, Reason.PERMANENT),  # "didn't reach the Matching Engine"
    -1014: (Verdict.REJECTED, Reason.PERMANENT),
    -1015: (Verdict.NOT_SENT, Reason.THROTTLED),
    -1020: (Verdict.REJECTED, Reason.PERMANENT),
    -1021: (Verdict.NOT_SENT, Reason.CLOCK),
    -1022: (Verdict.REJECTED, Reason.AUTH),
    -1034: (Verdict.NOT_SENT, Reason.THROTTLED),
    -1100: (Verdict.REJECTED, Reason.PERMANENT),
    -1102: (Verdict.REJECTED, Reason.PERMANENT),
    -1111: (Verdict.REJECTED, Reason.PERMANENT),
    -1121: (Verdict.REJECTED, Reason.PERMANENT),
    -1130: (Verdict.REJECTED, Reason.PERMANENT),
    -2013: (Verdict.REJECTED, Reason.BY_STATE),
    -2014: (Verdict.REJECTED, Reason.AUTH),
    -2021: (Verdict.UNKNOWN, Reason.VENUE_ERROR),  # its halves tell
    -2022: (Verdict.UNKNOWN, Reason.VENUE_ERROR),
    -2015: (Verdict.REJECTED, Reason.AUTH),
}
# Codes that say so much of themselves that a verdict may be given; the whole of 11xx is "Request issues".
MAY_BE_CERTAIN = {code for code, (verdict, _) in EXPECTED.items() if verdict in CERTAIN} | {
    -1016,  # "This service is no longer available."
    -1033,  # of a FIX session's log-on
    -2010,
    -2011,
    -2016,
    -2026,
    -2039,
}


def documented() -> list[int]:
    text = shared(f"{DOCS}/errors.md").read_text(encoding="utf-8")
    codes = [int(code) for code in re.findall(r"^### (-\d{4}) ", text, flags=re.MULTILINE)]
    assert len(codes) > 80
    return codes


def messages() -> list[str]:
    """The texts of -1010, -2010 and -2011."""
    text = shared(f"{DOCS}/errors.md").read_text(encoding="utf-8")
    table = text.partition("Messages for -1010")[2].partition("## Errors regarding")[0]
    found = re.findall(r'^"([^"]+)', table, flags=re.MULTILINE)
    assert len(found) > 30
    return found


@pytest.mark.parametrize(("code", "meaning"), EXPECTED.items())
def test_a_code_means_what_the_document_says(code, meaning):
    assert meaning_of(400, code, "") == meaning


@pytest.mark.recorded
def test_every_documented_code_is_classified_and_only_what_did_not_execute_is_certain():
    for code in documented():
        verdict, reason = meaning_of(400, code, "")
        assert verdict is not Verdict.ACKED
        assert reason is not Reason.NONE
        if verdict in CERTAIN:
            assert code in MAY_BE_CERTAIN or -1199 <= code <= -1100, code


@pytest.mark.recorded
def test_only_codes_of_requests_we_never_make_are_left_unmapped():
    unmapped = {code for code in documented() if meaning_of(400, code, "")[1] is Reason.UNMAPPED}
    assert unmapped == {
        *(-1010, -2010),  # mean what their message says, and here it says nothing
        -1035,  # FIX
        *(-1210, -1211),  # pegged orders
        *(-1220, -1221),  # symbolStatus, SBE
        *(-1222, -1223, -1224, -1225),  # order lists
        *(-2035, -2036, -2042),  # subscriptions
        -2043,  # reference prices
    } & set(documented())


@pytest.mark.recorded
@pytest.mark.parametrize("code", [-1010, -2010, -2011])
def test_of_the_matching_engines_messages_only_a_duplicate_leaves_the_order_in_doubt(code):
    for message in messages():
        verdict, reason = meaning_of(400, code, message)
        expected = Verdict.UNKNOWN if message == "Duplicate order sent." else Verdict.REJECTED
        assert verdict is expected, message
        assert reason not in (Reason.NONE, Reason.UNMAPPED)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Account has insufficient balance for requested action.", Reason.BY_BALANCE),
        ("Order would immediately match and take.", Reason.BY_STATE),
        ("Unknown order sent.", Reason.BY_STATE),
        ("Duplicate order sent.", Reason.BY_STATE),
        ("Market is closed.", Reason.MAINTENANCE),
        ("This action is disabled on this account.", Reason.AUTH),
        ("This account may not place or cancel orders.", Reason.AUTH),
        ("This symbol is not permitted for this account.", Reason.AUTH),
        ("This symbol is restricted for this account.", Reason.AUTH),
        ("Rest API trading is not enabled.", Reason.AUTH),
    ],
)
def test_a_message_drives_what_the_desk_does_next(message, reason):
    assert meaning_of(400, -2010, message)[1] is reason


@given(st.integers(400, 499), st.integers(-9_999, 9_999), st.text(max_size=20))
def test_a_code_that_nobody_documented_is_unknown(status, code, message):
    known = EXPECTED.keys() | MAY_BE_CERTAIN | {-1010}
    if code in known or -1199 <= code <= -1100 or status in (418, 451):
        return
    assert meaning_of(status, code, message) == (Verdict.UNKNOWN, Reason.UNMAPPED)


@given(st.integers(-9_999, -1), st.text(max_size=20))
def test_a_ban_is_a_ban_whatever_its_body_says(code, message):
    assert meaning_of(418, code, message) == (Verdict.NOT_SENT, Reason.BANNED)
    assert meaning_of(451, code, message) == (Verdict.NOT_SENT, Reason.BANNED)


def test_a_closed_market_is_maintenance_and_no_fault_of_the_order():
    told = meaning_of(400, -1013, "Market is closed.")
    assert told == (Verdict.REJECTED, Reason.MAINTENANCE)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1100, -1121, -9999])
def test_a_server_error_leaves_the_order_in_doubt(status, code):
    assert meaning_of(status, code, "")[0] is Verdict.UNKNOWN


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("code", [-1003, -1013, -1015, -1016, -1021, -2010, -2015])
def test_a_server_error_leaves_the_order_in_doubt_whatever_code_it_carries(status, code):
    assert meaning_of(status, code, "")[0] is Verdict.UNKNOWN


def test_an_overloaded_server_did_not_execute():
    assert meaning_of(503, -1008, "") == (Verdict.NOT_SENT, Reason.THROTTLED)


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        (200, Verdict.UNKNOWN, Reason.UNREADABLE),
        (202, Verdict.UNKNOWN, Reason.UNREADABLE),
        (302, Verdict.UNKNOWN, Reason.UNREADABLE),
        (400, Verdict.UNKNOWN, Reason.UNREADABLE),
        (403, Verdict.NOT_SENT, Reason.BANNED),
        (404, Verdict.UNKNOWN, Reason.UNREADABLE),
        (408, Verdict.UNKNOWN, Reason.TIMEOUT),
        (409, Verdict.UNKNOWN, Reason.UNREADABLE),
        (418, Verdict.NOT_SENT, Reason.BANNED),
        (429, Verdict.NOT_SENT, Reason.THROTTLED),
        (451, Verdict.NOT_SENT, Reason.BANNED),
        (500, Verdict.UNKNOWN, Reason.VENUE_ERROR),
        (502, Verdict.UNKNOWN, Reason.VENUE_ERROR),
        (504, Verdict.UNKNOWN, Reason.VENUE_ERROR),
        (599, Verdict.UNKNOWN, Reason.VENUE_ERROR),
    ],
)
def test_a_status_without_a_body_is_believed_only_as_far_as_it_goes(status, verdict, reason):
    assert meaning_without_body(status) == (verdict, reason)
