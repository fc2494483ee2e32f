"""Which answers a person hears of, and how often."""

import pytest

from nightdesk.model.ids import VenueId
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.severity import BEARINGS
from nightdesk.model.time import Mono
from nightdesk.runtime.alarms import AGAIN_NS, KINDS_MAX, Alarms
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.venues.protocol import NoAnswer


class Rig:
    """Alarms with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = Mono(1)
        self.lines: list[tuple[str, str, dict[str, str]]] = []
        self.telemetry = Telemetry()
        self.alarms = Alarms(
            VenueId("binance"),
            self.telemetry,
            lambda: self.now,
            lambda *line: self.lines.append(line),
        )

    def hear(self, reason: Reason, code: int = 0) -> None:
        self.alarms.heard(Outcome(verdict=Verdict.UNKNOWN, reason=reason, code=code, text="so"))


def test_a_code_that_no_table_has_is_told_at_once_counted_and_told_again_seldom() -> None:
    rig = Rig()
    for _ in range(3):
        rig.hear(Reason.UNMAPPED, -9417)
    first = {"venue": "binance", "code": "-9417", "why": "so", "seen": "1"}
    assert rig.lines == [("error", "venue.code_unmapped", first)]
    rig.now = Mono(AGAIN_NS)
    rig.hear(Reason.UNMAPPED, -9417)
    assert len(rig.lines) == 1
    rig.now = Mono(AGAIN_NS + 1)
    rig.hear(Reason.UNMAPPED, -9417)
    assert rig.lines[1:] == [("error", "venue.code_unmapped", first | {"seen": "5"})]
    assert rig.telemetry.counters == {"unmapped.binance.-9417": 5}


def test_another_code_is_another_line() -> None:
    rig = Rig()
    for code in (-1, -2, -1):
        rig.hear(Reason.UNMAPPED, code)
    assert [fields["code"] for _, _, fields in rig.lines] == ["-1", "-2"]


@pytest.mark.parametrize("reason", Reason)
def test_the_table_says_what_is_told(reason: Reason) -> None:
    rig = Rig()
    rig.hear(reason)
    levels = [level for level, _, _ in rig.lines]
    assert levels == [BEARINGS[reason].alert] * bool(BEARINGS[reason].alert)


def test_a_question_without_an_answer_is_counted_and_heard() -> None:
    rig = Rig()
    for reason in (Reason.AUTH, Reason.TIMEOUT):
        outcome = Outcome(verdict=Verdict.REJECTED, reason=reason, code=-2015, text="key")
        rig.alarms.unanswered(NoAnswer(outcome=outcome))
    assert rig.telemetry.counters == {
        "no_answer.auth": 1,
        "no_answer.timeout": 1,
        "auth.binance.-2015": 1,
    }
    told = {"venue": "binance", "reason": "auth", "code": "-2015", "why": "key", "seen": "1"}
    assert rig.lines == [("error", "venue.not_well", told)]


def test_a_venue_that_makes_codes_up_fills_neither_log_nor_memory() -> None:
    rig = Rig()
    for code in range(2 * KINDS_MAX):
        rig.hear(Reason.UNMAPPED, -code)
    assert len(rig.lines) == KINDS_MAX + 1
    assert rig.telemetry.counters["unmapped.binance.other"] == KINDS_MAX
