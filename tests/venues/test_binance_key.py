"""What a key may do and whose it is; every silence stays one."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from nightdesk.model.time import Wall
from nightdesk.venues.binance_key import BinanceKey
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpResult
from nightdesk.venues.protocol import NoAnswer

KEY = BinanceKey(HmacSigner("abcdefgh" * 8, "secret"))
NOW = Wall(1_700_000_000_123_000_000)


def answer(body: object, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status=status, headers={}, body=json.dumps(body).encode())


def test_both_questions_are_signed_reads() -> None:
    for request, path in (
        (KEY.rights(NOW), "/sapi/v1/account/apiRestrictions"),
        (KEY.owner(NOW), "/api/v3/account"),
    ):
        target = urlsplit(request.target)
        sent = parse_qs(target.query)
        assert (request.method, target.path, request.body) == ("GET", path, b"")
        assert sent["timestamp"] == ["1700000000123"]
        assert len(sent["signature"][0]) == 64
        assert dict(request.headers) == {"X-MBX-APIKEY": "abcdefgh" * 8}
    assert KEY.tail == "efgh"


def test_the_clock_is_that_of_who_is_asked() -> None:
    asked = KEY.time()
    assert (asked.method, asked.target, dict(asked.headers)) == ("GET", "/api/v3/time", {})
    assert KEY.told_time(answer({"serverTime": 1_700_000_000_123})) == NOW


def test_the_documents_own_answers_are_read() -> None:
    for enabled in (True, False):
        told = {"ipRestrict": False, "enableReading": True, "enableWithdrawals": enabled}
        assert KEY.righted(answer(told)) is enabled
    assert KEY.owned(answer({"accountType": "SPOT", "uid": 354937868})) == "354937868"


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (HttpFailure(written=True, timed_out=True, cause="no answer in time"), "no answer in time"),
        (answer({"code": -2015, "msg": "Invalid API-key"}, 401), "Invalid API-key"),
        (answer({}), "ValidationError"),
        (answer({"enableWithdrawals": "no", "uid": "x"}), "ValidationError"),
        (answer([]), "ValidationError"),
        (HttpAnswer(status=404, headers={}, body=b"<html>"), "HTTP 404 b'<html>'"),
        (
            HttpAnswer(status=200, headers={}, body=b'{"enableWithdrawals":false}', complete=False),
            "HTTP 200",
        ),
    ],
)
def test_anything_else_is_no_answer_and_says_why(result: HttpResult, why: str) -> None:
    for read in (KEY.righted, KEY.owned):
        told = read(result)
        assert isinstance(told, NoAnswer)
        assert told.outcome.text.startswith(why)
