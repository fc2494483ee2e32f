"""What a desk decides by a cap is held against the journal that it decided on, by code of its own."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from audit.told import whats
from benches import Bench
from builders import NOW
from desk.stories import MEASURED, RULES, STEPS, Story
from nightdesk.audit import i02_caps
from nightdesk.audit.facts import Written
from nightdesk.audit.i02_risk import Risk
from nightdesk.desk import set_limits
from nightdesk.desk.events import SetLimit
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.risk import gate
from nightdesk.risk.caps import Of


def written(bench: Bench) -> list[Written]:
    return [
        Written(at_ns=int(at), seq=seq, epoch=1, record=record, decided_at=at)
        for seq, (at, record) in enumerate(bench.records, 1)
    ]


@pytest.mark.parametrize("rule", MEASURED)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_no_desk_that_counts_is_accused(rule: str, steps: list[tuple[str, int]]) -> None:
    story = Story(rule)
    for what, n in steps:
        story.step(what, n)
    assert whats(Risk(), written(story.bench)) == []


def leaning(rule: str) -> Bench:
    """A desk that leans on a limit."""
    story = Story(rule)
    story.checks = False
    for n in (0, 12, 24, 0, 12, 0, 0, 24, 36, 2, 14):
        story.step("place", n)
        story.step("ack", 0)
        if rule.startswith("cancels"):
            for k in range(3):
                story.step("cancel", k)
    return story.bench


@pytest.mark.parametrize("rule", MEASURED)
def test_a_desk_that_does_not_look_at_a_cap_is_found(rule: str) -> None:
    binding = gate._binding

    def blind(*given: Any, **rest: Any) -> Any:
        return [cap for cap in binding(*given, **rest) if cap.rule != rule]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "_binding", blind)
        bench = leaning(rule)
    assert whats(Risk(), written(bench)) != []
    assert whats(Risk(), written(leaning(rule))) == []


@pytest.mark.parametrize("why", ["", "a person looked"])
def test_a_limit_that_is_loosened_without_a_reason_is_found(why: str) -> None:
    story = Story("net")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(set_limits, "looser", lambda *_: False)
        for value in ("200", "100", "off"):
            event = SetLimit(limit="net_max", value=value, by="me", why=why)
            story.bench.decide(event)
    found = whats(Risk(), written(story.bench))
    assert found == ([] if why else ["net_max of desk went from 100 to None without a reason"])


# What leans on concentration stays below its floor.
@pytest.mark.parametrize("rule", [rule for rule in MEASURED if not rule.endswith("concentration")])
def test_a_tightened_limit_is_held_from_then_on(rule: str) -> None:
    cap, (most, _) = RULES[rule], MEASURED[rule]
    story = Story(rule)
    made = leaning(rule).records
    # The same orders under a limit that was half as large before the first of them.
    scopes = {
        Of.STRATEGY: [{"kind": "strategy", "of": name} for name in ("one", "other")],
        Of.ASSET: [{"kind": "asset", "of": "BTC"}],
    }
    half = 1 if isinstance(most, int) else most / 4
    for scope in scopes.get(cap.of, [{}]):
        event = SetLimit(limit=cap.limit, value=str(half), by="me", **scope)
        story.bench.decide(event)
    start = len(Story(rule).bench.records)
    story.bench.records += made[start:]
    assert whats(Risk(), written(story.bench)) != []


@pytest.mark.parametrize("set_back_ns", [i02_caps.SET_BACK_NS, 3600 * SECOND_NS])
def test_a_clock_that_leaps_ahead_and_is_set_back_makes_a_desk_forget(
    monkeypatch: pytest.MonkeyPatch, set_back_ns: int
) -> None:
    monkeypatch.setattr(i02_caps, "SET_BACK_NS", set_back_ns)
    story = Story("messages_per_second")
    story.checks = False
    facts: list[Written] = []
    for leaps_s in (0, 5, -5):
        story.bench.wall = Wall(story.bench.wall + leaps_s * SECOND_NS)
        for n in (0, 12, 24):
            story.step("place", n)
            story.step("ack", 0)
    for seq, (at, record) in enumerate(story.bench.records, 1):
        heard = NOW + seq * 1_000_000
        facts.append(Written(at_ns=heard, seq=seq, epoch=1, record=record, decided_at=at))
    accused = whats(Risk(), facts) != []
    assert accused is (set_back_ns != i02_caps.SET_BACK_NS)
