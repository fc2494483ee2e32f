"""USD-M's codes, and what may be believed of an order after them.

The oracle is the venue's "Error Codes" and its page on the variants of 503: an order is in doubt unless these
say that it did not execute.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.outcome import Reason, Verdict
from nightdesk.venues.binance_usdm_errors import meaning_of
from venues.spot import HTML, answer, refusal
from venues.usdm import CODEC, INTENT

UNKNOWN, REJECTED, NOT_SENT = Verdict.UNKNOWN, Verdict.REJECTED, Verdict.NOT_SENT
CODES = [
    (400, -1000, UNKNOWN, Reason.VENUE_ERROR),
    (400, -1001, UNKNOWN, Reason.VENUE_ERROR),
    (400, -1006, UNKNOWN, Reason.VENUE_ERROR),
    (400, -1007, UNKNOWN, Reason.VENUE_ERROR),
    (429, -1003, NOT_SENT, Reason.THROTTLED),
    (429, -1015, NOT_SENT, Reason.THROTTLED),
    (400, -1016, UNKNOWN, Reason.MAINTENANCE),
    (400, -1021, NOT_SENT, Reason.CLOCK),
    (400, -5028, NOT_SENT, Reason.CLOCK),
    (400, -1022, REJECTED, Reason.AUTH),
    (401, -2015, REJECTED, Reason.AUTH),
    (400, -1102, REJECTED, Reason.PERMANENT),
    (400, -1111, REJECTED, Reason.PERMANENT),
    (400, -2011, REJECTED, Reason.BY_STATE),
    (400, -2013, REJECTED, Reason.BY_STATE),
    (400, -2019, REJECTED, Reason.BY_BALANCE),
    (400, -2021, REJECTED, Reason.BY_STATE),
    (400, -2022, REJECTED, Reason.BY_STATE),
    (400, -2027, REJECTED, Reason.BY_STATE),
    (400, -4003, REJECTED, Reason.PERMANENT),
    (400, -4014, REJECTED, Reason.PERMANENT),
    (400, -4061, REJECTED, Reason.AUTH),
    (400, -4116, UNKNOWN, Reason.BY_STATE),
    (400, -4120, REJECTED, Reason.PERMANENT),
    (400, -4164, REJECTED, Reason.PERMANENT),
    (400, -5021, REJECTED, Reason.BY_STATE),
    (400, -5022, REJECTED, Reason.BY_STATE),
    (408, -1007, UNKNOWN, Reason.TIMEOUT),
    (418, -1003, NOT_SENT, Reason.BANNED),
    (400, -9999, UNKNOWN, Reason.UNMAPPED),
]


@pytest.mark.parametrize(("status", "code", "verdict", "reason"), CODES)
def test_a_code_means_what_the_documents_say(status, code, verdict, reason):
    assert meaning_of(status, code, "text") == (verdict, reason)


MANY = "Request throttled by system-level protection. Reduce-only/close-position orders are exempt."
KINDS_OF_503 = [
    (-1000, "Unknown error, please check your request or try again later.", UNKNOWN),
    (0, "Unknown error, please check your request or try again later.", UNKNOWN),
    (0, "Service Unavailable.", NOT_SENT),
    (-1000, "Service Unavailable.", NOT_SENT),
    (-1008, MANY, NOT_SENT),
    (-1001, "Internal error; unable to process your request. Please try again.", UNKNOWN),
]


@pytest.mark.parametrize(("code", "message", "verdict"), KINDS_OF_503)
def test_a_503_is_one_of_three(code, message, verdict):
    assert CODEC.placed(INTENT, refusal(503, code, message)).verdict is verdict


def test_a_503_of_somebody_in_front_of_the_venue_says_nothing():
    for body in (HTML, b"Service Unavailable.", b""):
        assert CODEC.placed(INTENT, answer(body, 503)).verdict is UNKNOWN


@given(st.sampled_from([500, 502, 504]), st.integers(-6000, 0), st.text(max_size=10))
def test_an_error_of_the_venues_own_is_doubt_whatever_its_code(status, code, message):
    verdict, _ = meaning_of(status, code, message)
    assert verdict is UNKNOWN or code == -1008


@given(st.integers(-9999, -6000), st.sampled_from([400, 401, 404]))
def test_a_code_that_nobody_documented_is_unknown(code, status):
    assert meaning_of(status, code, "") == (UNKNOWN, Reason.UNMAPPED)
