"""One venue's clock and its wish to be left alone."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from nightdesk.emergency import asking
from nightdesk.emergency.asking import Asking, Silent, mono
from nightdesk.model.ids import VenueId
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_way_out import SpotWayOut
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

TOLD_MS = 1_700_000_000_000
Answer = Callable[[HttpRequest], HttpResult]


def told(body: object, status: int = 200, **headers: str) -> HttpAnswer:
    return HttpAnswer(status=status, headers=headers, body=msgspec.json.encode(body))


def the_time(_: HttpRequest) -> HttpResult:
    return told({"serverTime": TOLD_MS})


class ByHand:
    """A line that a test answers."""

    host = "http://nowhere"

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent: list[HttpRequest] = []

    def exchange(self, request: HttpRequest) -> HttpResult:
        self.sent.append(request)
        return self.answer(request)


def made(answer: Answer) -> tuple[Asking, ByHand]:
    line: Any = ByHand(answer)
    return Asking(SpotWayOut(VenueId("v"), HmacSigner("k", "s")), line), line


def test_the_clock_is_the_venues_and_measured_once_until_it_is_doubted() -> None:
    asked, line = made(the_time)
    first, second = asked.now(), asked.now()
    assert 0 <= first - TOLD_MS * MS_NS < 5 * SECOND_NS
    assert second >= first
    assert len(line.sent) == asking.READINGS
    asked.heed(Outcome(verdict=Verdict.REJECTED, reason=Reason.CLOCK))
    asked.now()
    assert len(line.sent) == 2 * asking.READINGS


def test_a_venue_that_does_not_tell_its_time_is_silent() -> None:
    asked, _ = made(lambda _: HttpFailure(written=False, timed_out=False, cause="refused"))
    with pytest.raises(Silent, match="refused"):
        asked.now()


@pytest.mark.parametrize(
    ("status", "headers", "at_least_s"),
    [(429, {"retry-after": "30"}, 29), (418, {}, asking.WAIT_LEAST_S - 1)],
)
def test_a_venue_that_wants_to_be_left_alone_is(
    status: int, headers: dict[str, str], at_least_s: int
) -> None:
    asked, line = made(lambda _: told({"code": -1003, "msg": "slow"}, status, **headers))
    asked.send(asked.codec.time())
    assert asked.not_before - mono() > at_least_s * SECOND_NS
    again = asked.send(asked.codec.time())
    assert isinstance(again, HttpFailure)
    assert (again.written, again.tried) == (False, False)
    assert len(line.sent) == 1


def test_what_was_sent_is_weighed() -> None:
    asked, _ = made(the_time)
    asked.spent = 0
    asked.ask(asked.codec.account)
    assert asked.spent == asking.READINGS + 20
