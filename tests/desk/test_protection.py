"""A declaration is for one side: the one that is held, or the first that is."""

import pytest

from benches import Bench, effects, sent
from builders import BTCUSDT, STRATEGY, D
from desk.protections import OWNER, long_and_covered, protect, stops
from nightdesk.desk.events import Decision, Tell
from nightdesk.desk.image import decode_state, encode_state
from nightdesk.model.order import Side, VenueStatus
from nightdesk.model.records import ProtectionSet
from nightdesk.strategy.messages import ProtectionEnded


def turned(bench: Bench) -> list[Decision]:
    """One fill makes a long position of one a short one of a half; what leaves and is told then."""
    owner = bench.state.position(*OWNER)
    assert owner.qty == 1
    for order in bench.state.guarding(OWNER):  # on spot they hold what is sold
        bench.told(bench.report(order.intent, VenueStatus.EXPIRED))
    decision = bench.fill(bench.open_order(Side.SELL, "1.5", "100.01"))
    assert bench.state.position(*OWNER).qty == D("-0.5")
    return [decision, *bench.ticks(5, quoted=True)]


def test_a_position_that_turns_is_not_closed_by_what_protected_its_other_side() -> None:
    bench = long_and_covered(stop="90")
    decisions = turned(bench)
    assert sent(*decisions) == []
    told = [tell.message for tell in effects(Tell, *decisions)]
    assert [type(m) for m in told if isinstance(m, ProtectionEnded)] == [ProtectionEnded]
    assert not bench.state.protections
    protect(bench, stop="110")
    (stop,) = stops(bench)
    assert (stop.side, stop.qty, stop.trigger) == (Side.BUY, D("0.5"), D(110))


def test_the_same_prices_declared_for_the_other_side_are_another_declaration() -> None:
    bench = long_and_covered(take_profit="110", stop="90")
    for order in bench.state.guarding(OWNER):
        bench.told(bench.report(order.intent, VenueStatus.EXPIRED))
    bench.fill(bench.open_order(Side.SELL, "1.5", "100.01"))
    (record,) = protect(bench, stop="90", take_profit="110").records
    assert isinstance(record, ProtectionSet)
    assert record.side is Side.SELL
    assert [tell for tell in effects(Tell, bench.tick()) if isinstance(tell, ProtectionEnded)] == []
    assert bench.state.protections[OWNER].side is Side.SELL


@pytest.mark.parametrize("entry", [Side.BUY, Side.SELL])
def test_declared_before_anything_is_held_it_is_for_the_first_side_that_is(entry) -> None:
    bench = Bench().ready()
    protect(bench, stop="90" if entry is Side.BUY else "110")
    assert bench.state.protections[OWNER].side is None
    bench.fill(bench.open_order(entry, "1", "100" if entry is Side.BUY else "100.01"))
    assert bench.state.protections[OWNER].side is entry
    (stop,) = stops(bench)
    assert stop.side is not entry


def test_an_older_journal_and_an_older_image_protect_the_side_that_is_held() -> None:
    bench = long_and_covered(stop="90")
    older = ProtectionSet(strategy=STRATEGY, instrument=BTCUSDT, stop=D(80))
    bench.state.apply(older, bench.desk.state.seq + 1, bench.wall)  # type: ignore[arg-type]
    assert bench.state.protections[OWNER].side is Side.BUY
    bench.state.protections[OWNER].side = None  # as an image without it is read
    again = decode_state(encode_state(bench.state), bench.wall)
    assert again.protections[OWNER].side is Side.BUY
