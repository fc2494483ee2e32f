"""What each cap measures on the worst case, and whose orders have to keep it."""

from decimal import Decimal

import msgspec
import pytest

from builders import D, an_instrument, an_intent
from nightdesk.model.order import Origin, Side
from nightdesk.risk.caps import CAPS, Look, Of, Part, Whole, binding
from nightdesk.risk.gate import Approved, Refused, check, weigh
from nightdesk.risk.limits import Limits, StrategyLimits, View
from risk.test_gate import LIMITS, VIEW

HERE = an_instrument().id
QUIET = dict.fromkeys(Look, 0)


def part(
    held: str = "0",
    buying: str = "0",
    selling: str = "0",
    ask: str | None = "100",
    base: str = "BTC",
    wallet: str = "",
) -> Part:
    """With a wallet, a contract at a leverage of five."""
    price = None if ask is None else D(ask)
    times = 5 if wallet else 0
    return Part(base, price, D(held), D(buying), D(selling), wallet, times)


def whole(here: Part, *others: Part, own: Part | None = None, **rest: object) -> Whole:
    parts = {HERE: here} | {f"other{n}": other for n, other in enumerate(others)}
    made = {"caps": CAPS, "here": HERE, "joins": 1, "floor": D(0), "counts": QUIET, **rest}
    return Whole(parts=parts, own={HERE: own or here}, **made)  # type: ignore[arg-type]


def measured(rule: str, found: Whole) -> Decimal | int | None:
    (cap,) = [cap for cap in CAPS if cap.rule == rule]
    return cap.measure(found)


LONG, SHORT = part("3"), part("-3")
PERP, ELSEWHERE = part("1", "2", "5", wallet="w"), part("9", wallet="v")


@pytest.mark.parametrize(
    ("rule", "found", "expected"),
    [
        ("notional", whole(part("1", "2", "5")), D(400)),
        ("notional", whole(part("0", ask=None)), D(0)),
        ("notional", whole(part("1", ask=None)), None),
        # Longs against shorts, whichever side fills.
        ("net", whole(LONG, SHORT), D(0)),
        ("net", whole(LONG, part("-3", selling="2")), D(200)),
        ("net", whole(part("3", buying="4"), part("-3", selling="2")), D(400)),
        ("net", whole(LONG, part("1", ask=None)), None),
        ("net", whole(LONG, part(ask=None)), D(300)),
        # One base asset, whatever it is quoted in and wherever.
        ("asset", whole(LONG, part("2", "1"), part("9", base="ETH")), D(6)),
        ("asset", whole(LONG, part("-3", selling="7")), D(7)),
        ("asset", whole(LONG, part("2", ask=None)), D(5)),
        # The largest here against the smallest elsewhere.
        ("concentration", whole(LONG, part("1")), D("0.75")),
        ("concentration", whole(LONG, part("1", selling="1")), D(1)),
        ("concentration", whole(part("3", buying="1"), part("-1")), D("0.8")),
        ("concentration", whole(LONG, part("1", ask=None)), D(1)),
        ("concentration", whole(part("3", ask=None)), None),
        ("concentration", whole(LONG, floor=D(300)), D(0)),
        ("concentration", whole(LONG, floor=D("299.99")), D(1)),
        # Of one wallet, and of no other nor of spot: 400 and 100 at a leverage of five.
        ("margin_use", whole(PERP, LONG, ELSEWHERE, margin=D(200)), D("0.4")),
        ("margin_use", whole(PERP, part("-1", wallet="w"), margin=D(200)), D("0.5")),
        ("margin_use", whole(PERP, part("1", ask=None, wallet="w"), margin=D(200)), None),
        ("margin_use", whole(PERP, part("1", ask=None), margin=D(200)), D("0.4")),
        ("margin_use", whole(PERP, margin=D(0)), None),
        ("margin_use", whole(part(wallet="w"), margin=D(0)), D(0)),
        # Of every wallet, and of spot nothing.
        ("leverage", whole(PERP, LONG, ELSEWHERE, equity=D(1000)), D("1.3")),
        ("leverage", whole(PERP, part("1", ask=None), equity=D(1000)), D("0.4")),
        ("leverage", whole(PERP, equity=None), None),
        ("leverage", whole(PERP, equity=D(-1)), None),
        ("leverage", whole(LONG, part(wallet="w"), equity=None), D(0)),
        # What a strategy holds, whatever the desk does.
        ("strategy_position", whole(part(), own=part("2", "1")), D(3)),
        ("strategy_gross", whole(part(), own=part("-2", "1")), D(200)),
        ("strategy_gross", whole(part(), own=part("-2", ask=None)), None),
        ("strategy_net", whole(LONG, own=part("-2", "1")), D(200)),
        ("strategy_asset", whole(LONG, own=part("-2", "1")), D(2)),
        ("strategy_concentration", whole(LONG, own=part("2")), D(1)),
        ("strategy_concentration", whole(LONG, own=part("2"), floor=D(200)), D(0)),
        ("strategy_margin_use", whole(PERP, own=part("1", wallet="w"), margin=D(200)), D("0.1")),
        ("strategy_leverage", whole(PERP, own=part("1", wallet="w"), equity=D(1000)), D("0.1")),
        (
            "orders_per_fill",
            whole(LONG, counts=QUIET | {Look.ORDERS_MINUTE: 8, Look.FILLS_MINUTE: 2}),
            D("4.5"),
        ),
        ("orders_per_fill", whole(LONG, counts=QUIET | {Look.ORDERS_MINUTE: 8}), D(9)),
        ("messages_per_second", whole(LONG, counts=QUIET | {Look.MESSAGES_SECOND: 8}), 9),
        ("messages_per_second", whole(LONG, joins=0, counts=QUIET | {Look.MESSAGES_SECOND: 8}), 8),
    ],
)
def test_each_is_measured_on_the_worst_case(
    rule: str, found: Whole, expected: Decimal | int | None
) -> None:
    assert measured(rule, found) == expected


BOTH = msgspec.structs.replace(
    LIMITS, notional_max=D(1), own=StrategyLimits(position_max=D("0.01"))
)


def judged(held: str, own: str, origin: Origin = Origin.STRATEGY) -> Approved | Refused:
    """A sell of one, for a desk that holds so much and a strategy of which so much is its own."""
    bound = binding(BOTH)
    found = whole(part(held, selling="1"), own=part(own, selling="1"), caps=bound.caps)
    view: View = msgspec.structs.replace(VIEW, position=D(held), whole=found)
    intent = an_intent(side=Side.SELL, origin=origin)
    verdict = check(intent, BOTH, view)
    kept = all(weighed.kept for weighed in weigh(intent, BOTH, view))
    assert kept is isinstance(verdict, Approved)
    return verdict


@pytest.mark.parametrize(
    ("held", "own", "broken"),
    [
        ("1", "1", ""),  # both nearer to flat
        ("1", "0", "strategy_position"),  # the desk's exit, and the strategy's entry
        ("0", "1", "notional"),  # the strategy's exit, and the desk's entry
        ("0", "0", "notional"),
        ("0.5", "1", "notional"),  # it would turn the desk around
    ],
)
def test_an_order_keeps_the_limits_of_whoever_it_does_not_only_reduce(
    held: str, own: str, broken: str
) -> None:
    verdict = judged(held, own)
    assert (verdict.rule if isinstance(verdict, Refused) else "") == broken


def test_a_flatten_keeps_no_limit_of_a_strategy() -> None:
    assert isinstance(judged("1", "0", Origin.FLATTEN), Approved)


def test_a_market_without_a_price_is_no_reason_to_let_it_pass() -> None:
    limits = msgspec.structs.replace(LIMITS, net_max=D(10_000))
    found = whole(part("1"), part("1", ask=None), caps=binding(limits).caps)
    verdict = check(an_intent(), limits, msgspec.structs.replace(VIEW, whole=found))
    assert isinstance(verdict, Refused)
    assert "no price" in str(verdict)


def test_only_what_is_set_binds_and_only_what_it_looks_at_is_gathered() -> None:
    assert binding(LIMITS).caps == ()
    bound = binding(msgspec.structs.replace(LIMITS, net_max=D(1), cancels_per_second_max=1))
    assert [cap.rule for cap in bound.caps] == ["cancels_per_second", "net"]
    assert (bound.here, bound.everywhere) == (False, True)
    assert (bound.own, bound.own_everywhere) == (False, False)
    assert bound.counts == (Look.CANCELS_SECOND,)
    bound = binding(msgspec.structs.replace(LIMITS, notional_max=D(1)))
    assert (bound.here, bound.everywhere, bound.counts) == (True, False, ())


def test_what_bounds_contracts_binds_no_order_on_spot() -> None:
    limits = msgspec.structs.replace(LIMITS, margin_use_max=D("0.5"), leverage_max=D(2))
    assert binding(limits).caps == ()
    bound = binding(limits, contract=True)
    assert [cap.rule for cap in bound.caps] == ["margin_use", "leverage"]
    assert (bound.everywhere, bound.margin, bound.equity, bound.counts) == (True, True, True, ())


def test_every_cap_is_a_limit_of_its_own() -> None:
    for cap in CAPS:
        kind = StrategyLimits if cap.of is Of.STRATEGY else Limits
        assert cap.limit in kind.__struct_fields__
    assert len({cap.rule for cap in CAPS}) == len(CAPS)
