"""What the gate weighed can be told again from the journal alone, whatever happened before."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benches import Bench
from desk.histories import STEP, history
from desk.stories import MEASURED, STEPS, Story
from nightdesk.desk import placing
from nightdesk.desk.verdict import verdict_on
from nightdesk.model.ids import Seq
from nightdesk.model.records import Configured, Intended
from nightdesk.risk.gate import Approved, Weighed, weigh


def told(bench: Bench, client_id: str) -> list[Weighed]:
    slots = enumerate(bench.records, 1)
    return verdict_on(client_id, ((Seq(seq), at, record) for seq, (at, record) in slots))


@given(st.lists(STEP, min_size=5, max_size=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_every_verdict_of_any_history_is_told_as_it_was_weighed(
    steps: list[tuple[str, int]],
) -> None:
    weighed: dict[str, list[Weighed]] = {}
    judge = placing.check

    def noting(intent: Any, limits: Any, view: Any) -> Any:
        verdict = judge(intent, limits, view)
        if isinstance(verdict, Approved):
            weighed[intent.client_id] = weigh(intent, limits, view)
        return verdict

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placing, "check", noting)
        bench = history(steps)
    ids = [r.intent.client_id for _, r in bench.records if isinstance(r, Intended)]
    for client_id in ids:
        assert told(bench, client_id) == weighed[client_id]


@pytest.mark.parametrize("rule", MEASURED)
@given(steps=STEPS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
def test_every_number_of_a_cap_is_told_as_it_was_weighed(
    rule: str, steps: list[tuple[str, int]]
) -> None:
    weighed: dict[str, list[Weighed]] = {}
    judge = placing.check

    def noting(intent: Any, limits: Any, view: Any) -> Any:
        weighed[intent.client_id] = weigh(intent, limits, view)
        return judge(intent, limits, view)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placing, "check", noting)
        story = Story(rule)
        for what, n in (*steps, ("place", 0)):
            story.step(what, n)
    for _, intent in story.truth.orders:
        assert told(story.bench, intent.client_id) == weighed[intent.client_id]


def test_an_order_that_is_not_in_the_journal_has_no_verdict() -> None:
    bench = Bench().ready()
    bench.place()
    assert told(bench, "nobody") == []


def test_settings_that_cannot_be_read_give_no_verdict_rather_than_a_guess() -> None:
    bench = Bench().ready()
    intent = bench.place()
    assert told(bench, intent.client_id)
    bench.records = [
        (at, msgspec.structs.replace(r, body="{}") if isinstance(r, Configured) else r)
        for at, r in bench.records
    ]
    assert told(bench, intent.client_id) == []
