"""A mode that somebody raised holds until it is lifted, over restarts too."""

import pytest

from audit.told import accept, amend_asked, bought, fill, intended, opened, written
from builders import D, an_intent
from nightdesk.audit.facts import Fact, Written
from nightdesk.audit.i13_modes import Modes
from nightdesk.model.order import Origin, Side
from nightdesk.model.records import ModeSet


def mode(name: str, scope: str = "desk", cause: str = "operator") -> Written:
    return written(ModeSet(scope=scope, cause=cause, mode=name, by="operator", why="a test"))


SELL = intended(side=Side.SELL)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([mode("REDUCE_ONLY"), intended()], ["adds risk although operator holds desk"]),
        ([mode("REDUCE_ONLY"), opened(2), intended(epoch=2)], ["adds risk"]),
        ([mode("REDUCE_ONLY"), mode("NORMAL"), intended()], []),
        ([mode("REDUCE_ONLY", cause="feed"), mode("NORMAL"), intended()], ["feed holds desk"]),
        ([mode("CAUTIOUS"), intended()], []),
        ([intended(), mode("REDUCE_ONLY"), amend_asked()], ["adds risk although operator holds"]),
        ([mode("REDUCE_ONLY"), amend_asked()], []),
        ([mode("HALTED"), intended()], ["in HALTED"]),
        ([mode("HALTED"), intended(origin=Origin.FLATTEN)], []),
        ([mode("CANCEL_ONLY"), intended(origin=Origin.TARGET)], ["in CANCEL_ONLY"]),
        ([mode("HALTED", f"instrument/{an_intent().instrument}"), intended()], ["in HALTED"]),
        ([mode("HALTED", "instrument/binance:ETHUSDT"), intended()], []),
        ([mode("HALTED", "strategy/nobody"), intended()], []),
    ],
)
def test_what_a_mode_forbids_is_not_intended(facts: list[Fact], found: list[str]) -> None:
    law = Modes()
    told = [finding.what for fact in facts for finding in law.hear(fact)]
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


def test_what_may_reduce_by_the_venue_or_by_the_journal_is_no_new_risk() -> None:
    law = Modes()
    for fact in [*bought(0, "1", 7), mode("REDUCE_ONLY")]:
        assert list(law.hear(fact)) == []
    assert list(law.hear(SELL)) == []
    assert len(list(law.hear(intended(qty=D(1))))) == 1


def test_a_journal_without_a_strict_mode_is_not_checked() -> None:
    law = Modes()
    for fact in (mode("CAUTIOUS"), intended(), accept(), fill()):
        law.hear(fact)
    assert not law.checked
    law.hear(mode("REDUCE_ONLY"))
    assert law.checked
