"""A limit that is set tightens at once, loosens only with a reason, and outlives restarts and changed files."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches import Bench, causes, effects, sent, some_limits, some_settings
from builders import BTCUSDT, STRATEGY, D
from desk.perpetuals import perp_settings
from nightdesk.desk.events import Note, SetLimit
from nightdesk.desk.image import decode_state, encode_state
from nightdesk.desk.limiting import holds, looser, stricter
from nightdesk.desk.set_limits import OF_CONTRACTS, OF_DESK, OF_INSTRUMENT, changes, in_config
from nightdesk.desk.settings import DeskSettings
from nightdesk.model.errors import BadInput
from nightdesk.model.order import OrderType, Side
from nightdesk.model.records import LimitSet
from nightdesk.modes.ladder import DESK, instrument_scope, strategy_scope
from nightdesk.risk.limits import Limits
from nightdesk.risk.losses import LossLimits
from nightdesk.strategy.messages import Place

WHY = "a person looked"


def a_desk(**limits: object) -> Bench:
    return Bench(some_settings(limits=some_limits(**limits))).ready()


def put(bench: Bench, limit: str, value: str, why: str = "", **rest: str) -> list[LimitSet]:
    """Set it; what was journaled."""
    decision = bench.decide(SetLimit(limit=limit, value=value, by="me", why=why, **rest))
    return [record for record in decision.records if isinstance(record, LimitSet)]


def asked(bench: Bench, side: Side = Side.BUY, qty: str = "1") -> int:
    """How many orders leave when this is wished."""
    ref = f"w{bench.state.seq}"
    bench.wait(1)
    wish = Place(
        ref=ref, instrument=BTCUSDT, side=side, type=OrderType.LIMIT, qty=D(qty), price=D(100)
    )
    return len(sent(bench.propose(wish)))


def held(bench: Bench, limit: str = "position_max") -> Decimal | None:
    found: Decimal | None = getattr(bench_limits(bench), limit)
    return found


def bench_limits(bench: Bench) -> Limits:
    from nightdesk.desk.work import Work

    work = Work(bench.state, bench.desk.views, bench.settings, bench.moment())
    return work.limits(STRATEGY, BTCUSDT)


def with_file(settings: DeskSettings, **changed: object) -> DeskSettings:
    """The config file was edited."""
    limits = {i: msgspec.structs.replace(each, **changed) for i, each in settings.limits.items()}
    return msgspec.structs.replace(settings, limits=limits)


def test_a_tighter_limit_holds_for_the_very_next_order_and_is_journaled() -> None:
    bench = a_desk(position_max=D(5))
    assert asked(bench, qty="2") == 1
    (record,) = put(bench, "position_max", "2")
    assert record == LimitSet(
        scope=instrument_scope(BTCUSDT),
        limit="position_max",
        value=D(2),
        file=D(5),
        by="me",
        why="",
    )
    assert asked(bench, qty="1") == 0


def test_what_is_held_above_a_tightened_limit_is_not_traded_away_and_may_only_be_reduced() -> None:
    bench = a_desk(position_max=D(5))
    bench.buy("4")
    bench.open_order(Side.BUY, "1", "95")
    put(bench, "position_max", "1")
    decisions = bench.ticks(5, quoted=True)
    assert sent(*decisions) == []
    assert asked(bench, qty="0.1") == 0
    assert asked(bench, Side.SELL, "4.1") == 0, "it would turn the position around"
    assert asked(bench, Side.SELL, "4") == 1
    assert causes(bench.state) == {}


@pytest.mark.parametrize("value", ["6", "off"])
def test_a_looser_limit_needs_a_reason(value: str) -> None:
    bench = a_desk(net_max=D(5))
    with pytest.raises(BadInput, match="looser: that needs a reason"):
        changes(
            bench.settings, bench.state.limits_set, SetLimit(limit="net_max", value=value, by="me")
        )
    assert put_refused(bench, "net_max", value)
    (record,) = put(bench, "net_max", value, WHY)
    assert (record.why, record.by) == (WHY, "me")
    assert held(bench, "net_max") == (None if value == "off" else D(6))


def put_refused(bench: Bench, limit: str, value: str) -> bool:
    """Whether the desk itself, asked past the control socket, changes nothing and says so."""
    decision = bench.decide(SetLimit(limit=limit, value=value, by="me"))
    notes = [note.event for note in effects(Note, decision)]
    return decision.records == [] and notes == ["limit.refused"]


def test_back_to_looser_within_the_file_needs_a_reason_too() -> None:
    bench = a_desk(position_max=D(5))
    put(bench, "position_max", "2")
    assert put_refused(bench, "position_max", "file")
    put(bench, "position_max", "file", WHY)
    assert bench.state.limits_set == {}
    assert held(bench) == D(5)


def test_what_holds_already_is_not_journaled_again() -> None:
    bench = a_desk(position_max=D(5))
    assert put(bench, "position_max", "5") == []
    assert len(put(bench, "position_max", "2")) == 1
    assert put(bench, "position_max", "2.0") == []


def test_a_limit_that_was_set_outlives_a_restart_and_a_snapshot() -> None:
    bench = a_desk(position_max=D(5), open_orders_max=9)
    put(bench, "position_max", "2")
    put(bench, "open_orders_max", "12", WHY)
    again = bench.restart()
    assert (held(again), held(again, "open_orders_max")) == (D(2), 12)
    loaded = decode_state(encode_state(bench.state), bench.wall)
    assert loaded.limits_set == bench.state.limits_set


LIMIT = st.none() | st.integers(1, 9).map(D)


@given(was=LIMIT, file=LIMIT, later=LIMIT)
def test_under_a_changed_file_the_stricter_holds(
    was: Decimal | None, file: Decimal | None, later: Decimal | None
) -> None:
    record = LimitSet(scope=DESK, limit="net_max", value=was, file=file, by="me", why=WHY)
    assert holds(record, file) == was
    if later != file:
        assert holds(record, later) == stricter(was, later)
        assert not looser(holds(record, later), was)
        assert not looser(holds(record, later), later)


@given(st.lists(LIMIT, max_size=6))
def test_no_row_of_files_loosens_what_was_set_without_a_person(files: list[Decimal | None]) -> None:
    bench = Bench(some_settings(limits=some_limits(net_max=D(5))))
    put(bench, "net_max", "7", WHY)
    file: Decimal | None = D(5)
    for now in files:
        before = held(bench, "net_max")
        bench = bench.restart(with_file(bench.settings, net_max=now))
        if now == file:
            assert held(bench, "net_max") == before
        else:
            assert not looser(held(bench, "net_max"), now)
            assert not bench.state.limits_set or not looser(held(bench, "net_max"), D(7))
        file = now


def test_a_loosening_ends_with_the_file_it_was_over_and_says_so() -> None:
    bench = a_desk(position_max=D(5))
    put(bench, "position_max", "8", WHY)
    edited = bench.restart(with_file(bench.settings, position_max=D(6)))
    assert held(edited) == D(6)
    (record,) = [r for r in edited.opening.records if isinstance(r, LimitSet)]
    assert record.by == "desk"
    assert "said 5 when this was set to 8, and says 6 now" in record.why
    back = edited.restart(with_file(bench.settings, position_max=D(5)))
    assert held(back) == D(5), "it does not come back by itself"


def test_a_start_says_which_limits_are_not_the_files() -> None:
    bench = a_desk(position_max=D(5))
    put(bench, "position_max", "2")
    again = bench.restart(with_file(bench.settings, position_max=D(4)))
    (note,) = [n for n in effects(Note, again.opening) if n.event == "limit.holds"]
    assert (note.fields["value"], note.fields["file"], note.fields["by"]) == ("2", "4", "me")
    ((was, file),) = in_config(again.settings, again.state.limits_set)
    assert (was.value, file) == (D(2), D(4))


def test_a_strategys_limit_and_a_loss_limit_are_set_alike() -> None:
    bench = a_desk()
    (record,) = put(bench, "position_max", "1", kind="strategy", of=STRATEGY)
    assert record.scope == strategy_scope(STRATEGY)
    assert bench_limits(bench).own.position_max == D(1)
    assert held(bench) == D(5), "the desk's own is as it was"
    assert asked(bench, qty="1.1") == 0
    put(bench, "day_max", "3")
    bench.ticks(1.1, quoted=True)
    bench.buy("1")
    for _ in range(40):
        bench.quote("90", "90.01")
        bench.ticks(0.1)
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}


def test_one_instrument_of_two_is_set_alone_or_all_together() -> None:
    from desk.stories import BTCUSDC, limited

    bench = Bench(limited("notional"))
    made = put(bench, "order_qty_max", "1", kind="instrument", of=BTCUSDC)
    assert [record.scope for record in made] == [instrument_scope(BTCUSDC)]
    made = put(bench, "order_qty_max", "0.5")
    assert len(made) == 3
    made = put(bench, "asset_max", "2", kind="asset", of="BTC")
    assert [record.scope for record in made] == ["asset/BTC"]
    assert bench.settings.limits[BTCUSDC].asset_max is None


@pytest.mark.parametrize(
    ("limit", "value", "rest", "says"),
    [
        ("positon_max", "1", {}, "no limit that can be set while the desk runs 'positon_max'"),
        ("stale_after_ms", "1", {}, "no limit that can be set"),
        ("asset_max", "1", {}, "--asset NAME"),
        ("position_max", "much", {}, "'much' is no number"),
        ("position_max", "-1", {}, "above zero"),
        ("position_max", "NaN", {}, "above zero"),
        ("open_orders_max", "1.5", {}, "a whole number"),
        ("position_max", "off", {}, "cannot be off"),
        ("concentration_max", "50", {}, "a share, and 1 is all: got 50; half is 0.5"),
        ("position_max", "1", {"kind": "instrument", "of": "binance:DOGE"}, "no instrument"),
        ("gross_max", "1", {"kind": "instrument", "of": BTCUSDT}, "no limit of an instrument"),
        ("position_max", "1", {"kind": "strategy", "of": "nobody"}, "no strategy 'nobody'"),
        ("collar_bps", "1", {"kind": "strategy", "of": STRATEGY}, "no limit of a strategy"),
        ("asset_max", "1", {"kind": "asset", "of": "DOGE"}, "no base asset 'DOGE'"),
        ("net_max", "1", {"kind": "asset", "of": "BTC"}, "no limit of an asset"),
    ],
)
def test_what_cannot_be_set_is_named(
    limit: str, value: str, rest: dict[str, str], says: str
) -> None:
    bench = Bench()
    event = SetLimit(limit=limit, value=value, by="me", why=WHY, **rest)
    with pytest.raises(BadInput, match=says):
        changes(bench.settings, {}, event)


def test_every_limit_but_those_in_time_can_be_set() -> None:
    fixed = {"stale_after_ns", "duplicate_window_ns", "own"}
    assert {*OF_DESK, *OF_INSTRUMENT, "asset_max"} == {*Limits.__struct_fields__} - fixed
    assert "day_max" in LossLimits.__struct_fields__


def test_a_limit_of_what_left_the_config_is_kept_and_means_nothing() -> None:
    bench = Bench(some_settings(strategies=(STRATEGY, "gone")))
    put(bench, "position_max", "1", kind="strategy", of="gone")
    again = bench.restart(some_settings())
    assert list(in_config(again.settings, again.state.limits_set)) == []
    assert again.state.limits_set != {}


@pytest.mark.parametrize("limit", OF_CONTRACTS)
def test_a_limit_on_contracts_is_set_where_there_are_some(limit: str) -> None:
    event = SetLimit(limit=limit, value="0.5", by="me")
    (record,) = changes(perp_settings(), {}, event)
    assert (record.scope, record.value, record.file) == (DESK, D("0.5"), None)
    with pytest.raises(BadInput, match="bounds contracts, and this desk trades none"):
        changes(some_settings(), {}, event)
