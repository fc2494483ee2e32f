"""The countdown of USD-M: what is asked, and what may be believed of the answer."""

import json
import re

import pytest

from builders import NOW
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.resilience.budget import CEILING_PERCENT, Rank
from nightdesk.venues.binance_usdm_countdown import PATH
from nightdesk.venues.http import HttpAnswer, HttpFailure
from venues.usdm import CODEC, PERP

LENGTH_NS = 60 * SECOND_NS
DEADLINE = Wall(NOW + 2 * SECOND_NS)


def answer(body: object, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status=status, headers={}, body=json.dumps(body).encode())


def believed(result):
    outcome = CODEC.counted_down(PERP, LENGTH_NS, result)
    return outcome.verdict, outcome.reason


@pytest.mark.parametrize(("length_ns", "ms"), [(LENGTH_NS, "60000"), (0, "0")])
def test_a_countdown_is_asked_for_by_symbol_in_milliseconds(length_ns, ms):
    request = CODEC.count_down(PERP, length_ns, DEADLINE, NOW)
    assert (request.method, request.target) == ("POST", PATH)
    body = request.body.decode()
    assert body.startswith(f"symbol=BTCUSDT&countdownTime={ms}&recvWindow=2000&timestamp=")
    assert re.search(r"&signature=[0-9a-f]{64}$", body)


def test_none_leaves_after_its_deadline():
    assert CODEC.count_down(PERP, LENGTH_NS, NOW, NOW) is None


def test_it_goes_before_entries_and_questions():
    rank = CODEC.count_down(PERP, LENGTH_NS, DEADLINE, NOW).cost.rank
    assert all(
        CEILING_PERCENT[rank] > CEILING_PERCENT[other] for other in Rank if other >= Rank.ENTRY
    )


@pytest.mark.parametrize(
    ("result", "verdict", "reason"),
    [
        (answer({"symbol": "BTCUSDT", "countdownTime": "60000"}), Verdict.ACKED, Reason.NONE),
        (answer({"symbol": "BTCUSDT", "countdownTime": 60000}), Verdict.ACKED, Reason.NONE),
        (
            answer({"symbol": "ETHUSDT", "countdownTime": "60000"}),
            Verdict.UNKNOWN,
            Reason.UNREADABLE,
        ),
        (answer({"symbol": "BTCUSDT", "countdownTime": "0"}), Verdict.UNKNOWN, Reason.UNREADABLE),
        (answer({}), Verdict.UNKNOWN, Reason.UNREADABLE),
        (answer({"code": -1121, "msg": "Invalid symbol."}, 400), Verdict.REJECTED, None),
        (answer({"code": -1021, "msg": "Timestamp"}, 400), Verdict.NOT_SENT, Reason.CLOCK),
        (answer({"code": -1007, "msg": "Timeout"}, 408), Verdict.UNKNOWN, None),
        (answer({"code": -1003, "msg": "Too many"}, 429), None, Reason.THROTTLED),
        (
            HttpFailure(written=True, timed_out=True, cause="no answer"),
            Verdict.UNKNOWN,
            Reason.TIMEOUT,
        ),
        (
            HttpFailure(written=False, timed_out=False, cause="refused"),
            Verdict.NOT_SENT,
            Reason.CONNECTION,
        ),
    ],
)
def test_what_may_be_believed(result, verdict, reason):
    told = believed(result)
    assert told[0] is verdict or verdict is None
    assert told[1] is reason or reason is None
