"""What is used of each limit, now and at worst, is told of every one that is set."""

import msgspec
import pytest

from benches import Bench, some_limits, some_settings
from builders import BTCUSDT, STRATEGY, D
from desk.stories import MEASURED, Story
from nightdesk.desk.events import SetLimit, Weigh
from nightdesk.desk.use import Use, uses
from nightdesk.desk.work import Work
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.risk.losses import LossLimits
from nightdesk.strategy.messages import Place


def told(bench: Bench) -> dict[str, Use]:
    work = Work(bench.state, bench.desk.views, bench.settings, bench.moment())
    return {use.limit: use for use in uses(work)}


def weighed(bench: Bench, qty: str = "1") -> None:
    """An order that is approved, and measured when nothing waits any more."""
    wish = Place(
        ref=f"w{bench.state.seq}",
        instrument=BTCUSDT,
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=D(qty),
        price=D(100),
    )
    decision = bench.propose(wish)
    (measured,) = [effect for effect in decision.after if isinstance(effect, Weigh)]
    bench.desk.weigh(measured.intent, measured.view)


def test_the_worst_that_was_allowed_of_every_limit_is_kept_and_told() -> None:
    bench = Bench().ready()
    for qty in ("1", "0.5"):
        weighed(bench, qty)
        bench.wall = Wall(bench.wall + 2 * SECOND_NS)
    rows = {limit: (use.worst, use.maximum) for limit, use in told(bench).items()}
    limits = bench.settings.limits[BTCUSDT]
    assert rows[f"position {BTCUSDT}"] == (D("1.5"), limits.position_max)
    assert rows[f"order_qty {BTCUSDT}"] == (D(1), limits.order_qty_max)
    assert rows[f"order_notional {BTCUSDT}"] == (D(100), limits.order_notional_max)
    assert rows["open_orders"] == (D(2), limits.open_orders_max)
    assert rows["orders_per_second"] == (D(1), limits.orders_per_second_max)


@pytest.mark.parametrize("rule", MEASURED)
def test_a_limit_that_may_be_set_is_told_where_it_is(rule: str) -> None:
    story = Story(rule)
    rows = {limit: use for limit, use in told(story.bench).items() if limit.split()[0] == rule}
    assert rows
    for use in rows.values():
        assert use.maximum == MEASURED[rule][0]
        assert use.now is not None
    story.step("place", 0)
    story.step("ack", 0)
    grown = [use for limit, use in told(story.bench).items() if limit in rows]
    unmoved = rule.startswith("cancels") or rule.endswith(
        "concentration"
    )  # a small order moves neither
    assert unmoved or any(use.now != rows[use.limit].now for use in grown)


def test_a_caps_worst_is_kept_and_a_cautious_desk_tells_half() -> None:
    settings = some_settings(limits=some_limits(net_max=D(400)), losses=LossLimits(day_max=D(9)))
    bench = Bench(settings).ready()
    weighed(bench, "2")
    assert told(bench)["net"].worst == D("200.02")
    assert told(bench)["net"].now == D("200.02")
    assert told(bench)["loss_day desk"].maximum == D(9)
    bench.lose(bench.state.orders.live[next(iter(bench.state.orders.live))].intent)
    bench.ticks(0.2)
    assert told(bench)["net"].maximum == D(200)


def test_what_is_set_while_the_desk_runs_is_what_is_told() -> None:
    bench = Bench().ready()
    bench.decide(SetLimit(limit="net_max", value="300", by="me"))
    assert told(bench)["net"].maximum == D(300)
    bench.decide(SetLimit(limit="gross_max", value="500", by="me"))
    assert told(bench)["gross"].maximum == D(500)
    own = {"kind": "strategy", "of": STRATEGY}
    bench.decide(SetLimit(limit="losing_exits_max", value="3", by="me", **own))
    assert told(bench)[f"losing_exits strategy/{STRATEGY}"].maximum == D(3)


def test_what_has_no_price_is_told_as_unknown() -> None:
    bench = Bench(some_settings(limits=some_limits(net_max=D(400)))).ready()
    bench.buy("1")
    again = bench.restart()
    assert told(again)["net"].now is None
    assert msgspec.structs.asdict(told(again)["net"])["worst"] == 0
