"""What a venue's dead man's switch would cancel: entries, or what protects and closes as well."""

import pytest

from builders import BTCUSDT
from desk.perpetuals import PERP, PerpBench
from nightdesk.desk.dead_man import resting
from nightdesk.model.order import OrderType, Side, VenueStatus
from nightdesk.resilience.dead_man import Resting

NOTHING, ENTRIES = Resting(), Resting(entries=True)
EXITS, BOTH = Resting(exits=True), Resting(entries=True, exits=True)


def seen(bench: PerpBench) -> Resting:
    return resting(bench.state, [PERP])[PERP]


def flat() -> PerpBench:
    return PerpBench().ready_with()


def long() -> PerpBench:
    bench = flat()
    bench.go_long("1")
    return bench


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.POST_ONLY])
def test_an_entry_counts_from_when_it_is_intended_until_its_end_is_known(kind: OrderType) -> None:
    bench = flat()
    assert seen(bench) == NOTHING
    intent = bench.place(Side.BUY, "1", "99.9", type=kind, instrument=PERP)
    assert seen(bench) == ENTRIES
    bench.lose(intent)
    assert seen(bench) == ENTRIES
    bench.told(bench.report(intent))
    assert seen(bench) == ENTRIES
    bench.told(bench.report(intent, VenueStatus.CANCELLED))
    assert seen(bench) == NOTHING


@pytest.mark.parametrize("kind", [OrderType.IOC, OrderType.FOK])
def test_what_never_rests_needs_none(kind: OrderType) -> None:
    bench = flat()
    bench.place(Side.BUY, "1", "100", type=kind, instrument=PERP)
    assert seen(bench) == NOTHING


def test_what_protects_must_not_end_with_it() -> None:
    bench = long()
    assert seen(bench) == NOTHING
    bench.protected(stop="90")
    assert seen(bench) == EXITS


def test_entries_beside_a_stop_are_both() -> None:
    bench = long()
    bench.protected(stop="90")
    bench.open_order(Side.BUY, "1", "99.8", instrument=PERP)
    assert seen(bench) == BOTH


@pytest.mark.parametrize(("qty", "expected"), [("1", EXITS), ("0.4", EXITS), ("1.1", ENTRIES)])
def test_what_can_only_close_a_position_is_an_exit_and_what_may_turn_it_is_not(
    qty: str, expected: Resting
) -> None:
    bench = long()
    bench.open_order(Side.SELL, qty, "100.2", instrument=PERP)
    assert seen(bench) == expected


def test_orders_elsewhere_are_not_looked_at() -> None:
    bench = flat()
    bench.open_order(Side.BUY, "1", "99.9", instrument=PERP)
    assert resting(bench.state, [BTCUSDT]) == {BTCUSDT: NOTHING}
