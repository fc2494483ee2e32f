"""Two runs side by side: the same words at nearly the same time are one decision."""

from hypothesis import given
from hypothesis import strategies as st

from builders import D, an_id, an_intent
from nightdesk.model.ids import Epoch, InstrumentId, Seq, StrategyId
from nightdesk.model.records import CancelAsked, Intended, ModeSet, Record, TargetSet
from nightdesk.model.time import Wall
from nightdesk.results.decisions import Decision, compare, decisions_of

some = st.lists(
    st.builds(Decision, at_ns=st.integers(0, 50), what=st.sampled_from(["a", "b"])), max_size=12
).map(lambda made: sorted(made, key=lambda d: d.at_ns))


def history(*records: Record) -> list[tuple[Seq, Epoch, Wall, Record]]:
    return [(Seq(n), Epoch(1), Wall(n), record) for n, record in enumerate(records, 1)]


def test_decisions_are_told_without_ids() -> None:
    told = [
        [each.what for each in decisions_of(history(Intended(intent=intent), cancel))]
        for intent, cancel in (
            (an_intent(client_id=an_id(n)), CancelAsked(client_id=an_id(n), why="strategy"))
            for n in (1, 2)
        )
    ]
    assert told[0] == told[1]
    place, cancel = told[0]
    assert place.endswith("binance:BTCUSDT buy 1 at 100 limit (strategy)")
    assert cancel.startswith("cancel ")


def test_targets_and_modes_are_decisions_too() -> None:
    target = TargetSet(strategy=StrategyId("s"), instrument=InstrumentId("v:X"), qty=D(2))
    gone = TargetSet(strategy=StrategyId("s"), instrument=InstrumentId("v:X"), qty=None)
    mode = ModeSet(scope="desk", cause="operator", mode="REDUCE_ONLY", by="me", why="lunch")
    assert [each.what for each in decisions_of(history(target, gone, mode))] == [
        "s v:X target 2",
        "s v:X no target",
        "mode desk operator REDUCE_ONLY by me",
    ]


@given(some)
def test_a_run_is_the_same_as_itself(run: list[Decision]) -> None:
    told = compare(run, run, within_ns=3)
    assert (told.same, told.differences) == (len(run), [])


@given(some, some, st.integers(0, 10))
def test_every_decision_is_told_once(a: list[Decision], b: list[Decision], within: int) -> None:
    told = compare(a, b, within_ns=within)
    alone = {run: sum(1 for d in told.differences if d.only == run) for run in "AB"}
    assert told.same + alone["A"] == len(a)
    assert told.same + alone["B"] == len(b)
    assert told.shifted_ns <= within
    assert [d.at_ns for d in told.differences] == sorted(d.at_ns for d in told.differences)


def test_what_is_too_far_apart_is_of_one_run_only() -> None:
    a, b = [Decision(at_ns=10, what="x")], [Decision(at_ns=14, what="x")]
    assert compare(a, b, within_ns=4).same == 1
    assert [(d.only, d.at_ns) for d in compare(a, b, within_ns=3).differences] == [
        ("A", 10),
        ("B", 14),
    ]
