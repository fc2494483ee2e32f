"""The live state is the fold of its records, and a snapshot is the state, for any sequence of events."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benches import Bench, fold, some_settings
from builders import BTCUSDT, STRATEGY, D
from nightdesk.desk.events import (
    CancelAll,
    CancelEnded,
    Flatten,
    Health,
    OrderFound,
    OrderNotFound,
    Pause,
    Resume,
)
from nightdesk.desk.image import decode_state, encode_state, state_hash
from nightdesk.desk.state import DeskState
from nightdesk.model.ids import Seq
from nightdesk.model.order import OrderType, Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.modes.ladder import DESK, Mode
from nightdesk.portfolio.position import Position
from nightdesk.strategy.messages import Place, Target

ACTIONS = [
    "place",
    "target",
    "ack",
    "lose",
    "reject",
    "unsent",
    "fill",
    "part",
    "report",
    "cancel_all",
    "cancel_ended",
    "found",
    "not_found",
    "account",
    "differ",
    "pause",
    "resume",
    "flatten",
    "health",
    "crash",
    "state",
    "wait",
    "long_wait",
    "quote",
    "restart",
]
STEP = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 1_000))


def act(bench: Bench, action: str, n: int) -> Bench:  # noqa: C901 one arm an action
    """One thing that may happen, chosen by `n` where there is a choice."""
    orders = [*bench.state.orders.live.values(), *bench.state.orders.ended.values()]
    pending = [o.intent for o in bench.state.orders.live.values() if o.state == "pending"]
    live = [o.intent for o in bench.state.orders.live.values()]
    any_order = orders[n % len(orders)].intent if orders else None
    statuses = list(VenueStatus)
    match action:
        case "place":
            side = Side.BUY if n % 2 else Side.SELL
            price = D(95 + n % 10)
            bench.propose(
                Place(
                    ref=f"r{n}",
                    instrument=BTCUSDT,
                    side=side,
                    type=OrderType.LIMIT,
                    qty=D(1 + n % 3),
                    price=price,
                )
            )
        case "target":
            bench.propose(Target(instrument=BTCUSDT, qty=D(n % 5 - 2)))
        case "ack" if pending:
            bench.ack(pending[n % len(pending)])
        case "lose" if pending:
            bench.lose(pending[n % len(pending)])
        case "reject" if pending:
            reason = (Reason.PERMANENT, Reason.THROTTLED, Reason.AUTH)[n % 3]
            bench.answer(pending[n % len(pending)], Verdict.REJECTED, reason)
        case "unsent" if pending:
            bench.answer(pending[n % len(pending)], Verdict.NOT_SENT, Reason.LATCHED)
        case "fill" if live:
            bench.fill(live[n % len(live)], fee="0.001", asset="BTC" if n % 2 else "USDT")
        case "part" if live:
            intent = live[n % len(live)]
            half = bench.order(intent).remaining / 2
            if half > 0:
                bench.fill(intent, str(half))
        case "report" if any_order is not None:
            filled = any_order.qty * (n % 3) / 2
            bench.told(bench.report(any_order, statuses[n % 5], filled))
        case "cancel_all":
            bench.decide(CancelAll(by="me"))
        case "cancel_ended" if any_order is not None:
            verdict = (Verdict.ACKED, Verdict.REJECTED, Verdict.UNKNOWN)[n % 3]
            outcome = Outcome(verdict=verdict)
            bench.decide(CancelEnded(client_id=any_order.client_id, outcome=outcome))
        case "found" if any_order is not None:
            bench.decide(OrderFound(report=bench.report(any_order, statuses[n % 5])))
        case "not_found" if any_order is not None:
            bench.decide(OrderNotFound(client_id=any_order.client_id, asked_at=bench.wall))
        case "account":
            bench.account()
        case "differ":
            held = dict(bench.state.funds.balances or {"BTC": D(10), "USDT": D(1_000_000)})
            held["BTC"] += D(n % 3)
            bench.account(held)
        case "pause":
            bench.decide(Pause(reason="p", by="me", keep=bool(n % 2)))
        case "resume":
            bench.decide(Resume(reason="r", by="me"))
        case "flatten":
            bench.decide(Flatten(by="me"))
        case "health":
            mode = Mode.REDUCE_ONLY if n % 2 else Mode.NORMAL
            bench.decide(Health(scope=DESK, cause="private", mode=mode, why="w"))
        case "crash":
            bench.propose(crash="boom")
        case "state":
            bench.propose(state=b"%d" % n)
        case "wait":
            bench.tick(n * MS_NS)
        case "long_wait":
            bench.tick(n * SECOND_NS // 50)
        case "quote":
            bench.quote(str(95 + n % 10), str(96 + n % 10))
        case "restart":
            bench = bench.restart()
            bench.quote()
        case _:
            pass
    return bench


def history(steps: list[tuple[str, int]]) -> Bench:
    bench = Bench().ready()
    for action, n in steps:
        bench = act(bench, action, n)
    return bench


def without_empty_positions(state: DeskState) -> DeskState:
    """Positions made by being looked at are no facts; see the test about them."""
    for key in [k for k, p in state.positions.items() if p == Position()]:
        del state.positions[key]
    return state


MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_any_state_has_bytes() -> None:
    assert encode_state(Bench().ready().state)


def test_looking_at_a_position_does_not_change_the_state() -> None:
    bench = Bench().ready()
    bench.open_order()
    assert set(bench.state.positions) == set(fold(bench.records, bench.wall).positions)


@given(st.lists(STEP, min_size=5, max_size=60))
@MANY
def test_the_live_state_is_the_fold_of_its_records(steps: list[tuple[str, int]]) -> None:
    bench = history(steps)
    folded = without_empty_positions(fold(bench.records, bench.wall))
    without_empty_positions(bench.state)
    assert encode_state(bench.state) == encode_state(folded)
    assert state_hash(bench.state) == state_hash(folded)


@given(st.lists(STEP, min_size=5, max_size=60))
@MANY
def test_a_snapshot_opens_as_the_state_it_was_taken_of(steps: list[tuple[str, int]]) -> None:
    bench = history(steps)
    bench.state.settle(bench.wall)
    body = encode_state(bench.state)
    again = decode_state(body, bench.wall)
    assert encode_state(again) == body
    for instrument in bench.settings.instruments:
        mine, theirs = bench.state.exposure(instrument), again.exposure(instrument)
        assert (mine.buying, mine.selling) == (theirs.buying, theirs.selling)
    for asset in bench.settings.assets():
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
    middle = encode_state(fold(bench.records, bench.wall))
    at = bench.wall
    for action, n in after:
        bench = act(bench, action, n)
    state = decode_state(middle, at)
    for index, (when, record) in enumerate(bench.records[cut:], cut + 1):
        state.apply(record, Seq(index), when)
    assert encode_state(state) == encode_state(fold(bench.records, bench.wall))


@given(st.lists(STEP, min_size=5, max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_prefix_of_a_history_opens(steps: list[tuple[str, int]]) -> None:
    bench = history(steps)
    for cut in range(0, len(bench.records) + 1, 3):
        fold(bench.records[:cut], bench.wall)


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
