"""The live state is the fold of its records, and a snapshot is the state, for any sequence of events."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benches import Bench, fold, some_settings
from builders import BTCUSDT, STRATEGY, D
from desk.histories import STEP, act, history
from nightdesk.desk.image import decode_state, encode_state, state_hash
from nightdesk.desk.state import DeskState
from nightdesk.model.ids import Seq, VenueId
from nightdesk.model.order import Side
from nightdesk.portfolio.position import Position


def without_empty_positions(state: DeskState) -> DeskState:
    """Positions made by being looked at are no facts; see the test about them."""
    for key in [k for k, p in state.positions.items() if p == Position()]:
        del state.positions[key]
    return state


MANY = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def test_any_state_has_bytes() -> None:
    assert encode_state(Bench().ready().state)


def test_looking_at_a_position_does_not_change_the_state() -> None:
    bench = Bench().ready()
    bench.open_order()
    assert set(bench.state.positions) == set(fold(bench.records).positions)


@given(st.lists(STEP, min_size=5, max_size=60))
@MANY
def test_the_live_state_is_the_fold_of_its_records(steps: list[tuple[str, int]]) -> None:
    bench = history(steps)
    folded = without_empty_positions(fold(bench.records))
    without_empty_positions(bench.state)
    assert encode_state(bench.state) == encode_state(folded)
    assert state_hash(bench.state) == state_hash(folded)


@given(st.lists(STEP, min_size=5, max_size=60))
@MANY
def test_a_snapshot_opens_as_the_state_it_was_taken_of(steps: list[tuple[str, int]]) -> None:
    bench = history(steps)
    body = encode_state(bench.state)
    again = decode_state(body, bench.wall)
    assert encode_state(again) == body
    for instrument in bench.settings.instruments:
        mine, theirs = bench.state.exposure(instrument), again.exposure(instrument)
        assert (mine.buying, mine.selling) == (theirs.buying, theirs.selling)
    for asset in bench.settings.assets(VenueId("binance")):
        assert bench.state.funds.available(asset) == again.funds.available(asset)
    assert set(again.settling) == set(bench.state.settling)
    assert set(again.untraded) == set(bench.state.untraded)


@given(st.lists(STEP, min_size=5, max_size=40), st.lists(STEP, max_size=20))
@MANY
def test_a_snapshot_in_the_middle_changes_nothing_about_the_end(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    bench = history(before)
    cut = len(bench.records)
    middle = encode_state(fold(bench.records))
    at = bench.wall
    for action, n in after:
        bench = act(bench, action, n)
    state = decode_state(middle, at)
    for index, (when, record) in enumerate(bench.records[cut:], cut + 1):
        state.apply(record, Seq(index), when)
    assert encode_state(state) == encode_state(fold(bench.records))


@given(st.lists(STEP, min_size=5, max_size=40))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_every_prefix_of_a_history_opens(steps: list[tuple[str, int]]) -> None:
    bench = history(steps)
    for cut in range(0, len(bench.records) + 1, 3):
        fold(bench.records[:cut])


@given(st.lists(STEP, min_size=5, max_size=60))
@MANY
def test_the_worst_case_never_passes_the_limit_by_the_desks_own_doing(
    steps: list[tuple[str, int]],
) -> None:
    bench = Bench().ready()
    limit = D(5)
    for action, n in steps:
        intents = bench.state.counts.get("intended", 0)
        bench = act(bench, action, n)
        if action == "restart" or bench.state.counts.get("intended", 0) == intents:
            continue
        exposure, net = bench.state.exposure(BTCUSDT), bench.state.net(BTCUSDT)
        newest = list(bench.state.orders.live.values())[-1].intent
        before = net
        worst = exposure.worst_long(net) if newest.side is Side.BUY else -exposure.worst_short(net)
        grows = (before >= 0) == (newest.side is Side.BUY)
        if grows:
            assert worst <= limit


def test_a_snapshot_remembers_the_orders_of_the_last_second() -> None:
    bench = Bench(some_settings()).ready()
    for n in range(4):
        bench.open_order(price=str(95 + n))
    again = decode_state(encode_state(bench.state), bench.wall)
    assert again.orders_last_second(bench.wall) == bench.state.orders_last_second(bench.wall) == 4


def test_a_hash_names_the_state() -> None:
    bench: Any = Bench().ready()
    one = state_hash(bench.state)
    assert one == state_hash(decode_state(encode_state(bench.state), bench.wall))
    bench.propose(state=b"other")
    assert state_hash(bench.state) != one
    assert bench.state.kept[STRATEGY] == b"other"


def test_a_snapshot_from_when_a_desk_had_one_venue_opens_with_its_books() -> None:
    bench = Bench().ready()
    image = msgspec.msgpack.decode(encode_state(bench.state))
    since = image.pop("compared")
    image["booked_from"] = since["binance"]
    again = decode_state(msgspec.msgpack.encode(image), bench.wall)
    assert again.booked.since == bench.state.booked.since
