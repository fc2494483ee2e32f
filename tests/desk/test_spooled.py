"""What a spool brings: orders of unknown outcome, a way out that goes on, targets that nobody may follow."""

from benches import Bench, causes, effects, sent
from builders import BTCUSDT, D, an_id, an_intent
from nightdesk.desk.events import AskOrder, Decision, Health, Resume, SpoolFound
from nightdesk.desk.spooled import CAUSE
from nightdesk.model.ids import Epoch
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Origin, Side
from nightdesk.model.records import Spooled, TargetSet
from nightdesk.model.time import Wall
from nightdesk.modes.ladder import DESK
from nightdesk.orders.lifecycle import State
from nightdesk.strategy.messages import Target


def spooled(bench: Bench, **changed: object) -> Spooled:
    """A sale of one that an earlier epoch kept a second ago."""
    terms = {"side": Side.SELL, "type": OrderType.IOC, "origin": Origin.FLATTEN} | changed
    intent = an_intent(client_id=an_id(seq=99, epoch=1), **terms)
    return Spooled(intent=intent, epoch=Epoch(0), at=Wall(bench.moment().wall - 10**9))


def found(bench: Bench, *entries: Spooled) -> Decision:
    return bench.decide(SpoolFound(entries=entries))


def test_nobody_knows_what_came_of_it_and_its_instrument_waits() -> None:
    bench = Bench().ready()
    bench.buy("1")
    entry = spooled(bench, origin=Origin.STRATEGY)
    decision = found(bench, entry)
    order = bench.order(entry.intent)
    assert (order.state, order.epoch, order.intended_at) == (State.UNKNOWN, Epoch(0), entry.at)
    assert bench.state.exposure(BTCUSDT).selling == D(1)
    assert sent(decision) == []
    assert causes(bench.state)["unresolved"] == "REDUCE_ONLY"
    assert effects(AskOrder, bench.tick()) != []


def test_what_is_known_already_is_not_known_twice() -> None:
    bench = Bench().ready()
    bench.buy("1")
    entry = spooled(bench, origin=Origin.STRATEGY)
    assert sum(isinstance(r, Spooled) for r in found(bench, entry, entry).records) == 1
    assert sum(isinstance(r, Spooled) for r in found(bench, entry).records) == 0


def test_an_operator_who_wanted_out_still_does() -> None:
    bench = Bench().ready()
    bench.buy("1")
    found(bench, spooled(bench))
    assert bench.state.ladder.demands(DESK, "flatten") is Mode.FLATTENING


def test_a_target_is_not_followed_until_it_is_declared_again() -> None:
    bench = Bench().ready()
    bench.propose(Target(instrument=BTCUSDT, qty=D(1)))
    decision = found(bench, spooled(bench, origin=Origin.TARGET, reduce_only=True))
    [suspended] = [record for record in decision.records if isinstance(record, TargetSet)]
    assert suspended.suspended
    assert bench.state.ladder.demands(DESK, "flatten") is Mode.NORMAL


def test_while_it_cannot_be_read_nothing_is_adopted() -> None:
    bench = Bench().ready()
    bench.buy("1")
    bench.differ({"BTC": D(5)})
    assert "reconcile" in causes(bench.state)
    why = "what earlier lives left in the spool is not known"
    bench.decide(Health(scope=DESK, cause=CAUSE, mode=Mode.REDUCE_ONLY, why=why))
    bench.decide(Resume(reason="looked", by="me"))
    assert "reconcile" in causes(bench.state)
    assert CAUSE not in causes(bench.state), "a person may give it up"
    bench.decide(Resume(reason="looked again", by="me"))
    assert "reconcile" not in causes(bench.state)
