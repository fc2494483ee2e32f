"""An exit that is more than one order may be goes out in slices, under names that its strategy can tell."""

from benches import Bench, cancels, effects, sent, some_limits, some_settings
from builders import BTCUSDT, D, an_instrument
from nightdesk.desk import wishes
from nightdesk.desk.events import Tell
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import SECOND_NS
from nightdesk.strategy.messages import Cancel, Place, Refusal


def wish(**changed: object) -> Place:
    made = {
        "ref": "w",
        "instrument": BTCUSDT,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "qty": D(1),
        "price": D(100),
        **changed,
    }
    return Place(**made)  # type: ignore[arg-type]


SMALL = some_limits(order_qty_max=D("0.4"), position_max=D(9))


def an_exit(qty: str = "1", **rest: object) -> Place:
    return wish(ref="out", side=Side.SELL, qty=D(qty), **rest)


def test_an_exit_that_is_more_than_one_order_may_be_goes_out_in_slices() -> None:
    bench = Bench(some_settings(limits=SMALL)).ready()
    for n in range(3):
        bench.buy("0.4", price=str(98 + n))
    intents = sent(bench.propose(an_exit("1.2")))
    assert [intent.qty for intent in intents] == [D("0.4")] * 3
    assert [bench.desk.views.ref(i.client_id) for i in intents] == ["out", "out/2", "out/3"]
    for intent in intents:
        bench.ack(intent)
    decision = bench.propose(Cancel(ref="out"))
    assert cancels(decision) == [intent.client_id for intent in intents]
    assert cancels(bench.propose(Cancel(ref="out"))) == []


def test_an_exit_beyond_what_the_venue_takes_in_one_order_is_sliced_too() -> None:
    rules = an_instrument(qty_max=D("0.5"))
    bench = Bench(some_settings(instruments=[rules])).ready()
    bench.buy("0.5")
    bench.buy("0.5", price="99")
    assert [i.qty for i in sent(bench.propose(an_exit("1")))] == [D("0.5")] * 2
    assert sent(bench.propose(wish(qty=D(1), price=D(99)))) == [], "an entry is refused"


def test_only_exits_are_sliced_and_never_one_that_is_all_or_nothing() -> None:
    bench = Bench(some_settings(limits=SMALL)).ready()
    assert sent(bench.propose(wish(qty=D(1)))) == []
    for n in range(3):
        bench.buy("0.4", price=str(98 + n))
    assert [i.qty for i in sent(bench.propose(an_exit("1", type=OrderType.FOK)))] == [D(1)]
    assert sent(bench.propose(an_exit("1.3"))) == [], "it would turn the position around"


def test_slices_have_a_bound_and_the_rest_is_told() -> None:
    bench = Bench(some_settings(limits=some_limits(order_qty_max=D("0.1")))).ready()
    for n in range(22):
        bench.buy("0.1", price=str(92 + n % 9))
        bench.wait(SECOND_NS // 10)
        bench.quote()
    decision = bench.propose(an_exit("2.2"))
    assert len(sent(decision)) == wishes.SLICES_MAX
    (refusal,) = [e.message for e in effects(Tell, decision) if isinstance(e.message, Refusal)]
    assert (refusal.ref, refusal.rule) == ("out/21", "slices")


def test_once_its_slices_have_ended_nothing_is_remembered_of_them() -> None:
    bench = Bench(some_settings(limits=SMALL)).ready()
    bench.buy("0.4")
    bench.buy("0.4", price="99")
    for intent in sent(bench.propose(an_exit("0.8"))):
        bench.ack(intent)
        bench.fill(intent)
    bench.propose(Cancel(ref="out"))
    assert bench.desk.views.sliced == set()
