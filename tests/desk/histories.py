"""Random histories of one desk: whatever may happen to it, in any order, restarts included."""

from hypothesis import strategies as st

from benches import Bench
from builders import BTCUSDT, D
from nightdesk.desk.events import (
    CancelAll,
    CancelEnded,
    Flatten,
    Health,
    Pause,
    Resume,
)
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.modes.ladder import DESK
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
            bench.found(any_order, statuses[n % 5])
        case "not_found" if any_order is not None:
            bench.not_found(any_order)
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
