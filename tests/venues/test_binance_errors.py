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
from nightdesk.venues.binance_errors import (
    DOCUMENTED,
    NEVER_ASKED,
    meaning_of,
    meaning_without_body,
)

DOCS = "data/rest_fixtures/binance_spot_api_docs"

UNKNOWN, REJECTED, NOT_SENT = Verdict.UNKNOWN, Verdict.REJECTED, Verdict.NOT_SENT
# Every code of errors.md, by what may be believed of an order after it, with status 400 and no message.
MEANINGS: dict[tuple[Verdict, Reason], tuple[int, ...]] = {
    # "An unknown error occurred", "unable to process", "execution status unknown"; a cancel-replace by halves.
    (UNKNOWN, Reason.VENUE_ERROR): (-1000, -1001, -1006, -1007, -2021, -2022),
    (UNKNOWN, Reason.MAINTENANCE): (-1016,),
    (REJECTED, Reason.AUTH): (-1002, -1022, -1033, -2014, -2015),
    # -1008 "Server is currently overloaded" is not executed either.
    (NOT_SENT, Reason.THROTTLED): (-1003, -1008, -1015, -1034),
    (NOT_SENT, Reason.CLOCK): (-1021,),
    # -1013 "didn't reach the Matching Engine"; 11xx is "Request issues".
    (REJECTED, Reason.PERMANENT): (
        *(-1013, -1014, -1020, -2039),
        *(-1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1111, -1112),
        *(
            -1114,
            -1115,
            -1116,
            -1117,
            -1118,
            -1119,
            -1120,
            -1121,
            -1122,
            -1125,
            -1127,
            -1128,
            -1130,
        ),
        *(
            -1134,
            -1135,
            -1139,
            -1145,
            -1151,
            -1152,
            -1153,
            -1155,
            -1158,
            -1160,
            -1161,
            -1165,
            -1166,
        ),
        *(
            -1168,
            -1169,
            -1170,
            -1171,
            -1172,
            -1173,
            -1174,
            -1175,
            -1176,
            -1177,
            -1178,
            -1179,
            -1180,
        ),
        *(-1181, -1182, -1183, -1184, -1185, -1186, -1187, -1188, -1189, -1190, -1191, -1194),
        *(-1196, -1197, -1198, -1199),
    ),
    (REJECTED, Reason.BY_STATE): (-2011, -2013, -2016, -2026),
    # -1010 and -2010 mean what their message says, and here it says nothing. The others are never asked for.
    (UNKNOWN, Reason.UNMAPPED): (
        *(-1010, -2010),
        *(
            -1035,
            -1210,
            -1211,
            -1220,
            -1221,
            -1222,
            -1223,
            -1224,
            -1225,
            -2035,
            -2036,
            -2042,
            -2043,
        ),
    ),
}
EXPECTED = {code: meaning for meaning, codes in MEANINGS.items() for code in codes}


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


def test_the_table_is_whole() -> None:
    assert {*EXPECTED} == DOCUMENTED
    assert {c for c, meaning in EXPECTED.items() if meaning[1] is Reason.UNMAPPED} == {
        *NEVER_ASKED,
        *(-1010, -2010),
    }


@pytest.mark.recorded
def test_every_code_of_the_document_is_in_the_table() -> None:
    assert {*documented(), -1010} == DOCUMENTED


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
    if code in EXPECTED or -1199 <= code <= -1100 or status in (418, 451):
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
