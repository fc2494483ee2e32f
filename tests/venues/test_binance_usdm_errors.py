"""USD-M's codes, and what may be believed of an order after them.

The oracle is the venue's "Error Codes" and its page on the variants of 503: an order is in doubt unless these
say that it did not execute.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.outcome import Reason, Verdict
from nightdesk.venues.binance_usdm_errors import DOCUMENTED, NEVER_ASKED, meaning_of
from venues.spot import HTML, answer, refusal
from venues.usdm import CODEC, INTENT

UNKNOWN, REJECTED, NOT_SENT = Verdict.UNKNOWN, Verdict.REJECTED, Verdict.NOT_SENT
# Every code of the venue's page, by what may be believed of an order after it, with status 400.
MEANINGS: dict[tuple[Verdict, Reason], tuple[int, ...]] = {
    (UNKNOWN, Reason.VENUE_ERROR): (-1000, -1001, -1006, -1007, -1010),
    (UNKNOWN, Reason.MAINTENANCE): (-1016,),
    # The id is taken, or nothing is to be amended: the order, or its terms, may be ours.
    (UNKNOWN, Reason.BY_STATE): (-4116, -5027),
    (REJECTED, Reason.AUTH): (
        *(-1002, -1011, -1022, -1099, -2014, -2015, -2017),
        *(-4061, -4087, -4088, -4109, -4189, -4192, -4402),
    ),
    (NOT_SENT, Reason.THROTTLED): (-1003, -1008, -1015),
    (NOT_SENT, Reason.CLOCK): (-1021, -5028),
    (REJECTED, Reason.BY_STATE): (
        *(-2010, -2011, -2012, -2013, -2016, -2020, -2021, -2022, -2023, -2024, -2025, -2027),
        *(-4045, -4105, -4106, -4107, -4117, -4118, -4131, -4140, -4141, -4142, -4400, -4401),
        *(-5021, -5022, -5024, -5026, -5041, -5043),
    ),
    (REJECTED, Reason.BY_BALANCE): (-2018, -2019, -2028, -4050, -4051),
    (REJECTED, Reason.PERMANENT): (
        *(-1013, -1014, -1020, -1023, -2026),
        *range(-1106, -1099),
        *range(-1122, -1107),
        *(-1125, -1126, -1127, -1128, -1130, -1136),
        *range(-4033, -3999),
        *(-4044, -4060, -4062, -4104, -4120, -4135, -4137, -4138, -4139, -4144, -4164, -4165),
        *(-4183, -4184, -4210, -4211, -5025, -5029, -5037, -5038, -5039, -5040),
    ),
    # Addresses, settings of the account, options, batches, transfers: never asked for.
    (UNKNOWN, Reason.UNMAPPED): (
        *(-1004, -1005),
        *(-4046, -4047, -4048, -4049, -4052, -4053, -4054, -4055, -4056, -4057, -4058, -4059),
        *range(-4086, -4062),
        *(-4114, -4115, -4161, -4167, -4168, -4169, -4170, -4171, -4172),
        *(-4202, -4203, -4205, -4206, -4208, -4209, -4403),
    ),
}
EXPECTED = {code: meaning for meaning, codes in MEANINGS.items() for code in codes}
BY_STATUS = [
    (408, -1007, UNKNOWN, Reason.TIMEOUT),
    (418, -1003, NOT_SENT, Reason.BANNED),
    (429, -1003, NOT_SENT, Reason.THROTTLED),
    (401, -2015, REJECTED, Reason.AUTH),
    (400, -9999, UNKNOWN, Reason.UNMAPPED),
]


@pytest.mark.parametrize(("code", "meaning"), EXPECTED.items())
def test_a_code_means_what_the_document_says(code, meaning):
    assert meaning_of(400, code, "text") == meaning


@pytest.mark.parametrize(("status", "code", "verdict", "reason"), BY_STATUS)
def test_the_status_counts_first(status, code, verdict, reason):
    assert meaning_of(status, code, "text") == (verdict, reason)


def test_the_table_is_whole() -> None:
    assert len(EXPECTED) == sum(map(len, MEANINGS.values())), "a code is in two rows"
    assert {*EXPECTED} == DOCUMENTED
    assert {c for c, (_, why) in EXPECTED.items() if why is Reason.UNMAPPED} == NEVER_ASKED


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
