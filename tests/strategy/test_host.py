"""The host: a message in, a proposal out; what the user's code does stays in the user's code."""

from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, NOW, STRATEGY, D, a_quote, an_id, an_instrument
from nightdesk.model.errors import BadInput
from nightdesk.model.market import Book, Trade
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.strategy.api import Depth, Strategy
from nightdesk.strategy.context import ACTIONS_MAX
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import (
    NOTHING,
    Cancel,
    Fill,
    Filled,
    Kept,
    Market,
    ModeChanged,
    OrderChanged,
    OrderView,
    Place,
    Proposal,
    Protect,
    ProtectionEnded,
    Refusal,
    Started,
    Target,
    TargetSuspended,
    TimerFired,
)
from nightdesk.strategy.prepare import prepare


def a_host(kind: type[Strategy], params=None, state=None, *, begins=True) -> Host:
    strategy = prepare(kind, params or {}, state)
    host = Host(STRATEGY, strategy, {BTCUSDT: an_instrument()}, Random(1))
    if begins:
        assert host.handle(Started(at=NOW, positions={}, orders=())) is NOTHING
    return host


def an_order(ref="r1", **changed) -> OrderView:
    made = OrderView(
        ref=ref,
        client_id=an_id(),
        instrument=BTCUSDT,
        side=Side.BUY,
        type=OrderType.LIMIT,
        price=D(100),
        qty=D(1),
        filled=D(0),
        state="open",
        live=True,
    )
    return msgspec.structs.replace(made, **changed)


STARTED = Started(
    at=NOW, positions={BTCUSDT: D(2)}, orders=(an_order(),), modes={BTCUSDT: Mode.CAUTIOUS}
)
QUOTED = Market(at=NOW, event=a_quote())


def on_quote(do, **members) -> type[Strategy]:
    """A strategy that does one thing at each quote."""

    def handler(self, ctx, quote):
        do(self, ctx)

    return type("Doing", (Strategy,), {"on_quote": handler, **members})


class Recorder(Strategy):
    """Remembers every call."""

    def __init__(self):
        self.calls = []

    def declare(self):
        return [Depth(5)]

    def on_start(self, ctx):
        self.calls.append(("start", dict(ctx.orders), ctx.position(BTCUSDT)))

    def on_quote(self, ctx, quote):
        self.calls.append(("quote", quote, ctx.quote(BTCUSDT)))

    def on_trade(self, ctx, trade):
        self.calls.append(("trade", trade))

    def on_depth(self, ctx, book):
        self.calls.append(("depth", book, ctx.book(BTCUSDT)))

    def on_order(self, ctx, order):
        self.calls.append(("order", order, dict(ctx.orders), ctx.position(BTCUSDT)))

    def on_fill(self, ctx, fill):
        self.calls.append(("fill", fill, ctx.position(BTCUSDT)))

    def on_refusal(self, ctx, ref, rule, text):
        self.calls.append(("refusal", ref, rule, text))

    def on_target_suspended(self, ctx, instrument, why):
        self.calls.append(("suspended", instrument, why))

    def on_protection_ended(self, ctx, instrument, why):
        self.calls.append(("unprotected", instrument, why))

    def on_mode(self, ctx, instrument, mode):
        self.calls.append(("mode", instrument, mode, ctx.mode(instrument)))

    def on_timer(self, ctx, name):
        self.calls.append(("timer", name, ctx.now))


FILL = Fill(
    ref="r1",
    instrument=BTCUSDT,
    side=Side.BUY,
    price=D(100),
    qty=D(1),
    fee=D(0),
    fee_asset="USDT",
    maker=True,
)
TRADE = Trade(
    instrument=BTCUSDT,
    trade_id=1,
    price=D(1),
    qty=D(1),
    buyer_is_maker=True,
    received=0,
    venue_time=NOW,
)
BOOK = Book(
    instrument=BTCUSDT, bids=((D(99), D(1)),), asks=((D(101), D(1)),), update_id=1, received=0
)


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (STARTED, ("start", {"r1": an_order()}, D(2))),
        (QUOTED, ("quote", a_quote(), a_quote())),
        (Market(at=NOW, event=TRADE), ("trade", TRADE)),
        (Market(at=NOW, event=BOOK), ("depth", BOOK, BOOK)),
        (
            OrderChanged(at=NOW, order=an_order(), position=D(3)),
            ("order", an_order(), {"r1": an_order()}, D(3)),
        ),
        (
            OrderChanged(at=NOW, order=an_order(live=False), position=D(3)),
            ("order", an_order(live=False), {}, D(3)),
        ),
        (Filled(at=NOW, fill=FILL, position=D(1)), ("fill", FILL, D(1))),
        (Refusal(at=NOW, ref="r1", rule="collar", text="far"), ("refusal", "r1", "collar", "far")),
        (TargetSuspended(at=NOW, instrument=BTCUSDT, why="hand"), ("suspended", BTCUSDT, "hand")),
        (
            ProtectionEnded(at=NOW, instrument=BTCUSDT, why="turned"),
            ("unprotected", BTCUSDT, "turned"),
        ),
        (
            ModeChanged(at=NOW, instrument=BTCUSDT, mode=Mode.CAUTIOUS),
            ("mode", BTCUSDT, Mode.CAUTIOUS, Mode.CAUTIOUS),
        ),
        (TimerFired(at=NOW, name="t"), ("timer", "t", NOW)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_message_reaches_its_handler_with_its_views_up_to_date(message, call):
    host = a_host(Recorder)
    host.strategy.calls.clear()
    assert host.handle(message) is NOTHING
    assert host.strategy.calls == [call]


def test_a_strategy_hears_what_it_holds_where_somebody_changed_it():
    host = a_host(Recorder)
    host.handle(Filled(at=NOW, fill=FILL, position=D(1)))
    host.handle(TargetSuspended(at=NOW, instrument=BTCUSDT, why="hand"))
    assert host.ctx.position(BTCUSDT) == D(1)
    host.handle(TargetSuspended(at=NOW, instrument=BTCUSDT, why="hand", position=D(0)))
    assert host.ctx.position(BTCUSDT) == D(0)


def test_a_strategy_sees_the_mode_of_each_instrument_from_its_start_on():
    host = a_host(Recorder)
    assert host.ctx.mode(BTCUSDT) is Mode.NORMAL
    host.handle(STARTED)
    assert host.ctx.mode(BTCUSDT) is Mode.CAUTIOUS
    host.handle(ModeChanged(at=NOW, instrument=BTCUSDT, mode=Mode.HALTED))
    assert host.ctx.mode(BTCUSDT) is Mode.HALTED


def test_an_ended_order_leaves_the_view():
    host = a_host(Recorder)
    host.handle(STARTED)
    host.handle(OrderChanged(at=NOW, order=an_order(live=False), position=D(3)))
    assert host.ctx.orders == {}


def test_wishes_come_back_in_order_and_only_once():
    def wish(self, ctx):
        ref = ctx.place(BTCUSDT, Side.SELL, D(1), D(100), OrderType.IOC)
        ctx.cancel(ref)
        ctx.target(BTCUSDT, None)

    host = a_host(on_quote(wish))
    assert host.handle(QUOTED).actions == (
        Place(
            ref="r1", instrument=BTCUSDT, side=Side.SELL, type=OrderType.IOC, qty=D(1), price=D(100)
        ),
        Cancel(ref="r1"),
        Target(instrument=BTCUSDT, qty=None),
    )
    assert [type(a) for a in host.handle(QUOTED).actions] == [Place, Cancel, Target]


def test_refs_are_never_repeated():
    host = a_host(on_quote(lambda self, ctx: ctx.place(BTCUSDT, Side.BUY, D(1), D(1))))
    refs = [host.handle(QUOTED).actions[0].ref for _ in range(10)]
    assert len(set(refs)) == 10


class Oops(Exception):
    """What a user's code raises."""


def fail(self, ctx):
    ctx.place(BTCUSDT, Side.BUY, D(1), D(1))
    raise Oops("on purpose")


FAILING_LINE = fail.__code__.co_firstlineno + 2


def test_a_crash_is_contained_and_named_with_the_users_file_and_line():
    host = a_host(on_quote(fail))
    proposal = host.handle(QUOTED)
    assert proposal == Proposal(crash=f"Oops: on purpose ({__file__}:{FAILING_LINE})")
    assert host.crashed == proposal.crash


def test_the_wishes_of_a_crashed_call_are_dropped_and_it_is_never_called_again():
    host = a_host(on_quote(fail))
    host.handle(QUOTED)
    assert host.ctx.actions == []
    assert host.handle(QUOTED) is NOTHING
    assert host.handle(STARTED) is NOTHING


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError, KeyError, AssertionError, RecursionError, MemoryError, NotImplementedError],
)
def test_whatever_exception_a_strategy_raises_is_a_crash(error):
    def raising(self, ctx):
        raise error

    assert a_host(on_quote(raising)).handle(QUOTED).crash.startswith(error.__name__)


def test_a_state_that_cannot_be_kept_is_a_crash():
    class State(msgspec.Struct):
        anything: object = None

    def spoil(self, ctx):
        self.state.anything = object()

    assert a_host(on_quote(spoil, State=State)).handle(QUOTED).crash.startswith("TypeError")


def test_wishing_for_an_instrument_of_another_is_a_crash_that_names_it():
    for wish in (
        lambda self, ctx: ctx.place("binance:ETHUSDT", Side.BUY, D(1), D(1)),
        lambda self, ctx: ctx.target("binance:ETHUSDT", D(1)),
    ):
        assert "binance:ETHUSDT is not among" in a_host(on_quote(wish)).handle(QUOTED).crash


@pytest.mark.parametrize(("wishes", "crashes"), [(ACTIONS_MAX, False), (ACTIONS_MAX + 1, True)])
def test_wishes_of_one_call_are_bounded(wishes, crashes):
    def wish(self, ctx):
        for _ in range(wishes):
            ctx.cancel("r1")

    proposal = a_host(on_quote(wish)).handle(QUOTED)
    assert bool(proposal.crash) is crashes
    assert len(proposal.actions) == (0 if crashes else wishes)


class Counting(Strategy):
    """Counts every second quote."""

    class State(msgspec.Struct):
        seen: int = 0
        notes: dict[str, int] = {}

    def __init__(self):
        self.quotes = 0

    def on_quote(self, ctx, quote):
        self.quotes += 1
        if self.quotes % 2 == 0:
            self.state.seen += 1


def test_state_is_kept_only_when_it_changed():
    host = a_host(Counting)
    kept = [host.handle(QUOTED).state for _ in range(4)]
    assert [state is not None for state in kept] == [False, True, False, True]
    assert msgspec.msgpack.decode(kept[3], type=Counting.State).seen == 2


def test_a_wish_without_a_change_of_state_keeps_no_state():
    host = a_host(on_quote(lambda self, ctx: ctx.cancel("r1")))
    assert host.handle(QUOTED) == Proposal(actions=(Cancel(ref="r1"),))


def test_kept_state_is_given_back():
    first = a_host(Counting)
    first.handle(QUOTED)
    kept = first.handle(QUOTED).state
    again = a_host(Counting, state=Kept(body=kept))
    assert again.strategy.state.seen == 1
    assert again.handle(QUOTED) is NOTHING  # what was kept is not kept again


def test_state_of_an_older_release_gets_the_new_fields_defaults():
    class Older(msgspec.Struct):
        seen: int = 0

    kept = msgspec.msgpack.encode(Older(seen=7))
    strategy = prepare(Counting, {}, Kept(body=kept))
    assert (strategy.state.seen, strategy.state.notes) == (7, {})


def test_state_that_does_not_fit_is_refused_with_the_way_out():
    class Newer(Strategy):
        class State(msgspec.Struct):
            required: int

    with pytest.raises(BadInput, match=r"Newer\.State does not fit.*give new fields a default"):
        prepare(Newer, {}, Kept(body=msgspec.msgpack.encode({})))


def test_two_instances_never_share_a_default_state():
    first, second = prepare(Counting, {}, None), prepare(Counting, {}, None)
    first.state.notes["x"] = 1
    assert second.state.notes == {}


class Sized(Strategy):
    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        size: Decimal = D("0.01")
        ticks: int = 1
        both_ways: bool = False


@pytest.mark.parametrize(
    ("params", "size"),
    [({}, "0.01"), ({"size": "0.02"}, "0.02"), ({"size": 0.1}, "0.1"), ({"size": 3}, "3")],
)
def test_params_are_typed(params, size):
    strategy = prepare(Sized, params, None)
    assert strategy.params.size == D(size)
    assert isinstance(strategy.params.size, Decimal)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"size": "much"}, "size"),
        ({"ticks": 1.5}, "ticks"),
        ({"both_ways": "perhaps"}, "both_ways"),
        ({"sise": "0.02"}, "sise"),
    ],
)
def test_params_that_do_not_fit_are_named_with_what_it_takes(params, words):
    with pytest.raises(
        BadInput, match=f"params of Sized: .*{words}.*it takes size, ticks, both_ways"
    ):
        prepare(Sized, params, None)


def test_a_strategy_without_params_says_so():
    with pytest.raises(BadInput, match="it takes none"):
        prepare(Recorder, {"size": 1}, None)


def test_timers_run_by_venue_time_and_are_set_for_their_next_time():
    host = a_host(on_quote(lambda self, ctx: ctx.every("beat", SECOND_NS)))
    host.handle(QUOTED)
    assert host.due(Wall(NOW + SECOND_NS - 1)) == []
    assert host.due(Wall(NOW + SECOND_NS)) == ["beat"]
    assert host.due(Wall(NOW + SECOND_NS)) == []
    assert host.due(Wall(NOW + 2 * SECOND_NS)) == ["beat"]


@given(st.integers(1, 10**9), st.lists(st.integers(0, 10**10), min_size=1, max_size=20))
def test_a_timer_that_was_late_fires_once_and_keeps_its_beat(interval, gaps):
    host = a_host(on_quote(lambda self, ctx: ctx.every("beat", interval)))
    host.handle(QUOTED)
    now, last = NOW, NOW
    for gap in gaps:
        now = Wall(now + gap)
        beats = (now - NOW) // interval - (last - NOW) // interval
        assert host.due(now) == (["beat"] if beats else [])
        last = now


@pytest.mark.parametrize("interval", [0, -1])
def test_a_timer_without_an_interval_is_a_crash(interval):
    proposal = a_host(on_quote(lambda self, ctx: ctx.every("beat", interval))).handle(QUOTED)
    assert "'beat'" in proposal.crash


def test_now_is_the_messages_time():
    seen = []
    host = a_host(on_quote(lambda self, ctx: seen.append(ctx.now)))
    host.handle(Market(at=Wall(NOW + 5), event=a_quote()))
    assert seen == [NOW + 5]


def test_an_instrument_nobody_quoted_has_neither_quote_nor_position():
    host = a_host(Recorder)
    assert host.ctx.quote(BTCUSDT) is None
    assert host.ctx.position(BTCUSDT) == 0


# What a user's code can do to the desk itself.


def _wish(call):
    return on_quote(lambda self, ctx: call(ctx))


@pytest.mark.parametrize(
    "call",
    [
        lambda ctx: ctx.place(BTCUSDT, Side.BUY, 0.01, D(100)),
        lambda ctx: ctx.place(BTCUSDT, Side.BUY, D("NaN"), D(100)),
        lambda ctx: ctx.place(BTCUSDT, Side.BUY, D(1), D("Infinity")),
        lambda ctx: ctx.place(BTCUSDT, "buy", D(1), D(100)),
        lambda ctx: ctx.target(BTCUSDT, 0.01),
        lambda ctx: ctx.target(BTCUSDT, D("NaN")),
        lambda ctx: ctx.cancel(None),
    ],
    ids=["float", "NaN", "infinite", "text for a side", "float target", "NaN target", "no ref"],
)
def test_a_wish_that_is_no_wish_is_the_strategys_crash_and_not_the_desks(call):
    assert a_host(_wish(call)).handle(QUOTED).crash


def test_a_crash_inside_the_context_names_the_users_line():
    crash = (
        a_host(_wish(lambda ctx: ctx.place("binance:NO", Side.BUY, D(1), D(1))))
        .handle(QUOTED)
        .crash
    )
    assert __file__ in crash


def test_a_strategy_cannot_exit_the_desk():
    def leave(self, ctx):
        raise SystemExit

    try:
        assert a_host(on_quote(leave)).handle(QUOTED).crash
    except SystemExit:
        pytest.fail("SystemExit left the host")


def test_an_error_that_cannot_be_printed_is_contained_too():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    def raising(self, ctx):
        raise Mute

    try:
        assert "Mute" in a_host(on_quote(raising)).handle(QUOTED).crash
    except RuntimeError:
        pytest.fail("the error's own error left the host")


def test_a_crash_is_short_enough_for_a_table():
    def raising(self, ctx):
        raise ValueError("x" * 2_000_000)

    assert len(a_host(on_quote(raising)).handle(QUOTED).crash) < 2_000


def test_a_state_larger_than_a_frame_is_the_strategys_crash():
    class State(msgspec.Struct):
        body: bytes = b""

    def grow(self, ctx):
        self.state.body = bytes(2_000_000)

    assert a_host(on_quote(grow, State=State)).handle(QUOTED).crash


def test_a_state_without_defaults_is_refused_with_the_way_out():
    class Bare(Strategy):
        class State(msgspec.Struct):
            required: int

    try:
        prepare(Bare, {}, None)
    except TypeError as error:
        pytest.fail(str(error))
    except BadInput:
        return


@pytest.mark.parametrize(
    "terms",
    [
        {"stop": D(90)},
        {"take_profit": D(110)},
        {"trail_bps": 100, "take_profit": D(110)},
        {"stop": D(90), "take_profit": D(110)},
        {},
    ],
)
def test_a_protection_is_one_wish(terms):
    host = a_host(on_quote(lambda self, ctx: ctx.protect(BTCUSDT, **terms)))
    assert host.handle(QUOTED).actions == (Protect(instrument=BTCUSDT, **terms),)


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ({"stop": 90.0}, "stop must be a Decimal"),
        ({"take_profit": D(0)}, "take_profit must be above zero"),
        ({"trail_bps": 9}, "trail_bps must be 0 or 10 to 2000"),
        ({"trail_bps": D(20)}, "trail_bps must be a int"),
        ({"stop": D(90), "trail_bps": 20}, "declare one of them"),
    ],
)
def test_a_protection_that_cannot_be_is_the_strategys_mistake(terms, names):
    host = a_host(on_quote(lambda self, ctx: ctx.protect(BTCUSDT, **terms)))
    assert names in host.handle(QUOTED).crash


def test_a_conditional_order_is_declared_not_placed():
    host = a_host(
        on_quote(lambda self, ctx: ctx.place(BTCUSDT, Side.SELL, D(1), D(90), OrderType.STOP))
    )
    assert "ctx.protect" in host.handle(QUOTED).crash
