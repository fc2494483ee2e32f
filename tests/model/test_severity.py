"""What a reason drives."""

import pytest

from nightdesk.desk.degrade import OF_VENUES, WAITS_NS
from nightdesk.model.outcome import Reason
from nightdesk.model.severity import BEARINGS, Again, Bearing, Severity


def test_every_reason_has_its_bearing() -> None:
    assert [*BEARINGS] != []
    assert {*BEARINGS} == {*Reason}


@pytest.mark.parametrize(("reason", "bearing"), BEARINGS.items())
def test_a_severity_is_what_it_says(reason: Reason, bearing: Bearing) -> None:
    match bearing.severity:
        case Severity.FINE:
            assert bearing == Bearing(severity=Severity.FINE)
        case Severity.ROUTINE:
            assert (bearing.again, bearing.failure, bearing.alert) == (Again.NO, False, "")
        case Severity.PASSING:
            assert bearing.again in (Again.SOON, Again.AFTER_CLOCK)
            assert bearing.cause == ""
        case Severity.HOLD:
            assert (bearing.again, bearing.failure) == (Again.AFTER_WAIT, False)
            assert bearing.cause in WAITS_NS, "somebody has to end it"
            assert bearing.alert
        case Severity.PERSON:
            assert (bearing.again, bearing.alert) == (Again.NO, "error")
    assert bearing.alert in ("", "warning", "error")
    assert not bearing.cause or bearing.cause in OF_VENUES


def test_what_nobody_can_read_is_no_success() -> None:
    assert BEARINGS[Reason.UNMAPPED].failure
    assert BEARINGS[Reason.UNREADABLE].failure
